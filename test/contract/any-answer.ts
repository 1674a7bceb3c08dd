import fc, { type Arbitrary } from 'fast-check';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

type Schema = { [key: string]: unknown };

const FILES = { 1: 'airflow-2.11.0-v1.yaml', 2: 'airflow-3.1.8-v2.yaml' } as const;
/** Deeper than this only what must be there. */
const DEEPEST = 6;

/**
 * Any answer (200 or 201) that Airflow's own OpenAPI document allows: every alternative of a `oneOf`, null where it may be null.
 * Fields are always there, as both servers write them, since the document of v1 names next to none as required.
 */
export function anyAnswer(api: 1 | 2): (method: string, template: string) => Arbitrary<unknown> {
	const document = parse(readFileSync(new URL(`specs/${FILES[api]}`, import.meta.url), 'utf8')) as Schema;

	const follow = (ref: string): Schema =>
		ref
			.slice(2)
			.split('/')
			.reduce((at, part) => at[part.replaceAll('~1', '/').replaceAll('~0', '~')] as Schema, document);

	function of(schema: Schema, depth: number): Arbitrary<unknown> {
		if (typeof schema['$ref'] === 'string') return of(follow(schema['$ref']), depth);
		const plain = notNull(schema, depth);
		return schema['nullable'] === true ? fc.option(plain, { nil: null, freq: 3 }) : plain;
	}

	function notNull(schema: Schema, depth: number): Arbitrary<unknown> {
		if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
		if ('const' in schema) return fc.constant(schema['const']);
		if (Array.isArray(schema['allOf'])) {
			const { allOf, ...own } = schema;
			const parts = [own, ...(allOf as Schema[])].filter(isObject);
			const objects = parts.map((part) => of(part, depth) as Arbitrary<object>);
			if (objects.length === 0) return of((schema['allOf'] as Schema[])[0] ?? {}, depth);
			return fc.tuple(...objects).map((values) => Object.assign({}, ...values) as object);
		}
		const alternatives = (schema['oneOf'] ?? schema['anyOf']) as Schema[] | undefined;
		if (alternatives) return fc.oneof(...alternatives.map((one) => of(one, depth)));
		switch (schema['type']) {
			case 'string':
				return textOf(schema);
			case 'integer':
				return fc.integer({ min: Number(schema['minimum'] ?? 0), max: 100_000 });
			case 'number':
				return fc.double({ min: 0, max: 1e6, noNaN: true });
			case 'boolean':
				return fc.boolean();
			case 'null':
				return fc.constant(null);
			case 'array':
				if (Array.isArray(schema['prefixItems']))
					return fc.tuple(...(schema['prefixItems'] as Schema[]).map((one) => of(one, depth + 1)));
				return fc.array(of((schema['items'] ?? {}) as Schema, depth + 1), { maxLength: depth > DEEPEST ? 0 : 2 });
			default:
				return isObject(schema) ? objectOf(schema, depth) : fc.jsonValue({ maxDepth: 1 });
		}
	}

	function isObject(schema: Schema): boolean {
		if (typeof schema['$ref'] === 'string') return isObject(follow(schema['$ref']));
		return schema['type'] === 'object' || 'properties' in schema || Array.isArray(schema['allOf']);
	}

	function objectOf(schema: Schema, depth: number): Arbitrary<unknown> {
		const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>);
		if (properties.length === 0) return fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 1 }));
		const required = (schema['required'] ?? []) as string[];
		// Null in the document for the sake of requests, which may leave it to Airflow; it is the run's key.
		const asKey = (name: string, one: Schema): Schema => (name === 'dag_run_id' ? { ...one, nullable: false } : one);
		const kept = depth > DEEPEST ? properties.filter(([name]) => required.includes(name)) : properties;
		return fc.record(Object.fromEntries(kept.map(([name, one]) => [name, of(asKey(name, one), depth + 1)])));
	}

	return (method, template) => {
		const operation = ((document['paths'] as Schema)[template] as Schema | undefined)?.[method] as Schema | undefined;
		if (!operation) throw new Error(`${method} ${template} is not in the document of v${api}.`);
		const responses = operation['responses'] as Record<string, Schema>;
		const answer = responses['200'] ?? responses['201'] ?? {};
		const content = answer['content'] as Record<string, { schema: Schema }>;
		const schema = content['application/json']?.schema;
		if (!schema) throw new Error(`${method} ${template} has no JSON answer.`);
		return of(schema, 0);
	};
}

const TIME = fc
	.date({ min: new Date('2020-01-01'), max: new Date('2030-01-01'), noInvalidDate: true })
	.map((date) => date.toISOString().replace('Z', '+00:00'));

const textOf = (schema: Schema): Arbitrary<string> =>
	/^date-?time$/.test(String(schema['format'])) ? TIME : fc.string({ minLength: 1, maxLength: 12 });
