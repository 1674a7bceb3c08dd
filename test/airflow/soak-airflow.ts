import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { airflow as airflowClient, type AirflowOptions } from '../../src/clients/airflow.ts';
import { http } from '../../src/clients/base/http.ts';
import type { Airflow } from '../../src/domain/airflow.ts';
import { startRealAirflow, type RealAirflow } from '../../src/sandbox/real-airflow.ts';

export type SoakAirflow = { airflow: RealAirflow; auth: AirflowOptions['auth']; client: Airflow };

/** Broken off, they leave nothing behind. Stopping one twice is stopping it once. */
const started: RealAirflow[] = [];
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
	process.once(signal, () => void Promise.all(started.map((one) => one.stop())).then(() => process.exit(130)));

/** A real Airflow with the DAGs of `soak-dags`, these among them, ready to be run. */
export async function startSoakAirflow(
	generation: 2 | 3,
	options: {
		say: (line: string) => void;
		concurrency: number;
		settings?: Readonly<Record<string, string>>;
		dags: readonly string[];
	},
): Promise<SoakAirflow> {
	const airflow = await startRealAirflow(generation, {
		say: options.say,
		dags: join(import.meta.dirname, 'soak-dags'),
		concurrency: options.concurrency,
		// `_operators.py`: where the two generations keep the same things.
		settings: { PYTHONPATH: join(import.meta.dirname, '../../airflow/dags'), ...options.settings },
	});
	started.push(airflow);
	const auth = { kind: airflow.auth.kind, ...airflow.users.admin };
	// A late answer on a busy machine is not to end a trial of an hour.
	const client = airflowClient({ url: airflow.url, auth, timeoutMs: 120_000 }, http);
	for (const until = Date.now() + 120_000; Date.now() < until; await sleep(1000)) {
		const there = new Set((await client.dags()).map(({ id }) => id));
		if (options.dags.every((dag) => there.has(dag))) return { airflow, auth, client };
	}
	await airflow.stop();
	throw new Error('Airflow has not read its DAG files.');
}
