import type { DagParam } from './airflow.ts';
import { exactInteger, exactJson, isBigInteger, isRecord } from './json.ts';
import type { Text } from './text.ts';

/** JSON schema's names of types. */
export type JsonType = 'null' | 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object';

const TYPES: readonly JsonType[] = ['null', 'string', 'integer', 'number', 'boolean', 'array', 'object'];
const isType = (value: unknown): value is JsonType => TYPES.some((type) => type === value);

/** The types the DAG's author declared; empty: none. */
export function declaredTypes({ schema }: DagParam): readonly JsonType[] {
	const { type } = schema;
	return Array.isArray(type) ? type.filter(isType) : isType(type) ? [type] : [];
}

/** Declared types, else the type of the default: a plain `params={"n": 3}` has no schema. Empty: anything goes. */
export function typesOf(param: DagParam): readonly JsonType[] {
	const declared = declaredTypes(param);
	if (declared.length > 0) return declared;
	const { value } = param;
	if (value === null || value === undefined) return [];
	if (typeof value === 'number' || isBigInteger(value)) return ['number'];
	if (typeof value === 'boolean') return ['boolean'];
	if (Array.isArray(value)) return ['array'];
	return typeof value === 'string' ? ['string'] : ['object'];
}

/** What may be chosen from; undefined: anything. */
export function choicesOf({ schema }: DagParam): readonly unknown[] | undefined {
	return Array.isArray(schema['enum']) && schema['enum'].length > 0 ? schema['enum'] : undefined;
}

/** A value must be given: there is no default and null is none. */
export function isRequired(param: DagParam): boolean {
	if (param.value !== null && param.value !== undefined) return false;
	const types = declaredTypes(param);
	if (types.length > 0) return !types.includes('null');
	const choices = choicesOf(param);
	return choices !== undefined && !choices.includes(null);
}

export type ReadParam = { value: unknown } | { problem: Text };

/** What somebody typed as a value of this param. Its type decides; a param that is not known or has no type is a string. */
export function readParam(param: DagParam | undefined, text: string): ReadParam {
	if (!param) return { value: text };
	const choices = choicesOf(param);
	if (choices) {
		const chosen = choices.find((choice) => labelOf(choice) === text);
		return chosen === undefined ? { problem: notAmong(choices) } : { value: chosen };
	}
	const types = typesOf(param);
	if (types.length === 0) return { value: text };
	if (types.includes('null') && (text === 'null' || (text === '' && !types.includes('string')))) return { value: null };
	for (const type of types) {
		if (type === 'string' || type === 'null') continue;
		const value = type === 'array' ? readList(param, text) : READ[type](text);
		if (value !== undefined) return { value };
	}
	return types.includes('string') ? { value: text } : { problem: mustBe(types) };
}

const READ: Readonly<Record<Exclude<JsonType, 'string' | 'null' | 'array'>, (text: string) => unknown>> = {
	integer: (text) => exactInteger(text.trim()),
	number: (text) =>
		exactInteger(text.trim()) ??
		(/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(text.trim()) && Number.isFinite(Number(text))
			? Number(text)
			: undefined),
	boolean: (text) =>
		/^(true|yes|on)$/i.test(text.trim()) ? true : /^(false|no|off)$/i.test(text.trim()) ? false : undefined,
	object: (text) => {
		const value = jsonOrNothing(text);
		return isRecord(value) ? value : undefined;
	},
};

/** JSON, or items with commas or line ends between them, each read as the schema says of items. */
function readList({ name, schema }: DagParam, text: string): unknown {
	if (text.trim().startsWith('[')) {
		const value = jsonOrNothing(text);
		return Array.isArray(value) ? value : undefined;
	}
	const item: DagParam = { name, value: null, schema: isRecord(schema['items']) ? schema['items'] : {} };
	const read = text
		.split(/[,\n]/)
		.map((one) => one.trim())
		.filter(Boolean)
		.map((one) => readParam(item, one));
	return read.flatMap((one) => ('value' in one ? [one.value] : [])).length === read.length
		? read.map((one) => ('value' in one ? one.value : null))
		: undefined;
}

function jsonOrNothing(text: string): unknown {
	try {
		return exactJson(text);
	} catch {
		return undefined;
	}
}

/** How a value is shown and typed: strings as they are, the rest as JSON. */
export function labelOf(value: unknown): string {
	return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/**
 * Why this value does not fit the param; undefined: nothing that can be told here. Checks type, enum, const, bounds, lengths
 * and dates. What it leaves out (patterns, which could hang; combined schemas) Airflow checks itself.
 */
export function problemOf(param: DagParam, value: unknown): Text | undefined {
	if (value === null || value === undefined)
		return isRequired({ ...param, value: null }) ? { en: 'needs a value', ja: '値が必要です' } : undefined;
	const choices = choicesOf(param);
	if (choices) return choices.some((choice) => same(choice, value)) ? undefined : notAmong(choices);
	const types = declaredTypes(param);
	if (types.length > 0 && !types.some((type) => isOf(type, value))) return mustBe(types);
	const { schema } = param;
	if (schema['const'] !== undefined && !same(schema['const'], value)) return notAmong([schema['const']]);
	if (typeof value === 'string') return problemOfText(schema, value);
	if (typeof value === 'number') return problemOfNumber(schema, value);
	if (Array.isArray(value)) return problemOfList(schema, value);
	return undefined;
}

export type ConfProblem = { param: string; problem: Text };

/** Params of the DAG that this conf does not fit, or that still need a value. Keys the DAG does not know are no problem. */
export function confProblems(params: readonly DagParam[], conf: Readonly<Record<string, unknown>>): ConfProblem[] {
	return params.flatMap((param) => {
		const given = Object.hasOwn(conf, param.name);
		// A default that does not fit is the DAG's own business, and Airflow's to say.
		if (!given && !isRequired(param)) return [];
		const problem = problemOf(param, given ? conf[param.name] : null);
		return problem ? [{ param: param.name, problem }] : [];
	});
}

const IS: Readonly<Record<JsonType, (value: unknown) => boolean>> = {
	null: (value) => value === null,
	string: (value) => typeof value === 'string',
	boolean: (value) => typeof value === 'boolean',
	integer: (value) => Number.isInteger(value) || isBigInteger(value),
	number: (value) => typeof value === 'number' || isBigInteger(value),
	array: Array.isArray,
	object: isRecord,
};
const isOf = (type: JsonType, value: unknown): boolean => IS[type](value);

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

const bound = (schema: DagParam['schema'], key: string): number | undefined => {
	const value = schema[key];
	return typeof value === 'number' ? value : undefined;
};

function problemOfText(schema: DagParam['schema'], text: string): Text | undefined {
	const length = [...text].length;
	const least = bound(schema, 'minLength');
	const most = bound(schema, 'maxLength');
	if (least !== undefined && length < least)
		return { en: `needs at least ${least} characters`, ja: `${least} 文字以上が必要です` };
	if (most !== undefined && length > most)
		return { en: `takes at most ${most} characters`, ja: `${most} 文字以内で指定してください` };
	if (schema['format'] === 'date' && !isDay(text))
		return { en: 'must be a date such as 2026-11-20', ja: '2026-11-20 のような日付を指定してください' };
	if (schema['format'] === 'date-time' && Number.isNaN(Date.parse(text)))
		return {
			en: 'must be a date and time such as 2026-11-20T09:30:00+00:00',
			ja: '2026-11-20T09:30:00+00:00 のような日時を指定してください',
		};
	if (schema['format'] === 'time' && !/^\d{2}:\d{2}(:\d{2})?/.test(text))
		return { en: 'must be a time such as 09:30:00', ja: '09:30:00 のような時刻を指定してください' };
	return undefined;
}

function isDay(text: string): boolean {
	const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : undefined;
	return at !== undefined && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}

function problemOfNumber(schema: DagParam['schema'], value: number): Text | undefined {
	const [least, most] = [bound(schema, 'minimum'), bound(schema, 'maximum')];
	const [above, below] = [bound(schema, 'exclusiveMinimum'), bound(schema, 'exclusiveMaximum')];
	if (least !== undefined && value < least)
		return { en: `must be ${least} or more`, ja: `${least} 以上を指定してください` };
	if (most !== undefined && value > most)
		return { en: `must be ${most} or less`, ja: `${most} 以下を指定してください` };
	if (above !== undefined && value <= above)
		return { en: `must be more than ${above}`, ja: `${above} より大きい値を指定してください` };
	if (below !== undefined && value >= below)
		return { en: `must be less than ${below}`, ja: `${below} より小さい値を指定してください` };
	return undefined;
}

function problemOfList(schema: DagParam['schema'], value: readonly unknown[]): Text | undefined {
	const [least, most] = [bound(schema, 'minItems'), bound(schema, 'maxItems')];
	if (least !== undefined && value.length < least)
		return { en: `needs at least ${least} items`, ja: `${least} 個以上が必要です` };
	if (most !== undefined && value.length > most)
		return { en: `takes at most ${most} items`, ja: `${most} 個以内で指定してください` };
	const items = schema['items'];
	const type = isRecord(items) ? items['type'] : undefined;
	if (isType(type) && value.some((item) => !isOf(type, item)))
		return { en: `must hold ${NAMES[type].en} only`, ja: `要素は${NAMES[type].ja}のみ指定できます` };
	return undefined;
}

const NAMES: Readonly<Record<JsonType, Text>> = {
	null: { en: 'null', ja: 'null' },
	string: { en: 'text', ja: '文字列' },
	integer: { en: 'a whole number', ja: '整数' },
	number: { en: 'a number', ja: '数値' },
	boolean: { en: 'true or false', ja: 'true または false' },
	array: { en: 'a list', ja: 'リスト' },
	object: { en: 'a JSON object', ja: 'JSON オブジェクト' },
};

function mustBe(types: readonly JsonType[]): Text {
	const named = types.filter((type) => type !== 'null');
	return {
		en: `must be ${named.map((type) => NAMES[type].en).join(' or ')}`,
		ja: `${named.map((type) => NAMES[type].ja).join('または')}を指定してください`,
	};
}

function notAmong(choices: readonly unknown[]): Text {
	const shown = choices.slice(0, 10).map((choice) => labelOf(choice).slice(0, 60));
	const more = choices.length > shown.length ? ' …' : '';
	return {
		en: `must be one of: ${shown.join(', ')}${more}`,
		ja: `次のいずれかを指定してください: ${shown.join('、')}${more}`,
	};
}
