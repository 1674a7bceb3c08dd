import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { airflow } from '../../src/clients/airflow.ts';
import type { Http, HttpAnswer, HttpRequest } from '../../src/clients/base/http.ts';
import { isDagId, isRunId } from '../../src/domain/ids.ts';
import { Trouble } from '../../src/domain/errors.ts';

/** Answers the version and keeps every other request; what it says to those is given. */
function listening(say: (request: HttpRequest) => Partial<HttpAnswer>): { http: Http; asked: HttpRequest[] } {
	const asked: HttpRequest[] = [];
	return {
		asked,
		http(request) {
			const version = request.url.pathname.endsWith('/version');
			if (!version) asked.push(request);
			const answer: HttpAnswer = {
				kind: 'answer',
				status: 200,
				headers: new Headers(),
				contentType: 'application/json',
				text: version ? '{"version":"3.1.8"}' : '{}',
				droppedBytes: 0,
			};
			return Promise.resolve(version ? answer : { ...answer, ...say(request) });
		},
	};
}

const PASSWORD = 'pa55-word-never-shown';
const clientOf = (http: Http) =>
	airflow({ url: 'http://airflow.example/base', auth: { kind: 'basic', username: 'bot', password: PASSWORD } }, http);

const text = fc.oneof(
	fc.string({ unit: 'binary', maxLength: 300 }),
	fc.string({ unit: 'grapheme', maxLength: 20 }),
	fc.constantFrom(
		'~',
		'.',
		'..',
		'../x',
		'%2e%2e',
		'a%2fb',
		'a/b',
		'a?x=1',
		'a#b',
		'a\\b',
		'',
		' ',
		'\n',
		'売上_日次',
		'a;b',
		'a:b',
	),
);

test('whatever is typed as a DAG or run id: one path below the API, or no request at all', async () => {
	const { http, asked } = listening(() => ({ status: 404, text: '{"detail":"not found"}' }));
	const client = clientOf(http);
	await fc.assert(
		fc.asyncProperty(text, text, async (dag, run) => {
			asked.length = 0;
			const got = await client.run(dag, run).catch((error: unknown) => error);
			if (isDagId(dag) && isRunId(run)) {
				expect(asked.map(({ url }) => url.href)).toEqual([
					`http://airflow.example/base/api/v2/dags/${encodeURIComponent(dag)}/dagRuns/${encodeURIComponent(run)}`,
				]);
				expect(got).toBeUndefined();
			} else {
				expect(asked).toEqual([]);
				expect(got).toMatchObject({ kind: 'user', label: 'airflow id malformed' });
			}
		}),
		{ numRuns: 500 },
	);
});

test('whatever a server answers: a value or a Trouble in both languages, without the password, on one short line', async () => {
	const body = fc.oneof(
		fc.json(),
		fc.string({ unit: 'binary', maxLength: 400 }),
		fc
			.record({
				detail: fc.oneof(text, fc.constant(null), fc.array(fc.record({ loc: fc.array(fc.string()), msg: text }))),
			})
			.map((it) => JSON.stringify(it)),
		fc.constant(`{"detail":"Invalid input for param password: '${PASSWORD}' is not of type 'integer'"}`),
		fc.constant('<html><body>hello</body></html>'),
	);
	const answers = fc.record({
		status: fc.constantFrom(
			200,
			201,
			204,
			301,
			302,
			400,
			401,
			403,
			404,
			405,
			406,
			409,
			415,
			418,
			422,
			429,
			500,
			502,
			503,
			504,
		),
		contentType: fc.constantFrom('application/json', 'application/problem+json', 'text/html', 'text/plain', ''),
		text: body,
		location: fc.constantFrom('', '/login', 'http://elsewhere.example/x', 'javascript:alert(1)', '//x'),
	});
	await fc.assert(
		fc.asyncProperty(answers, async ({ location, ...answer }) => {
			const { http } = listening(() => ({ ...answer, headers: new Headers({ location }) }));
			const client = clientOf(http);
			const works = [
				client.trigger({ dag: 'a', run: 'r', note: '' }),
				client.run('a', 'r'),
				client.dags(),
				client.log({ dag: 'a', run: 'r', task: 't', mapIndex: -1, tryNumber: 1 }),
				client.importErrors(),
			];
			for (const result of await Promise.allSettled(works)) {
				if (result.status === 'fulfilled') continue;
				const error: unknown = result.reason;
				if (!(error instanceof Trouble)) throw error;
				expect(error.ja?.message).toMatch(/[぀-ヿ一-鿿]/);
				for (const words of [error.message, error.hint ?? '', error.ja?.message ?? '', error.ja?.hint ?? '']) {
					expect(words).not.toContain(PASSWORD);
					expect(words).not.toMatch(/[\n\u0000-\u0008\u001b\u202a-\u202e]/);
					expect(words.length).toBeLessThan(800);
				}
			}
		}),
		{ numRuns: 1000 },
	);
});
