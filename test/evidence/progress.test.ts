import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { execute } from '../../commands/execute.ts';
import type { Sources } from '../../src/collect.ts';
import type { Airflow } from '../../src/domain/airflow.ts';
import type { Reply } from '../../src/domain/reply.ts';
import type { SandboxAirflow } from '../../src/sandbox/airflow/index.ts';
import { asker, fakeDeps, sandboxAirflow, shown, typed } from '../commands/house.ts';

let sandbox: SandboxAirflow;
let client: Airflow;
beforeAll(async () => {
	({ sandbox, client } = await sandboxAirflow({ api: 2, speed: 50 }));
	await client.trigger({ dag: 'cm_sigkill', run: 'manual__1', note: '' });
	await sandbox.until(() => sandbox.run('cm_sigkill', 'manual__1')?.state === 'failed');
});
afterAll(() => sandbox.close());

/** Every source answers, `afterMs` later. */
function late(sources: Sources, afterMs: number): Sources {
	const slowed = Object.entries(sources).map(([name, source]) => [
		name,
		{ ...source, read: async (failed: never) => (await sleep(afterMs), source.read(failed)) },
	]);
	return Object.fromEntries(slowed) as Sources;
}

async function diagnose(words: string, afterMs: number, via: 'command' | 'click') {
	const deps = fakeDeps({ prod: client });
	const soFar: Reply[] = [];
	const { reply } = await execute(
		typed(words, { via }),
		asker(),
		{ ...deps, sources: (env) => late(deps.sources(env), afterMs) },
		async (first) => void soFar.push(first),
	);
	return { soFar, reply };
}

test('what the log says is told after two seconds, in the message that the verdict then replaces', async () => {
	const { soFar, reply } = await diagnose('diagnose cm_sigkill', 2600, 'command');
	expect(soFar.map(({ to }) => to)).toEqual(['channel']);
	expect(shown(soFar[0] ?? reply).join('\n')).toMatch(/killed[^]*Being checked against the environment/);
	expect(reply.to).toBe('channel');
	expect(shown(reply).join('\n')).not.toContain('Being checked');
}, 20_000);

test('nothing is said before the answer when that comes soon, or when only one person sees it', async () => {
	expect((await diagnose('diagnose cm_sigkill', 0, 'command')).soFar).toEqual([]);
	const click = await diagnose('diagnose cm_sigkill', 2600, 'click');
	expect(click.soFar).toEqual([]);
	expect(click.reply.to).toBe('asker');
}, 20_000);
