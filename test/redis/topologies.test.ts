import { expect, test } from '@jest/globals';
import { inHouse, runsOf } from '../faults/house.ts';
import type { SimDag } from '../../src/sandbox/airflow/types.ts';
import { people, quick } from '../faults/workspace.ts';
import { CERTIFICATE, cluster, sentinels, tlsServer } from './servers.ts';
import type { Servers } from './servers.ts';

const failing: SimDag = {
	...quick,
	id: 'failing',
	file: 'failing.py',
	tasks: [{ id: 'work', operator: 'PythonOperator', ms: 50, endings: ['killed'] }],
};

// Each has servers and a bot of its own and mostly waits, so they run side by side.
test.concurrent.each([
	['rediss:// with a password and a private CA', tlsServer],
	['Sentinel, with a failover between two commands', sentinels],
	['Redis Cluster', cluster],
] as const)(
	'the main loop on %s',
	async (_name, start: () => Promise<Servers>) => {
		const servers = await start();
		try {
			await inHouse(
				{
					slack: { workspace: people() },
					airflow: { dags: [quick, failing] },
					settings: 'watch: { everySeconds: 1 }\nalerts: { channel: C0OTHER }\n',
				},
				async ({ slack, airflow, start }) => {
					await start('start', { REDIS_URL: servers.url, NODE_EXTRA_CA_CERTS: CERTIFICATE });
					const trigger = async (): Promise<void> => {
						const before = runsOf(airflow).size;
						// While a new master is chosen a command is refused, and that is said.
						for (const deadline = Date.now() + 30_000; runsOf(airflow).size === before;) {
							if (Date.now() > deadline) throw new Error('No command was taken.');
							const { ack } = await slack.type({ user: 'U0ANN', channel: 'C0OPEN', text: '/dag trigger quick' });
							if (ack.text === '') await slack.until(() => runsOf(airflow).size > before, 20_000);
							else await new Promise((again) => setTimeout(again, 500));
						}
					};
					const succeeded = (): number => slack.messages('C0OPEN').filter(({ text }) => /succeeded/.test(text)).length;
					await trigger();
					await slack.until(() => succeeded() === 1, 20_000);
					// A failover may lose all that the watch knew, but for what this worker knows itself: it has looked.
					await airflow.until(() => airflow.calls('tasks').filter(({ dag }) => dag === '~').length >= 2);
					servers.killMaster?.();
					await trigger();
					await slack.until(() => succeeded() === 2, 30_000);
					expect([...runsOf(airflow).values()]).toEqual([1, 1]);
					// Noticed, made an incident of, and told: every script and list the watch and the incidents have.
					airflow.foreignRun({ dag: 'failing', run: 'r1' });
					await slack.until(() => slack.messages('C0OTHER').some(({ text }) => text.includes('failing')), 90_000);
				},
			);
		} finally {
			await servers.stop();
		}
	},
	240_000,
);
