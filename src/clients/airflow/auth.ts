import { z } from 'zod';
import type { Http } from '../base/http.ts';
import type { GoogleToken } from '../base/google.ts';
import { Trouble } from '../../domain/errors.ts';
import { noGoogleToken, toTrouble, type Call } from './troubles.ts';

export const authSchema = z.discriminatedUnion('kind', [
	z
		.strictObject({ kind: z.literal('basic'), username: z.string().min(1), password: z.string().min(1) })
		.describe('User name and password; Airflow 2 with the basic_auth backend.'),
	z
		.strictObject({ kind: z.literal('jwt'), username: z.string().min(1), password: z.string().min(1) })
		.describe('Airflow 3: a token from POST /auth/token.'),
	z
		.strictObject({ kind: z.literal('google') })
		.describe("Composer, or an Airflow behind Google's proxy: an access token of the bot's own account."),
]);
export type AuthOptions = z.output<typeof authSchema>;

/** Makes the Authorization header of each call. */
export type Auth = {
	kind: AuthOptions['kind'];
	/** `fresh`: the last one was refused. Same value again: there is no other. Throws Trouble. */
	header(base: URL, options?: { fresh?: boolean }): Promise<string>;
	/** Who we are by our own knowledge: user name, or the account's e-mail. */
	who(): Promise<string | undefined>;
	/** The role, where the token itself names one (SimpleAuthManager). */
	role(): string | undefined;
};

export function toAuth(options: AuthOptions, http: Http, google: GoogleToken | undefined, now: () => number): Auth {
	if (options.kind === 'basic') return basic(options.username, options.password);
	if (options.kind === 'jwt') return jwt(options.username, options.password, http, now);
	if (!google) throw new Trouble('bug', 'airflow google token missing', 'No source of Google tokens was passed in.');
	return bearer(google);
}

function basic(username: string, password: string): Auth {
	const header = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
	return {
		kind: 'basic',
		header: () => Promise.resolve(header),
		who: () => Promise.resolve(username),
		role: () => undefined,
	};
}

const tokenAnswer = z.object({ access_token: z.string().min(1) });
const claims = z.object({ exp: z.number().optional(), role: z.string().optional() });

/** The token is renewed a minute before it ends (jwt_expiration_time, 24 h by default). */
function jwt(username: string, password: string, http: Http, now: () => number): Auth {
	let held: { header: string; endsAt: number; role: string | undefined } | undefined;
	let asking: Promise<string> | undefined;

	async function ask(base: URL): Promise<string> {
		const call: Call = { doing: 'sign in', method: 'POST', base, auth: 'jwt', api: 2, who: username };
		const answer = await http({
			method: 'POST',
			url: new URL('auth/token', base),
			json: { username, password },
			timeoutMs: 15_000,
		});
		if (answer.kind === 'failure' || answer.status >= 300) throw toTrouble(call, answer, now());
		const token = tokenAnswer.safeParse(parseJson(answer.text));
		if (!token.success) throw toTrouble(call, answer, now());
		const { exp, role } = readClaims(token.data.access_token);
		held = {
			header: `Bearer ${token.data.access_token}`,
			endsAt: exp === undefined ? Infinity : exp * 1000 - 60_000,
			role,
		};
		return held.header;
	}

	return {
		kind: 'jwt',
		header(base, { fresh } = {}) {
			if (held && !fresh && held.endsAt > now()) return Promise.resolve(held.header);
			asking ??= ask(base).finally(() => (asking = undefined));
			return asking;
		},
		who: () => Promise.resolve(username),
		role: () => held?.role,
	};
}

function bearer(google: GoogleToken): Auth {
	return {
		kind: 'google',
		async header(_base, { fresh } = {}) {
			try {
				return `Bearer ${await google.token(fresh ? { fresh } : {})}`;
			} catch (error) {
				throw noGoogleToken(error);
			}
		},
		// Whose token it is is only for show: not knowing it is an answer.
		who: () => google.who().catch(() => undefined),
		role: () => undefined,
	};
}

// The claims are only read for show and for the renewal time; the server is the one that checks them.
function readClaims(token: string): z.output<typeof claims> {
	const part = token.split('.')[1];
	const read = claims.safeParse(part === undefined ? undefined : parseJson(Buffer.from(part, 'base64url').toString()));
	return read.success ? read.data : {};
}

/** Undefined when it is no JSON: every caller checks the shape anyway. */
export function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
