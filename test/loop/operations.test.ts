import { afterEach, expect, test } from '@jest/globals';
import { alertsSchema } from '../../src/alerts/options.ts';
import { startGoogle, type SandboxGoogle } from '../../src/sandbox/google/index.ts';
import { addCaller, addEnvironment, addOperation } from '../../src/sandbox/world/environments.ts';
import type { LongOperation } from '../../src/sandbox/world/types.ts';
import { openWorld } from '../../src/sandbox/world/world.ts';
import { render } from '../../src/slack/render.ts';
import type { Held } from '../../src/clients/queue.ts';
import { cards } from '../../worker/card.ts';
import { condition } from '../../worker/condition.ts';
import { deliver } from '../../worker/deliver.ts';
import type { ConditionJob } from '../../worker/jobs.ts';
import { followOperations } from '../../worker/operations.ts';
import { wiresWith } from './wires.ts';
import type { Wired } from './wires.ts';

let wired: Wired;
let google: SandboxGoogle;
/** By how much the bot's clock goes before. */
let ahead = 0;
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
	ahead = 0;
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
		() => Date.now() + ahead,
	);
	wired.wires.work.consume('deliveries', 5, (held) => deliver(held, wired.wires));
	return { add };
}
const look = (): Promise<void> => followOperations('lab', wired.wires);
const said = () => wired.slack.messages('C0OPEN');

const HELD: Omit<Held, 'data'> = {
	id: 'condition',
	addedAt: Date.now(),
	starts: 1,
	stalls: 0,
	keepOnly: async () => undefined,
};

/** One that was told while it ran, and has just failed. */
async function failedUpdate() {
	const began = Date.now() - 25 * MINUTE;
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
	return { later: (ms: number) => (ahead = ms) };
}

const why = /ResolutionImpossible/;
const followed = async (): Promise<number> => (await wired.wires.deps.followed.all('lab')).size;

test('that it failed is told by one message that notifies: the card of its incident', async () => {
	await failedUpdate();
	const failed = (await wired.wires.deps.composer('lab')?.operations(9))?.find(({ state }) => state === 'FAILED');
	wired.wires.work.consume('cards', 5, (held) => cards(held, wired.wires));
	const begun: ConditionJob = {
		v: 1,
		env: 'lab',
		kind: 'operation-failed',
		key: failed?.name.split('/').at(-1) ?? '',
		facts: { operation: 'UPDATE', text: PYPI },
		since: failed?.endedAt ?? '',
		over: false,
		seenAt: Date.now(),
	};
	expect(await followed()).toBe(1);
	await condition({ ...HELD, data: begun }, wired.wires);
	await wired.slack.until(() => said().length === 2);
	await look();
	expect(await followed()).toBe(0);
	const [message, card] = said();
	expect(JSON.stringify(message?.blocks)).not.toMatch(why);
	expect(JSON.stringify(message?.blocks)).toContain('Why is told in a message of its own.');
	expect(JSON.stringify(card?.blocks)).toMatch(why);
	await look();
	expect(said()).toHaveLength(2);
}, 60_000);

test('where no card comes a message of its own says why: nothing is silent', async () => {
	const { later } = await failedUpdate();
	await look();
	expect({ said: said().length, followed: await followed() }).toEqual({ said: 1, followed: 1 });
	later(4 * MINUTE);
	await Promise.all([look(), look()]);
	await wired.slack.until(() => said().length === 2);
	expect(said()[1]?.text).toMatch(/failed after 25m/);
	expect(JSON.stringify(said()[1]?.blocks)).toMatch(why);
	expect(await followed()).toBe(0);
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
