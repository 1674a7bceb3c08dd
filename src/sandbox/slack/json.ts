import type { Json, JsonObject } from './types.ts';

export function isObject(value: Json | undefined): value is JsonObject {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: Json | undefined): value is readonly Json[] {
	return Array.isArray(value);
}

/** Undefined when the text is not JSON. */
export function parseJson(text: string): Json | undefined {
	try {
		const value: Json = JSON.parse(text);
		return value;
	} catch (error) {
		if (error instanceof SyntaxError) return undefined;
		throw error;
	}
}

/** The objects of a list; anything else in it is left out. */
export function objectsOf(value: Json | undefined): readonly JsonObject[] {
	return isList(value) ? value.filter((item) => isObject(item)) : [];
}

export function textOf(value: Json | undefined): string {
	return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

export function stringsOf(value: Json | undefined): readonly string[] {
	return isList(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** Slack takes booleans of a form as `true`, `1` … */
export function isTrue(value: Json | undefined): boolean {
	return value === true || value === 1 || (typeof value === 'string' && /^(true|1)$/i.test(value));
}

export function numberOf(value: Json | undefined): number | undefined {
	if (typeof value === 'number') return value;
	if (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
	return undefined;
}
