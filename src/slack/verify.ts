import { createHmac, timingSafeEqual } from 'node:crypto';

/** Slack signs the second it sends; a clock may be a minute off, and an older request may have been recorded. */
const FUTURE_S = 60;
const PAST_S = 300;

/**
 * Whether Slack signed this body, recently. Bolt's own check takes any time in the future.
 * Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
 */
export function isSigned(
	secret: string,
	signature: string | undefined,
	timestamp: string | undefined,
	body: string,
	nowMs: number,
): boolean {
	if (signature === undefined || timestamp === undefined || !/^\d{1,12}$/.test(timestamp)) return false;
	const age = nowMs / 1000 - Number(timestamp);
	if (age > PAST_S || age < -FUTURE_S) return false;
	const expected = Buffer.from(`v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}`);
	const given = Buffer.from(signature);
	return given.length === expected.length && timingSafeEqual(given, expected);
}

/** Whom a payload says it is from and for. */
export type Origin = { team: string | undefined; app: string | undefined };

/** The ids in a command, event, click, view or option request, wherever that kind carries them. */
export function originOf(body: Readonly<Record<string, unknown>>): Origin {
	const string = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
	const inner = (value: unknown, key: string): string | undefined =>
		typeof value === 'object' && value !== null && key in value
			? string((value as Record<string, unknown>)[key])
			: undefined;
	return {
		team: string(body['team_id']) ?? inner(body['team'], 'id') ?? inner(body['user'], 'team_id'),
		app: string(body['api_app_id']),
	};
}

/** Only our workspace, and our app where its id is known: one signing secret may serve several. */
export function isOurs(origin: Origin, ours: { team: string; app: string | undefined }): boolean {
	return origin.team === ours.team && (ours.app === undefined || origin.app === ours.app);
}
