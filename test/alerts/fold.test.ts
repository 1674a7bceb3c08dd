import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fold, openLedger } from '../../src/alerts/fold.ts';
import type { Ledger } from '../../src/alerts/fold.ts';
import type { Incident, IncidentEvent } from '../../src/alerts/incident.ts';
import { PAGE_LENGTH } from '../../src/alerts/pages.ts';
import { rowLength } from '../../src/alerts/row.ts';
import { seeded } from '../../src/sandbox/slack/random.ts';
import { viewOf } from '../../src/alerts/view.ts';
import { ack, eventsOf, failed, failedTry, lives, opening, passed, T0, timesOf } from './events.ts';
import type { Life } from './events.ts';

const folded = (events: readonly IncidentEvent[]): Ledger => fold(openLedger(opening()), events).ledger;
const view = (events: readonly IncidentEvent[]): Incident => viewOf('0123456789ab', folded(events), []);

/** How it stands, by what really happened and nothing else. */
function truth(all: readonly Life[]): { phase: Incident['phase']; bad: number; members: number; tries: number } {
	const failing = all.filter(({ tries }) => tries.some((one) => one !== 's'));
	const states = failing.map((one) => {
		const lastFailed = one.tries.findLastIndex((outcome) => outcome !== 's');
		const failedAt = timesOf(one, lastFailed).endedAt;
		const wellLater = all.some(
			(other) =>
				other !== one &&
				other.dag === one.dag &&
				other.task === one.task &&
				other.mapIndex === one.mapIndex &&
				other.tries.some((outcome, at) => outcome === 's' && timesOf(other, at).startedAt > failedAt),
		);
		const well = one.tries.lastIndexOf('s') > lastFailed || wellLater;
		return well ? 'well' : one.tries[lastFailed] === 'F' ? 'lost' : 'waits';
	});
	const bad = states.filter((state) => state !== 'well').length;
	return {
		phase: bad === 0 ? 'recovered' : states.includes('lost') ? 'open' : 'retrying',
		bad,
		members: failing.length,
		tries: all.flatMap(({ tries }) => tries).filter((one) => one !== 's').length,
	};
}

describe('an incident', () => {
	test('is what happened, in whatever order and however often it is heard', () => {
		fc.assert(
			fc.property(lives, fc.integer({ min: 1, max: 2 ** 31 }), (all, seed) => {
				const draw = seeded(seed);
				const events = all.flatMap(eventsOf);
				const again = events.filter(({ kind }) => kind === 'passed' && draw() < 0.5);
				const mixed = [...events, ...again]
					.map((event) => ({ event, place: draw() }))
					.sort((a, b) => a.place - b.place)
					.map(({ event }) => event);
				let ledger = openLedger(opening());
				for (let at = 0; at < mixed.length;) {
					const next = at + 1 + Math.floor(3 * draw());
					// Kept as JSON in between.
					ledger = JSON.parse(JSON.stringify(fold(ledger, mixed.slice(at, next)).ledger)) as Ledger;
					at = next;
				}
				const seen = viewOf('0123456789ab', ledger, []);
				const { phase, bad, members, tries } = truth(all);
				expect({ phase: seen.phase, ...seen.counts }).toMatchObject({ phase, bad, members, tries });
				// Everything else is the same as if it had been heard in order; who is counted on which page is not.
				const inOrder = view(events);
				const { pages: _, rev: __, relapses: ___, ...other } = inOrder;
				expect(seen).toMatchObject(other);
			}),
			{ numRuns: 300 },
		);
	});

	test('is green once its retry went well, and says when', () => {
		const events = [failed({ last: false, ofTries: 3 }), passed()];
		expect(view(events.slice(0, 1))).toMatchObject({ phase: 'retrying', final: false, severity: 'info' });
		expect(view(events)).toMatchObject({ phase: 'recovered', endedAt: T0 + 660_000, since: T0, counts: { bad: 0 } });
	});

	test('is green when a later run of the task passes, not when one that had begun before does', () => {
		const later = passed({ run: 'scheduled__2', tryNumber: 1 });
		const before = passed({ run: 'scheduled__0', tryNumber: 1, startedAt: new Date(T0 - 5000).toISOString() });
		expect(view([failed(), before])).toMatchObject({ phase: 'open' });
		expect(view([failed(), later])).toMatchObject({
			phase: 'recovered',
			passedIn: { dag: 'daily_sales', run: 'scheduled__2' },
		});
	});

	test('a try that was marked a success by somebody is well', () => {
		expect(view([failed(), passed({ tryNumber: 1, startedAt: undefined })])).toMatchObject({ phase: 'recovered' });
	});

	test('what failed again for another reason is followed there', () => {
		const key = { dag: 'daily_sales', run: 'scheduled__1', task: 'load', mapIndex: -1 };
		const events: IncidentEvent[] = [
			failed({ last: false, ofTries: 3 }),
			{ kind: 'moved', at: T0, ...key, tryNumber: 2 },
		];
		expect(view(events)).toMatchObject({ phase: 'closed', counts: { bad: 0, tries: 1 } });
	});

	test('a deleted run leaves nothing to recover', () => {
		const { dag, run, task, mapIndex } = failedTry();
		expect(view([failed(), { kind: 'gone', at: T0, dag, run, task, mapIndex }])).toMatchObject({ phase: 'closed' });
	});

	test('grows critical with its second DAG and never less', () => {
		expect(view([failed()]).severity).toBe('warning');
		expect(view([failed(), failed({ dag: 'other' })]).severity).toBe('critical');
	});

	test('counts a relapse', () => {
		const once = fold(openLedger(opening()), [failed(), passed()]).ledger;
		const again = fold(once, [failed({ tryNumber: 3, endedAt: new Date(T0 + 900_000).toISOString() })]).ledger;
		expect(viewOf('0123456789ab', again, [])).toMatchObject({ phase: 'open', relapses: 1 });
	});

	test('of what is done once, the first stands; who it is assigned to may change', () => {
		const second = ack({ by: 'U0BEN', at: T0 + 61_000 });
		const to = (at: number, user: string) =>
			({ kind: 'assign', by: 'U0ANN', name: 'Ann', at, to: user, toName: user }) as const;
		const acts = [ack(), second, to(1, 'U0A'), to(2, 'U0B')];
		expect(view([failed(), ...acts.map((act): IncidentEvent => ({ kind: 'act', at: 0, act }))]).acts).toEqual([
			ack(),
			to(1, 'U0A'),
			to(2, 'U0B'),
		]);
	});

	test('a condition is over by when it was seen, not by when that arrived', () => {
		const condition = {
			kind: 'scheduler-heartbeat-lost',
			key: 'scheduler',
			since: new Date(T0).toISOString(),
			facts: {},
		};
		const events: IncidentEvent[] = [
			{ kind: 'over', at: T0 + 2000, condition },
			{ kind: 'wrong', at: T0 + 1000, condition },
		];
		const open = openLedger(opening({ scope: 'environment', condition, cause: condition.kind }));
		expect(viewOf('0123456789ab', fold(open, events).ledger, [])).toMatchObject({ phase: 'recovered' });
		expect(viewOf('0123456789ab', fold(open, events.slice(1)).ledger, [])).toMatchObject({
			phase: 'open',
			severity: 'critical',
		});
	});

	test('an event of a later version is passed over', () => {
		const unknown = { kind: 'of tomorrow', at: T0 } as unknown as IncidentEvent;
		expect(view([failed(), unknown])).toMatchObject({ phase: 'open', rev: 2 });
	});
});

describe('its list', () => {
	const name = fc.string({ minLength: 1, maxLength: 250, unit: 'grapheme' });
	test('has every failed try on one page, and no page is longer than a message takes', () => {
		fc.assert(
			fc.property(fc.array(fc.record({ dag: name, run: name, task: name }), { maxLength: 200 }), (all) => {
				const events = all.map((ids, at) => failed({ ...ids, tryNumber: at + 1 }));
				const { pages } = folded(events);
				expect(pages.reduce((sum, { tries }) => sum + tries, 0)).toBe(all.length);
				for (const [at, { from, tries, length }] of pages.entries()) {
					const rows = events
						.slice(from, pages[at + 1]?.from)
						.flatMap((event) => (event.kind === 'failed' ? [event] : []));
					expect(rows).toHaveLength(tries);
					expect(rows.reduce((sum, { failed: one }) => sum + rowLength(one), 0)).toBe(length);
					expect(length).toBeLessThanOrEqual(PAGE_LENGTH);
				}
			}),
			{ numRuns: 50 },
		);
	});
});

describe('retries', () => {
	const outcomes = (events: readonly IncidentEvent[]) => fold(openLedger(opening()), events).outcomes;
	test('count once for each task instance: healed by the retry, or lost all the same', () => {
		const first = failed({ last: false, ofTries: 2 });
		expect(outcomes([first, passed(), passed()])).toEqual([{ dag: 'daily_sales', task: 'load', passed: true }]);
		expect(outcomes([first, failed({ tryNumber: 2 })])).toEqual([{ dag: 'daily_sales', task: 'load', passed: false }]);
		// One without retries says nothing of them.
		expect(outcomes([failed()])).toEqual([]);
	});
});
