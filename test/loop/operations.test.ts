import { afterEach, expect, test } from '@jest/globals';
import { alertsSchema } from '../../src/alerts/options.ts';
import { startGoogle, type SandboxGoogle } from '../../src/sandbox/google/index.ts';
import { addCaller, addEnvironment, addOperation } from '../../src/sandbox/world/environments.ts';
import type { LongOperation } from '../../src/sandbox/world/types.ts';
import { openWorld } from '../../src/sandbox/world/world.ts';
import { render } from '../../src/slack/render.ts';
import { deliver } from '../../worker/deliver.ts';
import { followOperations } from '../../worker/operations.ts';
import { wiresWith } from './wires.ts';
import type { Wired } from './wires.ts';

let wired: Wired;
let google: SandboxGoogle;
afterEach(async () => {
	await wired.close();
	await google.close();
});

const MINUTE = 60_000;
const PYPI =
	'Failed to install PyPI packages.\nERROR: Cannot install pandas==2.2 and numpy==2.0 because these package versions have conflicting dependencies.\nERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/dependency-resolution/#dealing-with-dependency-conflicts';

type Past = Parameters<typeof addOperation>[2];

/** A bot for `prod`, in which these operations took place; more can be added. */
async function house(...past: Past[]): Promise<{ add: (one: Past) => LongOperation }> {
	const world = openWorld({ project: 'acme-data' });
	const prod = addEnvironment(world, {
		name: 'prod',
		airflowUri: 'http://127.0.0.1:9',
		imageVersion: 'composer-2.16.0-airflow-2.11.0',
	});
	addCaller(world, 'token', 'bot@acme.example', ['roles/composer.user']);
	const add = (one: Past): LongOperation => addOperation(world, prod, one);
	for (const one of past) add(one);
	google = await startGoogle(world);
	wired = await wiresWith(
		async () => {
			throw new Error('no command here');
		},
		{
			googleToken: 'token',
			alerts: alertsSchema.parse({ channel: 'C0OPEN' }),
			environments: [
				{
					name: 'lab',
					airflow: { auth: { kind: 'google' } },
					composer: { project: 'acme-data', location: 'europe-west1', name: 'prod', rootUrl: google.rootUrl },
				},
			],
		},
		(reply, lang) => render(reply, lang, async (words) => words),
	);
	wired.wires.work.consume('deliveries', 5, (held) => deliver(held, wired.wires));
	return { add };
}
const look = (): Promise<void> => followOperations('lab', wired.wires);
const said = () => wired.slack.messages('C0OPEN');

test('an update that runs is told in one message, which says why it failed', async () => {
	const began = Date.now() - 22 * MINUTE;
	const { add } = await house({ type: 'UPDATE', startedAt: began - 90 * MINUTE, endedAt: began - 70 * MINUTE });
	await look();
	expect(said()).toEqual([]);

	const update = add({ type: 'UPDATE', startedAt: began });
	await Promise.all([look(), look(), look()]);
	await wired.slack.until(() => said().length === 1);
	expect(said()[0]?.text).toMatch(/lab.*update under way/);
	expect(JSON.stringify(said()[0]?.blocks)).toContain('usually 20m');

	Object.assign(update, { state: 'FAILED', endedAt: began + 25 * MINUTE, error: { code: 9, message: PYPI } });
	await look();
	await wired.slack.until(() => /failed after 25m/.test(said()[0]?.text ?? ''));
	expect(JSON.stringify(said()[0]?.blocks)).toContain('ResolutionImpossible');
	expect(JSON.stringify(said()[0]?.blocks)).toMatch(/PyPI/);
	await look();
	expect(said()).toHaveLength(1);
	expect((await wired.wires.deps.followed.all('lab')).size).toBe(0);
}, 60_000);

test('one that succeeds turns green; one that ended before anybody looked is no news', async () => {
	const { add } = await house({
		type: 'UPDATE',
		startedAt: Date.now() - MINUTE,
		endedAt: Date.now(),
		error: { code: 9, message: 'x' },
	});
	const creation = add({ type: 'CREATE', startedAt: Date.now() });
	creation.state = 'PENDING';
	await look();
	await wired.slack.until(() => said().length === 1);
	expect(said()[0]?.text).toMatch(/creation under way/);
	Object.assign(creation, { state: 'SUCCEEDED', endedAt: Date.now() });
	await look();
	await wired.slack.until(() => /creation done/.test(said()[0]?.text ?? ''));
	expect(said()).toHaveLength(1);
}, 60_000);
