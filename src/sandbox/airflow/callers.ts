import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AirflowOptions, GoogleCaller, Role } from './types.ts';

/** Who calls, or the refusal as status, content type and body. */
export type Caller =
	{ ok: true; name: string; role: Role } | { ok: false; status: number; headers: Record<string, string>; body: string };

const HTML = { 'content-type': 'text/html; charset=utf-8' };
const JSON_TYPE = { 'content-type': 'application/json' };

/** Signing in, as each generation and Composer's proxy do it. */
export function openCallers(options: AirflowOptions, now: () => number) {
	const users =
		options.users ??
		(['Admin', 'Op', 'Viewer'] as const).map((role) => ({
			username: role.toLowerCase(),
			password: role.toLowerCase(),
			role,
		}));
	const secret = randomBytes(32);
	let google = options.google ?? {};
	// Tokens of an older round count as expired.
	let round = 0;

	const sign = (text: string): string => createHmac('sha256', secret).update(text).digest('base64url');
	const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

	/** POST /auth/token of Airflow 3. */
	function token(username: unknown, password: unknown): string | undefined {
		const user = users.find((one) => one.username === username && one.password === password);
		if (!user) return undefined;
		const issued = Math.floor(now() / 1000);
		const body = `${part({ alg: 'HS512', typ: 'JWT' })}.${part({ sub: user.username, role: user.role.toLowerCase(), iat: issued, exp: issued + 86_400, jti: randomBytes(8).toString('hex'), round })}`;
		return `${body}.${sign(body)}`;
	}

	/** What Composer's proxy and Airflow behind it say to a caller without a good access token. */
	function byGoogle(header: string, api: 1 | 2): Caller {
		const bearer = /^Bearer (.+)$/i.exec(header)?.[1];
		if (bearer === undefined)
			return {
				ok: false,
				status: 302,
				headers: { location: 'https://accounts.google.com/o/oauth2/v2/auth?client_id=proxy' },
				body: '',
			};
		const who: GoogleCaller | undefined = google[bearer];
		if (!who)
			return {
				ok: false,
				status: 401,
				headers: HTML,
				body: page('401', 'Request had invalid authentication credentials.'),
			};
		if (who.mayPass === false)
			return { ok: false, status: 403, headers: HTML, body: page('403', 'The caller does not have permission.') };
		if (who.registered === false)
			return api === 1
				? {
						ok: false,
						status: 403,
						headers: { 'content-type': 'text/plain' },
						body: 'Not authorized or account inactive',
					}
				: {
						ok: false,
						status: 401,
						headers: JSON_TYPE,
						body: '{"detail":"Not authorized - unable to register or inactive user"}',
					};
		return { ok: true, name: who.email, role: who.role };
	}

	function byPassword(header: string): Caller {
		const pair = Buffer.from(/^Basic (.+)$/i.exec(header)?.[1] ?? '', 'base64').toString();
		const colon = pair.indexOf(':');
		const user = users.find(
			(one) => colon > 0 && one.username === pair.slice(0, colon) && one.password === pair.slice(colon + 1),
		);
		if (user) return { ok: true, name: user.username, role: user.role };
		// Not 401: seen on 2.11.2 for missing, wrong and foreign credentials alike.
		return {
			ok: false,
			status: 403,
			headers: { 'content-type': 'application/problem+json' },
			body: problemBody(403, 'Forbidden', null),
		};
	}

	function byToken(header: string): Caller {
		const refuse = (status: number, detail: string): Caller => ({
			ok: false,
			status,
			headers: JSON_TYPE,
			body: JSON.stringify({ detail }),
		});
		const bearer = /^Bearer (.+)$/i.exec(header)?.[1];
		if (bearer === undefined) return refuse(401, 'Not authenticated');
		const [head, claims, signature] = bearer.split('.');
		if (signature === undefined || sign(`${head}.${claims}`) !== signature) return refuse(403, 'Invalid JWT token');
		const read = JSON.parse(Buffer.from(claims ?? '', 'base64url').toString()) as {
			sub: string;
			exp: number;
			round: number;
		};
		if (read.exp * 1000 < now() || read.round < round) return refuse(401, 'Token Expired');
		const user = users.find(({ username }) => username === read.sub);
		return user ? { ok: true, name: user.username, role: user.role } : refuse(403, 'Invalid JWT token');
	}

	return {
		users,
		token,
		expireTokens() {
			round += 1;
		},
		setGoogle(known: Readonly<Record<string, GoogleCaller>>) {
			google = known;
		},
		/** The proxy in front of Composer asks everybody, for every path. */
		atTheDoor(request: IncomingMessage, api: 1 | 2): Caller | undefined {
			if (options.addressAllowed === false)
				return { ok: false, status: 403, headers: HTML, body: page('403', 'Access is not allowed from this address.') };
			if (options.auth !== 'google') return undefined;
			const caller = byGoogle(request.headers.authorization ?? '', api);
			return caller.ok ? undefined : caller;
		},
		who(request: IncomingMessage, api: 1 | 2): Caller {
			const header = request.headers.authorization ?? '';
			if (options.auth === 'google') return byGoogle(header, api);
			if (api === 2) return byToken(header);
			if (options.auth === 'deny_all') return { ok: false, status: 403, headers: HTML, body: 'Forbidden' };
			return byPassword(header);
		},
	};
}
export type Callers = ReturnType<typeof openCallers>;

export function page(title: string, words: string): string {
	return `<!DOCTYPE html>\n<html lang="en"><head><title>${title}</title></head><body><h1>${title}</h1><p>${words}</p></body></html>\n`;
}

/** v1's RFC 7807 body. */
export function problemBody(status: number, title: string, detail: string | null, type = kindOf(status)): string {
	return JSON.stringify({ detail, status, title, type }, null, 2);
}

const KINDS: Readonly<Record<number, string>> = {
	400: 'BadRequest',
	401: 'Unauthenticated',
	403: 'PermissionDenied',
	404: 'NotFound',
	405: 'MethodNotAllowed',
	406: 'NotAcceptable',
	409: 'AlreadyExists',
};

function kindOf(status: number): string {
	const kind = KINDS[status];
	return kind === undefined
		? 'about:blank'
		: `https://airflow.apache.org/docs/apache-airflow/2.11.2/stable-rest-api-ref.html#section/Errors/${kind}`;
}
