import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** The part of fetch that the Slack SDK uses. */
type Init = {
	method?: string;
	headers?: Record<string, string>;
	body?: string | FormData;
	signal?: AbortSignal;
};
type Answer = {
	ok: boolean;
	status: number;
	statusText: string;
	url: string;
	headers: { get(name: string): string | null; entries(): Iterable<[string, string]> };
	arrayBuffer(): Promise<ArrayBuffer>;
	json(): Promise<unknown>;
	text(): Promise<string>;
};

export const TOO_LATE = 'ETOOLATE';

/**
 * fetch for one request that must not leave after `deadline` (of `performance.now()`, which goes on while the process is
 * stopped). The connection is made first; then the clock is read and the whole request written in the same turn, so that
 * a process stopped in between sends nothing when it wakes. fetch itself writes many turns later. Rejects with code ETOOLATE.
 */
export function sendBefore(deadline: number) {
	return async (url: string | URL, init: Init = {}): Promise<Answer> => {
		const { body = '' } = init;
		if (typeof body !== 'string') throw new TypeError('only text can be sent before a deadline');
		const target = new URL(url);
		const secure = target.protocol === 'https:';
		return new Promise<Answer>((done, refuse) => {
			// Node's global agents keep connections and go through the proxy of NODE_USE_ENV_PROXY.
			const request = (secure ? httpsRequest : httpRequest)(target, {
				method: init.method ?? 'POST',
				headers: { ...init.headers, 'content-length': Buffer.byteLength(body) },
				...(init.signal === undefined ? {} : { signal: init.signal }),
			});
			request.on('error', refuse);
			request.on('socket', (socket) => {
				const write = (): void => {
					if (performance.now() <= deadline) request.end(body);
					else request.destroy(Object.assign(new Error('The time to send it is over.'), { code: TOO_LATE }));
				};
				const shaking = 'secureConnecting' in socket && socket.secureConnecting === true;
				if (socket.connecting || shaking) socket.once(secure ? 'secureConnect' : 'connect', write);
				else write();
			});
			request.on('response', (response) => {
				const chunks: Buffer[] = [];
				response.on('data', (chunk: Buffer) => chunks.push(chunk));
				response.on('error', refuse);
				response.on('end', () => {
					const text = Buffer.concat(chunks).toString('utf8');
					const headers = new Map(
						Object.entries(response.headers).map(([name, value]) => [name, String(value)] as [string, string]),
					);
					const status = response.statusCode ?? 0;
					done({
						ok: status >= 200 && status < 300,
						status,
						statusText: response.statusMessage ?? '',
						url: target.href,
						headers: { get: (name) => headers.get(name.toLowerCase()) ?? null, entries: () => headers.entries() },
						arrayBuffer: async () => new TextEncoder().encode(text).buffer,
						json: async () => JSON.parse(text) as unknown,
						text: async () => text,
					});
				});
			});
		});
	};
}
