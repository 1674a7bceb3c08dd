import { afterEach, expect, test } from '@jest/globals';
import { alertsSchema } from '../../src/alerts/options.ts';
import { startComposer } from '../../src/sandbox/composer.ts';
import type { SandboxComposer } from '../../src/sandbox/composer.ts';
import { render } from '../../src/slack/render.ts';
import { deliver } from '../../worker/deliver.ts';
import { followOperations } from '../../worker/operations.ts';
import { wiresWith } from './wires.ts';
import type { Wired } from './wires.ts';

let wired: Wired;
let composer: SandboxComposer;
afterEach(async () => {
	await wired.close();
	await composer.close();
});

const MINUTE = 60_000;
const PYPI =
	'Failed to install PyPI packages.\nERROR: Cannot install pandas==2.2 and numpy==2.0 because these package versions have conflicting dependencies.\nERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/dependency-resolution/#dealing-with-dependency-conflicts';

async function house(operations: Parameters<typeof startComposer>[0]['operations'] = []): Promise<void> {
	composer = await startComposer({
		project: 'acme-data',
		location: 'europe-west1',
		environments: [{ name: 'prod', airflowUri: 'http://127.0.0.1:9', imageVersion: 'composer-2.16.0-airflow-2.11.0' }],
		...(operations === undefined ? {} : { operations }),
		tokens: { token: 'user' },
	});
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
					composer: { project: 'acme-data', location: 'europe-west1', name: 'prod', rootUrl: composer.rootUrl },
				},
			],
		},
		(reply, lang) => render(reply, lang, async (words) => words),
	);
	wired.wires.work.consume('deliveries', 5, (held) => deliver(held, wired.wires));
}
const look = (): Promise<void> => followOperations('lab', wired.wires);
const said = () => wired.slack.messages('C0OPEN');

test('an update that runs is told in one message, which says why it failed', async () => {
	const began = Date.now() - 22 * MINUTE;
	await house([
		{
			environment: 'prod',
			type: 'UPDATE',
			state: 'SUCCEEDED',
			createdAt: began - 90 * MINUTE,
			endedAt: began - 70 * MINUTE,
		},
	]);
	await look();
	expect(said()).toEqual([]);

	composer.addOperation({ environment: 'prod', type: 'UPDATE', state: 'RUNNING', createdAt: began });
	await Promise.all([look(), look(), look()]);
	await wired.slack.until(() => said().length === 1);
	expect(said()[0]?.text).toMatch(/lab.*update under way/);
	expect(JSON.stringify(said()[0]?.blocks)).toContain('usually 20m');

	composer.endOperation(1, { state: 'FAILED', endedAt: began + 25 * MINUTE, error: PYPI });
	await look();
	await wired.slack.until(() => /failed after 25m/.test(said()[0]?.text ?? ''));
	expect(JSON.stringify(said()[0]?.blocks)).toContain('ResolutionImpossible');
	expect(JSON.stringify(said()[0]?.blocks)).toMatch(/PyPI/);
	await look();
	expect(said()).toHaveLength(1);
	expect((await wired.wires.deps.followed.all('lab')).size).toBe(0);
}, 60_000);

test('one that succeeds turns green; one that ended before anybody looked is no news', async () => {
	await house([
		{
			environment: 'prod',
			type: 'UPDATE',
			state: 'FAILED',
			createdAt: Date.now() - MINUTE,
			endedAt: Date.now(),
			error: 'x',
		},
		{ environment: 'prod', type: 'CREATE', state: 'PENDING', createdAt: Date.now() },
	]);
	await look();
	await wired.slack.until(() => said().length === 1);
	expect(said()[0]?.text).toMatch(/creation under way/);
	composer.endOperation(1, { state: 'SUCCEEDED', endedAt: Date.now() });
	await look();
	await wired.slack.until(() => /creation done/.test(said()[0]?.text ?? ''));
	expect(said()).toHaveLength(1);
}, 60_000);
