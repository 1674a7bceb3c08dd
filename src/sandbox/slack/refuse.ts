import type { JsonObject } from './types.ts';

const answers = new WeakMap<Error, JsonObject>();

/** Ends a Web API call with `{ok: false, error}`, as Slack does with HTTP 200. */
export function refuse(error: string, extra: JsonObject = {}): never {
	const refusal = new Error(error);
	answers.set(refusal, { ok: false, error, ...extra });
	throw refusal;
}

/** The answer of a refusal; undefined when the error is a defect of the stand-in itself. */
export function refusalOf(error: unknown): JsonObject | undefined {
	return error instanceof Error ? answers.get(error) : undefined;
}
