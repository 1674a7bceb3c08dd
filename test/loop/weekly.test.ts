import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { adviceOn } from '../../commands/_parts/size-advice.ts';
import { execute } from '../../commands/execute.ts';
import type { BotDeps } from '../../src/build-deps.ts';
import type { Airflow, TaskInstance } from '../../src/domain/airflow.ts';
import type { Reply } from '../../src/domain/reply.ts';
import type { Applying } from '../../src/scaling/applying.ts';
import { scalingSchema } from '../../src/scaling/options.ts';
import type { Week } from '../../src/scaling/settle.ts';
import { render } from '../../src/slack/render.ts';
import { tellAdvice, weeklyDue } from '../../worker/advise.ts';
import { deliver } from '../../worker/deliver.ts';
import { gradeChange } from '../../worker/grade.ts';
import { say, type Wires } from '../../worker/wires.ts';
import { fakeAirflow } from '../commands/house.ts';
import { fakeComposer } from '../clients/fake-composer.ts';
import { makeHistory, PLANTED } from '../scaling/make-histories.ts';
import { wiresWith, type Wired } from './wires.ts';

const DAY = 86_400_000;
/** A Wednesday, two days after the planted history began. */
const clock = { now: 0 };

const rows = z.array(
	z.object({
		dag_id: z.string(),
		dag_run_id: z.string(),
		task_id: z.string(),
		queued_when: z.string(),
		start_date: z.string(),
		end_date: z.string(),
	}),
);

/** The planted history as Airflow would list it, moved in time. */
function airflowOf(name: keyof typeof PLANTED, byMs = 0): Airflow {
	const later = (iso: string): string => new Date(Date.parse(iso) + byMs).toISOString();
	const tasks = rows.parse(makeHistory({ ...PLANTED[name], days: 2 })['task_instances']).map((row): TaskInstance => ({
		dag: row.dag_id,
		run: row.dag_run_id,
		task: row.task_id,
		mapIndex: -1,
		tryNumber: 1,
		maxTries: 0,
		state: 'success',
		queuedAt: later(row.queued_when),
		startedAt: later(row.start_date),
		endedAt: later(row.end_date),
	}));
	return fakeAirflow({
		version: async () => ({ api: 1, version: '2.10.5' }),
		pools: async () => [],
		dags: async () => [],
		config: async () => ({}),
		endedTaskInstances: async ({ since = '', until = '', limit = 1000 }) =>
			tasks.filter(({ endedAt = '' }) => endedAt >= since && endedAt <= until).slice(0, limit),
	});
}
const composer = fakeComposer({
	describe: async () => ({
		state: 'RUNNING',
		airflowUri: undefined,
		environment: {
			generation: 'composer-2',
			environment: 'prod-env',
			project: 'acme',
			location: 'europe-west1',
			worker: { cpu: 1, memoryGb: 4, storageGb: 1, minCount: 1, maxCount: 2 },
			overrides: { 'celery-worker_concurrency': '4' },
			workerConcurrency: 4,
		},
	}),
});

let wired: Wired;
let wires: Wires;
let airflow: Airflow;
beforeEach(async () => {
	clock.now = Date.parse('2026-11-18T00:00:00Z');
	airflow = airflowOf('queueing-at-most');
	wired = await wiresWith(
		execute,
		{
			scaling: scalingSchema.parse({
				weekly: { channel: 'C0OPEN', weekday: 'wed', at: '08:30', timeZone: 'Asia/Tokyo' },
			}),
		},
		(reply, lang) => render(reply, lang, async (words) => words),
		() => clock.now,
	);
	const deps: BotDeps = { ...wired.wires.deps, airflow: () => airflow, composer: () => composer };
	wires = { ...wired.wires, deps };
});
afterEach(() => wired.close());

async function delivered(id: string): Promise<void> {
	for (let tries = 0; tries < 20; tries++) {
		const held = { id, data: { v: 1, id }, addedAt: Date.now(), starts: 1, stalls: 0, keepOnly: async () => undefined };
		const outcome = await deliver(held, wires);
		if (outcome === 'done') return;
		await new Promise((done) => setTimeout(done, outcome.againInMs));
	}
}
const jobs = async (): Promise<number> => (await wires.work.counts('chores')).waiting;

test('the weekly advice is told once a week and environment, by the clock of its zone', async () => {
	// It begins when it is switched on: the past is not told.
	await weeklyDue(wires);
	expect(await jobs()).toBe(0);
	clock.now += 7 * DAY - 31 * 60_000;
	await weeklyDue(wires);
	expect(await jobs()).toBe(0);
	clock.now += 2 * 60_000;
	await weeklyDue(wires);
	await weeklyDue(wires);
	expect(await jobs()).toBe(1);
	const due = Date.parse('2026-11-24T23:30:00Z');
	airflow = airflowOf('queueing-at-most', 7 * DAY);
	expect(await tellAdvice('lab', due, wires)).toBe('done');
	// Made again after a crash it is the same message.
	expect(await tellAdvice('lab', due, wires)).toBe('done');
	await delivered(`weekly-lab-${due}`);
	const said = wired.slack.messages('C0OPEN');
	expect(said).toHaveLength(1);
	const text = JSON.stringify(said[0]?.blocks);
	expect(text).toMatch(/prod-env: .*(?:workers|worker_concurrency).*data_visualization.*Size advice of the week/);
	await weeklyDue(wires);
	expect(await jobs()).toBe(1);
}, 30_000);

test('an environment that cannot be read is tried for hours, then left out', async () => {
	airflow = fakeAirflow({});
	const due = clock.now;
	await wires.deps.applies.tellWeekly('lab', due - 7 * DAY);
	const { Trouble } = await import('../../src/domain/errors.ts');
	wires = {
		...wires,
		deps: {
			...wires.deps,
			airflow: () =>
				fakeAirflow({
					pools: async () => {
						throw new Trouble('upstream', 'airflow unreachable', 'Away.');
					},
					version: async () => ({ api: 1, version: '2' }),
					dags: async () => [],
					config: async () => ({}),
					endedTaskInstances: async () => [],
				}),
		},
	};
	expect(await tellAdvice('lab', due, wires)).toEqual({ againInMs: 300_000 });
	clock.now += 7 * 3_600_000;
	expect(await tellAdvice('lab', due, wires)).toBe('done');
	expect(wired.slack.messages('C0OPEN')).toHaveLength(0);
}, 30_000);

/** A change that was applied a week ago, with its message, and what `lab` has done since: the planted history `since`. */
async function appliedAWeekAgo(
	since: keyof typeof PLANTED,
	{ before = {}, ...more }: Partial<Applying> & { before?: Partial<Week> } = {},
): Promise<Applying> {
	const message = 'b'.repeat(24);
	const place = { kind: 'channel' as const, channel: 'C0OPEN' };
	const title: Reply = { to: 'channel', parts: [{ kind: 'title', line: ['Changed'] }] };
	await say(wires, message, place, { reply: title, lang: 'en', stage: 10 });
	await delivered(message);
	const at = clock.now;
	airflow = airflowOf(since, 7 * DAY);
	clock.now += 7 * DAY;
	const after = (await adviceOn('lab', { days: 7, waitMs: undefined }, wires.deps)).advice.week;
	const applied: Applying = {
		v: 1,
		id: 'a'.repeat(24),
		proposal: {
			v: 1,
			env: 'lab',
			changes: [{ what: 'concurrency', from: 4, to: 6 }],
			updates: [],
			before: {},
			after: {},
			failing: true,
			tasksPerDay: 1000,
			// As many tasks as a week later.
			week: { tasks: after?.tasks ?? 0, waitP95Ms: 900_000, deaths: 0, cost: 100, ...before },
		},
		by: { user: 'U0ANN', name: 'Ann' },
		at,
		until: at + 1,
		message,
		channel: 'C0OPEN',
		lang: 'en',
		steps: [],
		ended: { how: 'done', at },
		...more,
	};
	await wires.deps.applies.ask(applied);
	await wires.deps.applies.remember('lab', applied.id, applied.at);
	return applied;
}

/** What is said of it in its thread, as one text. */
async function saidOf({ id }: Applying): Promise<string> {
	const [message] = wired.slack.messages('C0OPEN');
	expect(await gradeChange(id, wires)).toBe('done');
	await delivered(`grade-${id}`);
	return JSON.stringify(wired.slack.allMessages().find(({ threadTs }) => threadTs === message?.ts)?.blocks ?? '');
}
const gradeNow = async (): Promise<unknown> => (await wires.deps.applies.applied('lab'))[0]?.grade;

describe('a change is graded after a week, in its thread', () => {
	test('not before; helped; and the next advice knows', async () => {
		const applied = await appliedAWeekAgo('fine');
		clock.now -= 1000;
		expect(await gradeChange(applied.id, wires)).toEqual({ againInMs: 1000 });
		clock.now += 1000;
		expect(await saidOf(applied)).toMatch(/A week later: it helped.*15m.*3s/);
		expect(await gradeNow()).toBe('helped');
		// Once.
		expect(await gradeChange(applied.id, wires)).toBe('done');
		expect(wired.slack.allMessages().filter(({ threadTs }) => threadTs !== undefined)).toHaveLength(1);
	}, 90_000);

	test('made worse, in the language of whoever asked', async () => {
		const applied = await appliedAWeekAgo('queueing-at-most', { before: { waitP95Ms: 20_000 }, lang: 'ja' });
		expect(await saidOf(applied)).toMatch(/1 週間後の評価: 悪化しました。.*20秒/);
		expect(await gradeNow()).toBe('made worse');
	}, 90_000);

	test('no grade where the load was another', async () => {
		const applied = await appliedAWeekAgo('fine', { before: { tasks: 100_000 } });
		expect(await saidOf(applied)).toContain('too different');
		expect(await gradeNow()).toBeUndefined();
	}, 90_000);

	test('nothing of one that was set back, or whose message somebody removed', async () => {
		const applied = await appliedAWeekAgo('fine', { revertedBy: 'c'.repeat(24) });
		expect(await saidOf(applied)).toBe('""');
		await wires.deps.applies.change(applied.id, (now) => ({ ...now, revertedBy: undefined }));
		await wired.client.hset(`{concertmaster}:msg:${applied.message}`, 'state', 'gone');
		expect(await saidOf(applied)).toBe('""');
	}, 90_000);
});
