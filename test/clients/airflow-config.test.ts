import { afterEach, expect, test } from '@jest/globals';
import { startAirflow, type SandboxAirflow } from '../../src/sandbox/airflow/index.ts';
import { clientOf } from '../commands/house.ts';

const open: SandboxAirflow[] = [];
afterEach(async () => {
	for (const it of open.splice(0)) await it.close();
});

test.each([1, 2] as const)('the settings in force, API v%s: by section and name, secrets masked', async (api) => {
	const config = {
		'core-executor': 'CeleryExecutor',
		'celery-worker_concurrency': '16',
		'logging-remote_logging': 'True',
		'smtp-smtp_password': 'hunter22-hunter22',
	};
	const sandbox = await startAirflow({ api, schedules: false, dags: [], config });
	open.push(sandbox);
	expect(await clientOf(sandbox, api).config()).toEqual({ ...config, 'smtp-smtp_password': '***' });
});
