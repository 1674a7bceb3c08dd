import { countCall } from './calls.ts';

/**
 * What every client does its HTTP with: one deadline for the whole call, no retry, no redirect, a cap on what is read.
 * Failures are values here, because only the client knows whom to name in its Trouble.
 */

export type HttpRequest = {
	method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
	url: URL;
	headers?: Readonly<Record<string, string>> | undefined;
	/** Sent as JSON. */
	json?: unknown;
	/** For everything, from the name lookup to the last byte. */
	timeoutMs: number;
	/** More than this is a failure `too-large`, or is cut from the head with `keep: 'tail'`. */
	maxBytes?: number | undefined;
	keep?: 'all' | 'tail' | undefined;
	signal?: AbortSignal | undefined;
};

export type HttpAnswer = {
	kind: 'answer';
	status: number;
	headers: Headers;
	/** `application/json`, without parameters, lower case; empty when the server named none. */
	contentType: string;
	text: string;
	/** With `keep: 'tail'`: bytes that were read and dropped before `text`. */
	droppedBytes: number;
};

export type HttpFailure = {
	kind: 'failure';
	why: 'timeout' | 'aborted' | 'dns' | 'refused' | 'unreachable' | 'tls' | 'reset' | 'too-large' | 'other';
	/** Whether the request may have reached the server: false means that it certainly took no effect. */
	sent: boolean;
	/** Node's own code, such as `ECONNREFUSED`; for logs. */
	code: string | undefined;
	cause: unknown;
};

export type Http = (request: HttpRequest) => Promise<HttpAnswer | HttpFailure>;

const MAX_BYTES = 8 * 1024 * 1024;

/** Redirects come back as answers with their 3xx status: a token never follows one. */
export const http: Http = async (request) => {
	countCall();
	const deadline = AbortSignal.timeout(request.timeoutMs);
	const signal = request.signal ? AbortSignal.any([deadline, request.signal]) : deadline;
	const headers: Record<string, string> = { ...request.headers };
	if (request.json !== undefined) headers['content-type'] = 'application/json';
	try {
		const response = await fetch(request.url, {
			method: request.method,
			headers,
			redirect: 'manual',
			signal,
			...(request.json === undefined ? {} : { body: JSON.stringify(request.json) }),
		});
		const read = await readBody(response, request.maxBytes ?? MAX_BYTES, request.keep === 'tail');
		if (read === undefined) return { kind: 'failure', why: 'too-large', sent: true, code: undefined, cause: undefined };
		return {
			kind: 'answer',
			status: response.status,
			headers: response.headers,
			contentType: (response.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '',
			...read,
		};
	} catch (error) {
		if (deadline.aborted) return { kind: 'failure', why: 'timeout', sent: true, code: undefined, cause: error };
		if (request.signal?.aborted) return { kind: 'failure', why: 'aborted', sent: true, code: undefined, cause: error };
		return toFailure(error);
	}
};

async function readBody(
	response: Response,
	maxBytes: number,
	tail: boolean,
): Promise<{ text: string; droppedBytes: number } | undefined> {
	if (!response.body) return { text: '', droppedBytes: 0 };
	const kept: Uint8Array[] = [];
	let keptBytes = 0;
	let droppedBytes = 0;
	for await (const chunk of response.body) {
		kept.push(chunk);
		keptBytes += chunk.byteLength;
		if (keptBytes <= maxBytes) continue;
		// Leaving the loop cancels the stream, and with it the transfer.
		if (!tail) return undefined;
		while (keptBytes > maxBytes) {
			const first = kept[0];
			if (!first) break;
			const surplus = keptBytes - maxBytes;
			const cut = Math.min(surplus, first.byteLength);
			if (cut === first.byteLength) kept.shift();
			else kept[0] = first.subarray(cut);
			keptBytes -= cut;
			droppedBytes += cut;
		}
	}
	const bytes = Buffer.concat(kept);
	// A cut may fall inside a character: its continuation bytes (10xxxxxx) go too.
	let start = 0;
	if (droppedBytes > 0) while (start < 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start++;
	return { text: bytes.subarray(start).toString('utf8'), droppedBytes: droppedBytes + start };
}

const NOT_SENT: Readonly<Record<string, HttpFailure['why']>> = {
	ENOTFOUND: 'dns',
	EAI_AGAIN: 'dns',
	EAI_FAIL: 'dns',
	ECONNREFUSED: 'refused',
	EHOSTUNREACH: 'unreachable',
	ENETUNREACH: 'unreachable',
	EADDRNOTAVAIL: 'unreachable',
	UND_ERR_CONNECT_TIMEOUT: 'unreachable',
};

// OpenSSL's own names for a certificate that is not accepted, and a peer that does not speak TLS.
const TLS =
	/^(CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO|HOSTNAME_MISMATCH|INVALID_CA|PATH_LENGTH|CRL_)/;

/** What went wrong on the way, by the code Node gave it. */
export function toFailure(error: unknown): HttpFailure {
	const code = codeOf(error);
	if (code !== undefined) {
		const why = NOT_SENT[code];
		if (why) return { kind: 'failure', why, sent: false, code, cause: error };
		if (TLS.test(code)) return { kind: 'failure', why: 'tls', sent: false, code, cause: error };
		if (code === 'ETIMEDOUT') return { kind: 'failure', why: 'timeout', sent: true, code, cause: error };
		if (['ECONNRESET', 'EPIPE', 'ECONNABORTED'].includes(code) || code.startsWith('UND_ERR') || code.startsWith('HPE_'))
			return { kind: 'failure', why: 'reset', sent: true, code, cause: error };
	}
	return { kind: 'failure', why: 'other', sent: true, code, cause: error };
}

// fetch wraps the socket's error; happy eyeballs wraps one error per address once more. Read by shape, since an error of
// another realm is no instance of ours.
function codeOf(error: unknown): string | undefined {
	for (let at: unknown = error, depth = 0; typeof at === 'object' && at !== null && depth < 6; depth++) {
		if ('code' in at && typeof at.code === 'string') return at.code;
		const several = 'errors' in at && Array.isArray(at.errors) ? (at.errors as unknown[]) : [];
		at = several.length > 0 ? several[0] : 'cause' in at ? at.cause : undefined;
	}
	return undefined;
}

/** `Retry-After` in milliseconds, seconds or an HTTP date; `now` is epoch milliseconds. */
export function retryAfterMs(headers: Headers, now: number): number | undefined {
	const value = headers.get('retry-after');
	if (value === null) return undefined;
	const seconds = Number(value);
	if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
	const date = Date.parse(value);
	return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
