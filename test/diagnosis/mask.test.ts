import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { mask } from '../../src/domain/mask.ts';
import { quote, quoteLines } from '../../src/domain/quote.ts';
import { diagnose } from '../../src/diagnosis/diagnose.ts';
import { unwrap } from '../../src/diagnosis/unwrap.ts';
import { rules } from '../../src/rules/index.ts';
import { caseFiles, parseCase } from '../rules/txtar.ts';
import { SECRETS } from './secrets.ts';

const kinds = Object.entries(SECRETS);
const AROUND: readonly ((text: string) => string)[] = [
	(text) => text,
	(text) => `[2026-11-22T22:37:00.808+0000] {process.py:12} INFO - ${text}`,
	(text) => `ValueError: refused (${text})`,
	(text) => `{'value': "${text}"} and more`,
];

test('there are forty kinds', () => {
	expect(kinds.length).toBeGreaterThanOrEqual(40);
});

describe('mask', () => {
	test.each(kinds)('%s', (_, planted) => {
		fc.assert(
			fc.property(planted, fc.constantFrom(...AROUND), ({ text, secret }, put) => {
				expect(mask(put(text))).not.toContain(secret);
			}),
			{ numRuns: 60 },
		);
	});

	const CLEAN = [
		'password authentication failed for user "airflow"',
		'max_tokens=500 token_uri=https://oauth2.googleapis.com/token',
		'secret "db-creds" not found; secret_name=db-creds',
		'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
		'"continuation_token": null, token=None, password=***',
		"HTTPConnectionPool(host='db', port=8793): Max retries exceeded with url: /log/x@y",
		'PWD=/home/airflow/gcs',
		"Using connection ID 'google_cloud_default' for task execution.",
		'serviceAccount:etl@acme-prod.iam.gserviceaccount.com lacks storage.objects.get',
	];
	test.each(CLEAN)('leaves alone: %s', (line) => {
		expect(mask(line)).toBe(line);
	});

	test('touches at most one clean line in a hundred', () => {
		const lines = caseFiles().flatMap((file) =>
			unwrap(parseCase(file.rule, file.name, file.text).log).map((line) => line.text),
		);
		const touched = lines.filter((line) => mask(line) !== line);
		expect(lines.length).toBeGreaterThan(2000);
		expect(touched.length / lines.length).toBeLessThanOrEqual(0.01);
	});
});

describe('what leaves the engine', () => {
	test('holds none of the secrets of 10,000 generated logs, in evidence, facts, tail, fix or last exception', () => {
		const plain = (n: number) =>
			`[2026-11-22T22:37:0${n % 10}.808+0000] {process.py:${n}} INFO - batch ${n} of customers`;
		const wrap: readonly ((text: string) => string)[] = [
			(text) => `${plain(1)}\n${text}\n${plain(2)}\n`,
			(text) =>
				`${plain(1)}\n[2026-11-22T22:37:00.808+0000] {taskinstance.py:2706} ERROR - Task failed with exception\nTraceback (most recent call last):\n  File "/home/airflow/gcs/dags/x.py", line 3, in load\n    run()\nValueError: no route for ${text}\n`,
			(text) =>
				`${JSON.stringify({ timestamp: '2026-11-23T00:47:46Z', level: 'error', event: `requests.exceptions.ConnectionError: HTTPConnectionPool(host='h', port=80): Max retries exceeded with url: / (Caused by NewConnectionError('[Errno 111] Connection refused')) ${text}` })}\n`,
			(text) =>
				`${plain(1)}\n[2026-11-22T22:37:00.808+0000] {pod.py:12} ERROR - OSError: [Errno 28] No space left on device: ${text}\n`,
		];
		const leaks: string[] = [];
		let n = 0;
		fc.assert(
			fc.property(fc.constantFrom(...kinds), fc.nat(), (kind, seed) => {
				const [name, planted] = kind;
				const [each] = fc.sample(planted, { numRuns: 1, seed });
				if (!each) return;
				const log = wrap[n++ % wrap.length]?.(each.text) ?? '';
				const said = JSON.stringify(diagnose(Buffer.from(log), { rules }));
				// The answer is JSON: a secret with a character that JSON escapes would hide there.
				if (said.includes(JSON.stringify(each.secret).slice(1, -1))) leaks.push(`${name}: ${each.text.slice(0, 200)}`);
			}),
			{ numRuns: 10_000 },
		);
		expect(leaks.slice(0, 5)).toEqual([]);
	}, 60_000);

	test('is inert: no control, bidi or zero-width character, no Slack markup, whatever the log holds', () => {
		const hostile = fc
			.array(
				fc.oneof(
					fc.string({ unit: 'binary' }),
					fc.constantFrom(
						'<!channel>',
						'<@U0123>',
						'<https://evil.example|x>',
						'<!subteam^S1>',
						'\u202e',
						'\u200b',
						'\u0007',
						'\u001b[31m',
						'\ufeff',
						'<mailto:a@b|c>',
						'<#C1>',
					),
				),
				{ maxLength: 12 },
			)
			.map((parts) => parts.join(''));
		fc.assert(
			fc.property(hostile, (text) => {
				const shown = quote(text);
				expect(shown).not.toMatch(
					/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u,
				);
				expect(shown).not.toMatch(/<(?:[!@#]|[a-z]+:)/i);
				expect([...shown].length).toBeLessThanOrEqual(1000);
			}),
			{ numRuns: 500 },
		);
	});

	test('a key that runs over several lines is masked in the tail', () => {
		const lines = [
			'before',
			'-----BEGIN PRIVATE KEY-----',
			'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC',
			'-----END PRIVATE KEY-----',
			'after',
		];
		expect(quoteLines(lines)).toEqual(['before', '***', 'after']);
	});

	test('a word that was cut is dropped, for it may be half a secret', () => {
		expect(quote('…bcdef012345 the rest of ghp_abcdef…')).toBe('… the rest of …');
	});
});
