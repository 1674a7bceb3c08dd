import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readAll } from '../../worker/watch/read.ts';

type Row = { id: number; at: number };

/** A server's list: rows between two times, so many a page, in an order that is none. */
function server(rows: Row[], pageSize: number, onCall: () => void = () => undefined) {
	return async (since: string, until: string | undefined, offset: number) => {
		onCall();
		const found = rows.filter(({ at }) => at >= Date.parse(since) && (until === undefined || at <= Date.parse(until)));
		return { items: found.slice(offset, offset + pageSize), total: found.length };
	};
}

const BEGIN = Date.parse('2026-11-24T00:00:00Z');

describe('reading a window of which one call shows a part', () => {
	test('every row, whatever the times, the window and the size of a page', async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.array(fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 7_200_000 })), { maxLength: 300 }),
				fc.integer({ min: 3, max: 100 }),
				fc.double({ min: 0, max: 5000, noNaN: true }),
				fc.boolean(),
				async (times, pageSize, now, closed) => {
					const rows = times.map((time, id) => ({ id, at: BEGIN + time }));
					const to = closed ? BEGIN + 3_600_000 : undefined;
					const read = await readAll(server(rows, pageSize), BEGIN + 0.4, to, BEGIN + now, ({ id }) => String(id));
					const wanted = rows.filter(({ at }) => to === undefined || at <= to);
					expect(read.map(({ id }) => id).sort((a, b) => a - b)).toEqual(wanted.map(({ id }) => id));
				},
			),
			{ numRuns: 300 },
		);
	});

	test('rows that leave while it is read make no other slip through', async () => {
		const rows = Array.from({ length: 900 }, (_, id) => ({ id, at: BEGIN + id * 100 }));
		const stays = rows.filter(({ id }) => id % 3 !== 0);
		let calls = 0;
		const leave = (): void => {
			// One of those that leave goes before each call.
			const at = rows.findIndex(({ id }) => id % 3 === 0);
			if (at >= 0 && ++calls > 1) rows.splice(at, 1);
		};
		const read = await readAll(server(rows, 100, leave), BEGIN, undefined, BEGIN + 90_000, ({ id }) => String(id));
		const seen = new Set(read.map(({ id }) => id));
		expect(stays.filter(({ id }) => !seen.has(id))).toEqual([]);
	});

	test('takes about two calls for each page of what there is', async () => {
		const rows = Array.from({ length: 3000 }, (_, id) => ({ id, at: BEGIN + id * 20 }));
		let calls = 0;
		await readAll(
			server(rows, 100, () => calls++),
			BEGIN,
			undefined,
			BEGIN + 60_000,
			({ id }) => String(id),
		);
		expect(calls).toBeLessThan(90);
	});
});
