import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { execute } from '../../commands/execute.ts';
import type { BotDeps } from '../../src/build-deps.ts';
import type { Airflow, TaskInstance } from '../../src/domain/airflow.ts';
import type { Applying } from '../../src/scaling/applying.ts';
import { scalingSchema } from '../../src/scaling/options.ts';
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

test('a change is graded after a week, in its thread, and the next advice knows', async () => {
	const week = { tasks: 0, waitP95Ms: 900_000, deaths: 0, cost: 100 };
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
			week,
		},
		by: { user: 'U0ANN', name: 'Ann' },
		at: clock.now,
		until: clock.now + 1,
		message: 'b'.repeat(24),
		channel: 'C0OPEN',
		lang: 'en',
		steps: [],
		ended: { how: 'done', at: clock.now },
	};
	await say(
		wires,
		applied.message,
		{ kind: 'channel', channel: 'C0OPEN' },
		{ reply: { to: 'channel', parts: [{ kind: 'title', line: ['Changed'] }] }, lang: 'en', stage: 10 },
	);
	await delivered(applied.message);
	const [message] = wired.slack.messages('C0OPEN');
	// What a week later looks like decides: as many tasks as before, a shorter wait.
	airflow = airflowOf('fine', 7 * DAY);
	const { adviceOn } = await import('../../commands/_parts/size-advice.ts');
	clock.now += 7 * DAY;
	const after = (await adviceOn('lab', { days: 7, waitMs: undefined }, wires.deps)).advice.week;
	const proposal = { ...applied.proposal, week: { ...week, tasks: after?.tasks ?? 0 } };
	await wires.deps.applies.ask({ ...applied, proposal });
	await wires.deps.applies.remember('lab', applied.id, applied.at);
	clock.now -= 1000;
	expect(await gradeChange(applied.id, wires)).toEqual({ againInMs: 1000 });
	clock.now += 1000;
	expect(await gradeChange(applied.id, wires)).toBe('done');
	await delivered(`grade-${applied.id}`);
	const reply = wired.slack.allMessages().find(({ threadTs }) => threadTs === message?.ts);
	expect(JSON.stringify(reply?.blocks)).toMatch(/A week later: it helped.*15m.*3s/);
	expect((await wires.deps.applies.applied('lab'))[0]?.grade).toBe('helped');
	// Once.
	expect(await gradeChange(applied.id, wires)).toBe('done');
}, 30_000);
