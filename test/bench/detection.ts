// npm run -s bench:detection: two hundred failed tries over three minutes, some of them retried and well again within milliseconds, noticed by
// polling alone at its default pace: how long after its end each was noticed, and how many calls a minute the watch made meanwhile (twenty, and one for each failure or less), with 500 DAGs.
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { z } from 'zod';
import type { SandboxAirflow, SimDag } from '../../src/sandbox/airflow/types.ts';
import { failureJobId } from '../../worker/watch/pass-on.ts';
import { failedTries, failingDags, planFailures } from '../chaos/failing.ts';
import type { Try } from '../chaos/failing.ts';
import { inHouse } from '../faults/house.ts';

const DAGS = 500;
const TRIES = Number(process.env['BENCH_FAILURES'] ?? 200);
const GAP_MS = 1700;

const quiet = (n: number): SimDag => ({
	id: `quiet_${n}`,
	owner: 'bench',
	tags: [],
	file: `quiet_${n}.py`,
	tasks: [{ id: 'work', operator: 'PythonOperator', ms: 50 }],
});

function endOf(airflow: SandboxAirflow, one: Try): number {
	const tasks = airflow.run(one.dag, one.run)?.tasks ?? [];
	const found = tasks.find(({ task, mapIndex }) => task.id === one.task && mapIndex === one.mapIndex);
	const past = found?.past.find(({ tryNumber }) => tryNumber === one.tryNumber);
	return past?.endedAt ?? found?.endedAt ?? NaN;
}

const quantile = (sorted: readonly number[], q: number): number =>
	Math.round(10 * (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN)) / 10;

const jobData = z.object({ seenAt: z.number() });

const dags = [
	...failingDags.map(({ dag }) => dag),
	...Array.from({ length: DAGS - failingDags.length }, (_, n) => quiet(n)),
];
await inHouse({ airflow: { dags } }, async ({ airflow, redis, start }) => {
	await start('worker');
	await airflow.until(() => airflow.calls('tasks').length > 0, 60_000);
	// The very first look sets what is before and what is after.
	await sleep(3000);
	const began = Date.now();
	for (const [n, { id }] of planFailures(TRIES, Math.random).entries()) {
		airflow.foreignRun({ dag: id, run: `r${n}` });
		await sleep(GAP_MS * (0.5 + Math.random()));
	}
	const minutes = (Date.now() - began) / 60_000;
	const polls = airflow
		.calls()
		.filter(({ at, op, path }) => at >= began && (op === 'runs' || (op === 'tasks' && path.includes('/~/'))));
	await sleep(30_000);
	const client = new Redis(redis.url);
	const delays: number[] = [];
	const tries = failedTries(airflow);
	for (const one of tries) {
		const data = await client.hget(`{concertmaster}:failures:${failureJobId({ env: 'lab', ...one })}`, 'data');
		if (data !== null) delays.push((jobData.parse(JSON.parse(data)).seenAt - endOf(airflow, one)) / 1000);
	}
	client.disconnect();
	delays.sort((a, b) => a - b);
	const [p50, p99, max] = [quantile(delays, 0.5), quantile(delays, 0.99), quantile(delays, 1)];
	const result = {
		dags: DAGS,
		tries: tries.length,
		missed: tries.length - delays.length,
		p50,
		p99,
		max,
		triesAMinute: Math.round(tries.length / minutes),
		callsAMinute: Math.round(polls.length / minutes),
	};
	process.stdout.write(`${JSON.stringify(result)}\n`);
});
