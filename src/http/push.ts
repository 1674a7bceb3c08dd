import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { WatchOptions } from '../alerts/watch-options.ts';
import { readPush } from '../alerts/push.ts';
import type { IdTokens } from '../clients/id-tokens.ts';
import { PUSH_WINDOW_MS, REFUSED_PUSHES } from '../../worker/watch/findings.ts';
import { lookSoon } from '../../worker/watch/hint.ts';
import type { Wires } from '../../worker/wires.ts';
import { plain } from './public.ts';
import type { Handler } from './public.ts';

export const PUSH_PATH = '/push';
/** A log entry has at most 256 KiB, a third more in base64. */
const MOST_BYTES = 512 * 1024;
/** How far sender and receiver may be apart in time; a signature is refused the second time for longer than that. */
const APART_MS = 5 * 60_000;

export type PushOptions = NonNullable<WatchOptions['push']>;

/**
 * `POST /push/<environment>`: something failed there. Believed with Pub/Sub's OIDC token for our audience, or a timestamp and an HMAC
 * over timestamp, path and body. All it does is to make the watch look now; what is told is read from Airflow.
 */
export function pushDoor(options: PushOptions, wires: Pick<Wires, 'deps' | 'work'>, tokens: IdTokens): Handler {
	const { deps } = wires;
	const { watching, log } = deps;

	async function believed(request: IncomingMessage, path: string, body: string): Promise<boolean> {
		const bearer = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
		if (bearer !== undefined && options.audience !== undefined && options.serviceAccount !== undefined)
			return (await tokens.emailOf(bearer, options.audience)) === options.serviceAccount;
		if (options.secret === undefined) return false;
		const signature = oneHeader(request, 'x-concertmaster-signature');
		const timestamp = oneHeader(request, 'x-concertmaster-timestamp');
		if (!isSigned(options.secret, { signature, timestamp }, path, body, deps.now())) return false;
		return watching.first(`push ${signature}`, 3 * APART_MS);
	}

	return {
		path: PUSH_PATH,
		async handle(request, response) {
			const path = request.url?.split('?', 1)[0] ?? '';
			if (request.method !== 'POST') return plain(response, 405, 'Only POST.');
			const body = await readBody(request);
			if (body === undefined) return plain(response, 413, 'Too large.');
			if (!(await believed(request, path, body))) {
				await watching.happened(REFUSED_PUSHES, PUSH_WINDOW_MS);
				log.warn({}, 'push refused');
				return plain(response, 401, 'No valid token or signature.');
			}
			await watching.forget(REFUSED_PUSHES);
			const env = decoded(path.slice(PUSH_PATH.length + 1));
			if (!deps.environments.includes(env)) return plain(response, 404, 'There is no such environment.');
			const read = readPush(body);
			// Pub/Sub sends again whatever is not acknowledged: what nobody can read is taken and left.
			if (read === 'unreadable') log.warn({ env }, 'push unreadable');
			else await lookSoon(wires, env, read.hint, 'push');
			return plain(response, 202, 'Noted.');
		},
	};
}

export type Signature = { signature: string | undefined; timestamp: string | undefined };

/** `v1=` and the hex HMAC-SHA256 of `<timestamp>.<path>.<body>`; the timestamp in seconds. */
export function isSigned(
	secret: string,
	{ signature, timestamp }: Signature,
	path: string,
	body: string,
	nowMs: number,
): boolean {
	if (signature === undefined || timestamp === undefined || !/^\d{1,12}$/.test(timestamp)) return false;
	if (Math.abs(nowMs - Number(timestamp) * 1000) > APART_MS) return false;
	const mac = createHmac('sha256', secret).update(`${timestamp}.${path}.${body}`).digest('hex');
	const expected = Buffer.from(`v1=${mac}`);
	const given = Buffer.from(signature);
	return given.length === expected.length && timingSafeEqual(given, expected);
}

function oneHeader(request: IncomingMessage, name: string): string | undefined {
	const value = request.headers[name];
	return typeof value === 'string' ? value : undefined;
}

function decoded(segment: string): string {
	try {
		return decodeURIComponent(segment);
	} catch {
		return '';
	}
}

/** Undefined when it is too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of request as AsyncIterable<Buffer>) {
		bytes += chunk.byteLength;
		if (bytes > MOST_BYTES) return undefined;
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString('utf8');
}
