import type { SimParam } from './types.ts';

/** The first param the conf does not satisfy, in the words of Python's jsonschema; undefined when all do. */
export function paramError(
	params: Readonly<Record<string, SimParam>>,
	conf: Readonly<Record<string, unknown>>,
): string | undefined {
	for (const [name, { value, schema }] of Object.entries(params)) {
		const given = Object.hasOwn(conf, name) ? conf[name] : value;
		const types = typesOf(schema);
		// A Param without a default: the schema would have to allow null for it to be left out.
		if ((given === null || given === undefined) && types.length > 0 && !types.includes('null'))
			return `Invalid input for param ${name}: No value passed and Param has no default value`;
		const wrong = violation(given, schema, types);
		if (wrong !== undefined) return `Invalid input for param ${name}: ${wrong}`;
	}
	return undefined;
}

function typesOf(schema: Readonly<Record<string, unknown>>): string[] {
	const { type } = schema;
	if (typeof type === 'string') return [type];
	return Array.isArray(type) ? type.filter((one) => typeof one === 'string') : [];
}

function violation(
	value: unknown,
	schema: Readonly<Record<string, unknown>>,
	types: readonly string[],
): string | undefined {
	const shown = python(value);
	if (types.length > 0 && !types.some((type) => isOf(type, value)))
		return `${shown} is not of type ${types.map((type) => `'${type}'`).join(', ')}`;
	if (value === null) return undefined;
	if (Array.isArray(schema['enum']) && !schema['enum'].includes(value))
		return `${shown} is not one of ${python(schema['enum'])}`;
	if (typeof value === 'number') {
		const { minimum, maximum } = schema;
		if (typeof minimum === 'number' && value < minimum) return `${shown} is less than the minimum of ${minimum}`;
		if (typeof maximum === 'number' && value > maximum) return `${shown} is greater than the maximum of ${maximum}`;
	}
	if (typeof value === 'string') {
		const { minLength, format } = schema;
		if (typeof minLength === 'number' && [...value].length < minLength)
			return minLength === 1 ? `${shown} should be non-empty` : `${shown} is too short`;
		if (format === 'date' && Number.isNaN(Date.parse(`${value}T00:00:00Z`))) return `${shown} is not a 'date'`;
	}
	return undefined;
}

function isOf(type: string, value: unknown): boolean {
	switch (type) {
		case 'null':
			return value === null;
		case 'integer':
			return Number.isInteger(value);
		case 'array':
			return Array.isArray(value);
		case 'object':
			return typeof value === 'object' && value !== null && !Array.isArray(value);
		default:
			return typeof value === type;
	}
}

/** As Python's repr prints it. */
function python(value: unknown): string {
	if (value === null || value === undefined) return 'None';
	if (typeof value === 'boolean') return value ? 'True' : 'False';
	if (typeof value === 'string') return `'${value}'`;
	if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`;
	if (typeof value === 'object')
		return `{${Object.entries(value)
			.map(([key, one]) => `'${key}': ${python(one)}`)
			.join(', ')}}`;
	return JSON.stringify(value);
}
