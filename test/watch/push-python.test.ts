import { afterAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { readPush } from '../../src/alerts/push.ts';
import { isSigned } from '../../src/http/push.ts';

const run = promisify(execFile);
const DOCS = resolve('docs');
const SECRET = 'a secret of the tests, long enough';

const python = await run('python3', ['-c', 'import sys; print(sys.version_info[0])']).then(
	({ stdout }) => stdout.trim() === '3',
	() => false,
);
if (!python) process.stderr.write('docs/concertmaster_push.py is not run: no python3 on the PATH\n');

type Got = { path: string; body: string; signature: string | undefined; timestamp: string | undefined };
const got: Got[] = [];
let status = 202;
const server = createServer((request, response) => {
	let body = '';
	request.setEncoding('utf8').on('data', (text: string) => (body += text));
	request.on('end', () => {
		const header = (name: string): string | undefined => {
			const value = request.headers[name];
			return typeof value === 'string' ? value : undefined;
		};
		got.push({
			path: request.url ?? '',
			body,
			signature: header('x-concertmaster-signature'),
			timestamp: header('x-concertmaster-timestamp'),
		});
		response.writeHead(status).end();
	});
});
await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
const { port } = server.address() as AddressInfo;
afterAll(() => new Promise((done) => server.close(done)));

/** What the callback does for this task instance, in a Python of its own. */
function callback(ti: string, env: Record<string, string> = {}): Promise<{ stdout: string }> {
	const code = `import types, concertmaster_push as c; c.on_failure({"ti": types.SimpleNamespace(${ti})}); print("went on")`;
	return run('python3', ['-c', code], {
		cwd: DOCS,
		env: {
			PATH: process.env['PATH'],
			PYTHONDONTWRITEBYTECODE: '1',
			CONCERTMASTER_PUSH_URL: `http://127.0.0.1:${port}/push/prod`,
			CONCERTMASTER_PUSH_SECRET: SECRET,
			...env,
		},
	});
}

const TI = 'dag_id="売上", run_id="scheduled__2026-11-24T00:00:00+00:00", task_id="load", try_number=2';

(python ? describe : describe.skip)('docs/concertmaster_push.py', () => {
	test('compiles', async () => {
		const code = `import ast, pathlib; ast.parse(pathlib.Path("concertmaster_push.py").read_text("utf-8"), feature_version=(3, 8))`;
		await run('python3', ['-c', code], { cwd: DOCS });
	});

	test('what it sends is believed and read', async () => {
		await callback(`${TI}, map_index=3`);
		const [one] = got;
		if (!one) throw new Error('nothing came');
		expect(one.path).toBe('/push/prod');
		expect(isSigned(SECRET, one, one.path, one.body, Date.now())).toBe(true);
		expect(readPush(one.body)).toEqual({
			hint: { dag: '売上', run: 'scheduled__2026-11-24T00:00:00+00:00', task: 'load', mapIndex: 3, tryNumber: 2 },
		});
	});

	test('Airflow 3 leaves the map index out where a task is not mapped', async () => {
		await callback(`${TI}, map_index=None`);
		expect(readPush(got.at(-1)?.body ?? '')).toMatchObject({ hint: { mapIndex: -1 } });
	});

	test('a bot that refuses, or is not there, fails no task', async () => {
		status = 401;
		expect((await callback(TI)).stdout).toBe('went on\n');
		expect((await callback(TI, { CONCERTMASTER_PUSH_URL: 'http://127.0.0.1:9/push/prod' })).stdout).toBe('went on\n');
		const before = got.length;
		expect((await callback(TI, { CONCERTMASTER_PUSH_SECRET: '' })).stdout).toBe('went on\n');
		expect(got).toHaveLength(before);
	});
});
