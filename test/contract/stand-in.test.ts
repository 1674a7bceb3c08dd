import { startAirflow } from '../../src/sandbox/airflow/index.ts';
import { contractSuite, type Target } from './suite.ts';

for (const api of [1, 2] as const)
	contractSuite(`the stand-in, REST API v${api}`, async (): Promise<Target> => {
		const it = await startAirflow({ api, speed: 10 });
		const user = (name: string): { username: string; password: string } => ({ username: name, password: name });
		return {
			api,
			version: it.version,
			url: it.url,
			users: { admin: user('admin'), op: user('op'), viewer: user('viewer') },
			patienceMs: 10_000,
			close: () => it.close(),
		};
	});
