import { describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { SandboxAirflow, SimDag, SimTask } from '../../src/sandbox/airflow/types.ts';
import { failureJobId } from '../../worker/watch/pass-on.ts';
import { openHouse } from '../faults/house.ts';
import type { BotProcess, House } from '../faults/house.ts';

const dag = (id: string, task: Partial<SimTask>): SimDag => ({
	id,
	owner: 'tests',
	tags: [],
	file: `${id}.py`,
	maxActiveRuns: 1000,
	tasks: [{ id: 'work', operator: 'PythonOperator', ms: 60, ...task }],
});

const DAGS: readonly SimDag[] = [
	dag('last', { endings: ['killed'] }),
	dag('recovers', { retries: 3, retryDelayMs: 30, endings: ['killed', 'no-log', 'success'] }),
	dag('retried', { retries: 2, retryDelayMs: 1500, endings: ['killed'] }),
	dag('mapped', { mapped: 3, retries: 1, retryDelayMs: 200, endings: ['killed', 'success'] }),
	dag('fine', {}),
];

/** Every failed try there was, by the stand-in's own list. */
function failedTries(airflow: SandboxAirflow): string[] {
	return airflow.runs().flatMap(({ dag: dagId, run, tasks }) =>
		tasks.flatMap((one) => {
			const present = one.state === 'failed' || one.state === 'up_for_retry' ? [one.tryNumber] : [];
			const numbers = [
				...one.past.filter(({ state }) => state === 'failed').map(({ tryNumber }) => tryNumber),
				...present,
			];
			return numbers.map((tryNumber) =>
				failureJobId({ env: 'lab', dag: dagId, run, task: one.task.id, mapIndex: one.mapIndex, tryNumber }),
			);
		}),
	);
}

/** Jobs that are or were there: ended ones stay for a day. */
async function jobIds(client: Redis): Promise<string[]> {
	const keys = await client.keys('{concertmaster}:failures:*');
	const ids = keys.map((key) => key.split(':')[2] ?? '');
	return ids.filter((id) => /^[0-9a-f]{32}$/.test(id) && !keys.includes(`{concertmaster}:failures:${id}:x`));
}

async function untilAll(house: House, client: Redis, ms: number): Promise<{ lost: number; extra: number }> {
	for (const deadline = Date.now() + ms; ; await sleep(300)) {
		const wanted = failedTries(house.airflow);
		const found = new Set(await jobIds(client));
		const lost = wanted.filter((id) => !found.has(id)).length;
		const ended = house.airflow.runs().every(({ state }) => state === 'success' || state === 'failed');
		if ((ended && lost === 0) || Date.now() > deadline)
			return { lost, extra: [...found].filter((id) => !wanted.includes(id)).length };
	}
}

describe('the watch under faults', () => {
	test('kill -9, SIGSTOP, Redis killed, Airflow failing: every failed try is one job', async () => {
		const house = await openHouse({
			airflow: { dags: DAGS, seed: 5 },
			settings: 'watch: { everySeconds: 1 }\n',
		});
		const client = new Redis(house.redis.url, { maxRetriesPerRequest: null });
		client.on('error', () => undefined);
		try {
			let workers: BotProcess[] = await Promise.all([house.start('worker'), house.start('worker')]);
			await house.airflow.until(() => house.airflow.calls('tasks').length > 0);
			await sleep(1000);
			for (const kind of ['429', '500', 'reset-after-effect', 'slow-after-effect'] as const)
				for (const op of ['tasks', 'runs', 'tries'] as const)
					house.airflow.faults({ op, kind, rate: 0.06, slowMs: 3500 });
			const start = (n: number): void => {
				for (const { id } of DAGS) house.airflow.foreignRun({ dag: id, run: `r${n}` });
			};
			for (let n = 0; n < 10; n++) {
				start(n);
				await sleep(450);
				if (n === 2 || n === 5) {
					await workers[0]?.kill();
					workers = [...workers.slice(1), await house.start('worker')];
				}
				if (n === 3) workers[0]?.freeze();
				if (n === 7) {
					await house.redis.kill();
					await sleep(300);
					await house.redis.restart();
				}
			}
			for (const worker of workers) worker.thaw();
			house.airflow.clearFaults();
			expect(await untilAll(house, client, 40_000)).toEqual({ lost: 0, extra: 0 });
			// 10 runs: 1 + 2 + 3 + 3 failed tries each, none of `fine`.
			expect(failedTries(house.airflow)).toHaveLength(90);
		} finally {
			client.disconnect();
			await house.close();
		}
	}, 90_000);
});
