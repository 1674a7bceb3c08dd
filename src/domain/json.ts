// Node 24 has both; TypeScript's library does not know them yet.
type ExactJson = {
	parse(text: string, reviver: (key: string, value: unknown, at: { source?: string }) => unknown): unknown;
	rawJSON(text: string): object;
	isRawJSON(value: unknown): boolean;
};
const exact = JSON as typeof JSON & ExactJson;

/**
 * JSON.parse, but whole numbers that JavaScript would round are kept as they were written, so that `JSON.stringify` gives
 * them back digit by digit. Throws SyntaxError, and RangeError for a number no double can hold.
 */
export function exactJson(text: string): unknown {
	return exact.parse(text, (_key: string, value: unknown, { source }: { source?: string }) => {
		if (typeof value !== 'number' || source === undefined || Number.isSafeInteger(value)) return value;
		if (/^-?\d+$/.test(source)) return exact.rawJSON(source);
		if (!Number.isFinite(value)) throw new RangeError('number out of range');
		return value;
	});
}

/** A whole number of any size: a number where it is exact, else what `exactJson` keeps. Undefined: no whole number. */
export function exactInteger(text: string): unknown {
	const [, sign = '', digits] = /^([+-]?)0*(\d+)$/.exec(text) ?? [];
	if (digits === undefined) return undefined;
	const written = `${sign === '-' && digits !== '0' ? '-' : ''}${digits}`;
	const value = Number(written);
	return Number.isSafeInteger(value) ? value : exact.rawJSON(written);
}

export const isBigInteger = (value: unknown): boolean => exact.isRawJSON(value);

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === 'object' && value !== null && !Array.isArray(value) && !isBigInteger(value);
}
