import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readHistory, type History } from '../../src/scaling/history.ts';
import { historyStream } from '../../src/scaling/stream.ts';
import { makeHistory, PLANTED } from './make-histories.ts';

const HEAD = {
	format: 'concertmaster-history/1',
	from: '2026-11-16T00:00:00Z',
	to: '2026-11-18T00:00:00Z',
	environment: { generation: 'airflow', worker: { min: 1, max: 1 } },
};

/** Fed in pieces of that many bytes, as a Buffer that is used again for the next piece. */
function streamed(text: string, pieceBytes: number): History {
	const bytes = Buffer.from(text);
	const piece = Buffer.alloc(pieceBytes);
	const stream = historyStream();
	for (let at = 0; at < bytes.length; at += pieceBytes) {
		const length = bytes.copy(piece, 0, at, at + pieceBytes);
		stream.feed(piece.subarray(0, length));
	}
	return stream.done();
}

const lines = ({ task_instances, ...head }: Record<string, unknown>): string =>
	[head, ...(Array.isArray(task_instances) ? task_instances : [])].map((line) => JSON.stringify(line)).join('\n');

const time = fc
	.integer({ min: Date.parse('2026-11-16T00:00:00Z'), max: Date.parse('2026-11-17T23:59:59Z') })
	.chain((ms) => {
		const iso = new Date(ms).toISOString();
		return fc.constantFrom(
			iso,
			iso.replace('Z', '+00:00'),
			iso.replace('Z', '456+00:00'),
			iso.replace('Z', '-05:30'),
			iso.replace(/\.\d+Z/, 'Z'),
			`${iso.slice(0, 16)}Z`,
		);
	});
const text = fc.oneof(
	fc.string({ unit: 'binary', maxLength: 12 }),
	fc.constantFrom('etl', 'タスク', 'a"b', '\\', ']},{['),
);
const rest = fc.jsonValue();
const row = fc.record(
	{
		dag_id: text,
		dag_run_id: text,
		task_id: text,
		pool: fc.option(text, { nil: null }),
		pool_slots: fc.option(fc.nat(12), { nil: null }),
		hostname: fc.option(text, { nil: null }),
		queued_when: fc.option(time, { nil: null }),
		scheduled_when: fc.option(time, { nil: null }),
		start_date: fc.option(time, { nil: null }),
		end_date: fc.option(time, { nil: null }),
		rendered_fields: rest,
		triggerer_job: rest,
	},
	{ requiredKeys: ['dag_id', 'dag_run_id', 'task_id'] },
);

describe('a history that is read from its bytes', () => {
	test('is the one that JSON.parse and the schema read, in lines and as one object, however it is cut', () => {
		fc.assert(
			fc.property(
				fc.array(row, { maxLength: 8 }),
				fc.integer({ min: 1, max: 300 }),
				fc.boolean(),
				(rows, cut, pretty) => {
					const value = { ...HEAD, dags: [{ dag_id: 'task_instances' }], task_instances: rows };
					const expected = readHistory(JSON.parse(JSON.stringify(value)));
					expect(streamed(lines(value), cut)).toEqual(expected);
					const { format, ...others } = value;
					// The list first, so that what is read at last is the head.
					const { task_instances, ...about } = others;
					const swapped = { task_instances, ...about, format };
					expect(streamed(JSON.stringify(swapped, undefined, pretty ? 2 : undefined), cut)).toEqual(expected);
				},
			),
			{ numRuns: 150 },
		);
	});

	test('of a planted one is the same', () => {
		const value = makeHistory({ ...PLANTED.fine, days: 1 });
		expect(streamed(lines(value), 1000)).toEqual(readHistory(value));
	});

	test.each([
		[
			'a time that is none',
			[{ dag_id: 'd', dag_run_id: 'r', task_id: 't', start_date: 'yesterday' }],
			/task instance 1.*\n?.*no time: yesterday/,
		],
		[
			'an impossible day',
			[{ dag_id: 'd', dag_run_id: 'r', task_id: 't', start_date: '2026-13-40T00:00:00Z' }],
			/task instance 1/,
		],
		['a row without its DAG', [{ dag_run_id: 'r', task_id: 't' }], /task instance 1/],
		['a number for a name', [{ dag_id: 7, dag_run_id: 'r', task_id: 't' }], /task instance 1/],
		['no object', [{ dag_id: 'd', dag_run_id: 'r', task_id: 't' }, 'x'], /task instance 2/],
	])('says what is wrong with %s', (_name, rows, expected) => {
		const value = { ...HEAD, task_instances: rows };
		for (const text of [lines(value), JSON.stringify(value)]) expect(() => streamed(text, 50)).toThrow(expected);
	});

	test.each([
		['nothing', ''],
		['no JSON', 'hello\nworld'],
		['half an object', '{"format": "concertmaster-history/1", "task_instances": [{"dag_id": "d"'],
		['an object without task instances, over two lines', '{"format": "concertmaster-history/1",\n"from": "x"}'],
		['a list', '[]'],
	])('refuses %s', (_name, text) => {
		expect(() => streamed(text, 7)).toThrow(/This is no history/);
	});
});
