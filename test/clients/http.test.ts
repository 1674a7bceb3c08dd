import { afterEach, describe, expect, test } from '@jest/globals';
import { createServer, type RequestListener } from 'node:http';
import { http, retryAfterMs, type HttpRequest } from '../../src/clients/base/http.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
	for (const it of open.splice(0)) await it.close();
});

async function server(answer: RequestListener): Promise<URL> {
	const it = createServer(answer);
	await new Promise<void>((done) => it.listen(0, '127.0.0.1', done));
	open.push({
		async close() {
			it.closeAllConnections();
			await new Promise((done) => it.close(done));
		},
	});
	const address = it.address();
	return new URL(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/`);
}

const get = (url: URL, more: Partial<HttpRequest> = {}): HttpRequest => ({
	method: 'GET',
	url,
	timeoutMs: 2000,
	...more,
});

describe('the deadline', () => {
	test('counts the body too', async () => {
		const url = await server((_, response) => {
			response.writeHead(200);
			response.write('begun');
		});
		const began = Date.now();
		expect(await http(get(url, { timeoutMs: 200 }))).toMatchObject({ kind: 'failure', why: 'timeout', sent: true });
		expect(Date.now() - began).toBeLessThan(1500);
	});

	test('gives way to the caller', async () => {
		const url = await server(() => undefined);
		const stop = new AbortController();
		setTimeout(() => stop.abort(), 50);
		expect(await http(get(url, { signal: stop.signal }))).toMatchObject({ kind: 'failure', why: 'aborted' });
	});
});

test.each(['GET', 'POST', 'PATCH', 'DELETE'] as const)('%s is sent once, however it fails', async (method) => {
	let calls = 0;
	const url = await server((request) => {
		calls += 1;
		request.socket.destroy();
	});
	expect(await http(get(url, { method }))).toMatchObject({ kind: 'failure', why: 'reset', sent: true });
	expect(calls).toBe(1);
});

test('JSON goes out as JSON, and a redirect comes back as it is', async () => {
	let seen: unknown;
	const url = await server((request, response) => {
		let text = '';
		request.on('data', (chunk: Buffer) => (text += chunk.toString()));
		request.on('end', () => {
			seen = [request.method, request.headers['content-type'], JSON.parse(text)];
			response.writeHead(307, { location: 'http://elsewhere.invalid/' }).end();
		});
	});
	const answer = await http(get(url, { method: 'POST', json: { 名: '値' } }));
	expect(answer).toMatchObject({ kind: 'answer', status: 307 });
	expect(seen).toEqual(['POST', 'application/json', { 名: '値' }]);
});

test.each([
	['all', 5, undefined, 0],
	['tail', 5, '6789\n', 5],
	['tail', 100, '123456789\n', 0],
] as const)('%s of at most %d bytes', async (keep, maxBytes, text, droppedBytes) => {
	const url = await server((_, response) => response.end('123456789\n'));
	const answer = await http(get(url, { keep, maxBytes }));
	if (text === undefined) expect(answer).toMatchObject({ kind: 'failure', why: 'too-large', sent: true });
	else expect(answer).toMatchObject({ kind: 'answer', text, droppedBytes });
});

test.each([
	['7', 7000],
	['0', 0],
	['Tue, 24 Nov 2026 10:00:30 GMT', 30_000],
	['Tue, 24 Nov 2026 09:00:00 GMT', 0],
	['soon', undefined],
])('Retry-After %s', (value, ms) => {
	expect(retryAfterMs(new Headers({ 'retry-after': value }), Date.parse('2026-11-24T10:00:00Z'))).toBe(ms);
});
