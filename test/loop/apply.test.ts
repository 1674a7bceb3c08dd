import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { execute } from '../../commands/execute.ts';
import type { Grant } from '../../src/access/roles.ts';
import { propose, type Applying } from '../../src/scaling/applying.ts';
import { environmentOf } from '../../src/scaling/environment.ts';
import { scalingSchema } from '../../src/scaling/options.ts';
import type { Change } from '../../src/scaling/plan.ts';
import { render } from '../../src/slack/render.ts';
import { addCaller } from '../../src/sandbox/world/environments.ts';
import { apply, expire } from '../../worker/apply.ts';
import { command } from '../../worker/command.ts';
import { deliver } from '../../worker/deliver.ts';
import { gradeChange } from '../../worker/grade.ts';
import { house, type House } from '../sandbox/google-house.ts';
import { wiresWith, type Wired } from './wires.ts';

const ADMINS: Grant = { role: 'admin', users: ['U0ANN', 'U0BEN'] };
const GUEST: Grant = { role: 'viewer', users: ['U0GUEST'] };

let cloud: House;
let wired: Wired;
let grants: Grant[];
beforeEach(async () => {
	cloud = await house();
	const { world, google, clock } = cloud;
	world.updateMs = 60_000;
	addCaller(world, 'changer', 'changer@acme.example', ['roles/composer.admin', 'roles/iam.serviceAccountUser']);
	grants = [ADMINS, GUEST];
	wired = await wiresWith(
		execute,
		{
			googleToken: 'changer',
			environments: [
				{
					name: 'prod',
					airflow: { url: 'http://127.0.0.1:9', auth: { kind: 'google' } },
					composer: { project: 'acme-data-prod', location: 'europe-west1', name: 'prod', rootUrl: google.rootUrl },
				},
			],
			grants,
			scaling: scalingSchema.parse({ apply: true }),
		},
		(reply, lang) => render(reply, lang, async (words) => words),
		() => clock.now,
	);
});
afterEach(async () => {
	await wired.close();
	await cloud.google.close();
});

const held = (id: string, data: unknown) => ({
	id,
	data,
	addedAt: Date.now(),
	starts: 1,
	stalls: 0,
	keepOnly: async () => undefined,
});

/** A person types; the key of the command, which is its message's. */
async function type(user: string, words: string, channel = 'C0OPEN'): Promise<string> {
	const key = randomBytes(12).toString('hex');
	const typed = { words, user, channel, team: 'T', key, via: 'click', at: cloud.clock.now };
	expect(await command(held(key, { v: 1, typed }), wired.wires)).toBe('done');
	return key;
}

/** What stands in Slack under that key, as one text. */
async function shown(key: string): Promise<string> {
	for (let tries = 0; tries < 20; tries++) {
		const outcome = await deliver(held(key, { v: 1, id: key }), wired.wires);
		if (outcome === 'done') break;
		await new Promise((done) => setTimeout(done, outcome.againInMs));
	}
	const message = wired.slack.allMessages().find(({ metadata }) => JSON.stringify(metadata ?? {}).includes(key));
	return JSON.stringify(message?.blocks ?? wired.slack.allMessages().at(-1)?.blocks ?? '');
}

/** What was whispered to somebody. */
const whispered = async (key: string): Promise<string> => shown(key);

async function home() {
	const composer = wired.wires.deps.composer('prod');
	if (!composer) throw new Error('no composer');
	return environmentOf((await composer.describe({ anew: true })).environment, 'prod');
}

/** A change as `/dag scale` would keep it; the id of its plan. */
async function planOf(change: (worker: Change & { what: 'worker' }) => Change[]): Promise<string> {
	const now = await home();
	const changes = change({ what: 'worker', from: now.worker, to: now.worker });
	const proposal = propose('prod', now, changes, { failing: true, tasksPerDay: 1000 });
	if (!proposal) throw new Error('nothing to propose');
	return wired.wires.deps.plans.keep(JSON.stringify(proposal));
}
const moreMemory = () =>
	planOf(({ from }) => [
		{ what: 'worker', from, to: { ...from, memoryGb: (from.memoryGb ?? 0) + 1 } },
		{ what: 'concurrency', from: 6, to: 4 },
	]);

/** The change that this command asked for. */
async function asked(key: string): Promise<Applying> {
	for await (const found of wired.client.scanStream({ match: '{concertmaster}:apply:*' }))
		for (const redisKey of found as string[]) {
			const applying = await wired.wires.deps.applies.get(redisKey.split(':').at(-1) ?? '');
			if (applying?.message === key) return applying;
		}
	throw new Error('nothing was asked for');
}

/** Carries it out, time passing, until it has ended; `between` runs after each step. */
async function carriedOut(id: string, between: () => void | Promise<void> = () => undefined): Promise<Applying> {
	for (let turn = 0; turn < 200; turn++) {
		const outcome = await apply(id, wired.wires);
		await between();
		if (outcome === 'done') break;
		cloud.clock.now += outcome.againInMs;
		cloud.world.tick();
	}
	const applying = await wired.wires.deps.applies.get(id);
	if (!applying) throw new Error('gone');
	return applying;
}

const patches = () => cloud.google.calls('composer.environments.patch').length;
const environment = () => cloud.world.environments.get('prod')!;

async function askAndApprove(plan: string): Promise<{ key: string; id: string }> {
	const key = await type('U0ANN', `apply --plan ${plan} --env prod`);
	const { id } = await asked(key);
	await type('U0BEN', `approve ${id} --env prod`);
	return { key, id };
}

describe('a change that is asked for in Slack', () => {
	test('is made when a second admin approves: one update after the other, told in one message, kept in the audit', async () => {
		const before = await home();
		const key = await type('U0ANN', `apply --plan ${await moreMemory()} --env prod`);
		expect(await shown(key)).toMatch(/ann asks to change prod.*Approve.*Reject/);
		const { id } = await asked(key);
		await type('U0BEN', `approve ${id} --env prod`);
		const { ended } = await carriedOut(id);
		expect(ended?.how).toBe('done');
		expect(patches()).toBe(2);
		const after = await home();
		expect(after.worker.memoryGb).toBe((before.worker.memoryGb ?? 0) + 1);
		expect(after.overrides['celery-worker_concurrency']).toBe('4');
		// Nothing else was touched.
		expect({ ...after, worker: 0, overrides: 0, workerConcurrency: 0 }).toEqual({
			...before,
			worker: 0,
			overrides: 0,
			workerConcurrency: 0,
		});
		expect(await shown(key)).toMatch(/prod was changed.*Approved by.*ben.*Revert/);
		const audit = await wired.wires.deps.audit.list(10);
		expect(audit.map(({ verb, result, name }) => `${verb} ${result} ${name}`)).toContain('apply done ann');
		expect(audit.map(({ verb, name }) => `${verb} ${name}`)).toContain('approve ben');
	}, 60_000);

	test('is not approved by whoever asked, by a viewer, or after its time', async () => {
		const plan = await moreMemory();
		const key = await type('U0ANN', `apply --plan ${plan} --env prod`);
		const { id } = await asked(key);
		expect(await whispered(await type('U0ANN', `approve ${id} --env prod`))).toMatch(/asked for it yourself/);
		expect(await whispered(await type('U0GUEST', `approve ${id} --env prod`))).toMatch(/may not run|cannot use/);
		cloud.clock.now += 31 * 60_000;
		expect(await whispered(await type('U0BEN', `approve ${id} --env prod`))).toMatch(/期限を過ぎています/);
		expect(await expire(id, wired.wires)).toBe('done');
		expect((await wired.wires.deps.applies.get(id))?.ended?.how).toBe('expired');
		expect(await shown(key)).toMatch(/nobody approved in time/);
		expect(patches()).toBe(0);
	}, 30_000);

	test('is not made when it is rejected, or when the approver is no admin any more', async () => {
		const first = await type('U0ANN', `apply --plan ${await moreMemory()} --env prod`);
		const rejected = (await asked(first)).id;
		await type('U0BEN', `approve ${rejected} --no --env prod`);
		expect((await carriedOut(rejected)).ended?.how).toBe('rejected');
		const { id } = await askAndApprove(await moreMemory());
		grants.splice(0, 1, { role: 'admin', users: ['U0ANN'] });
		expect((await carriedOut(id)).ended?.how).toBe('refused');
		expect(patches()).toBe(0);
	}, 30_000);

	test('is not made when one person stands for both, however that came to be stored', async () => {
		const { id } = await asked(await type('U0ANN', `apply --plan ${await moreMemory()} --env prod`));
		await wired.wires.deps.applies.change(id, (now) => ({
			...now,
			decided: { ...now.by, at: cloud.clock.now, approved: true },
		}));
		expect((await carriedOut(id)).ended?.how).toBe('refused');
		expect(patches()).toBe(0);
	}, 60_000);

	test('is not made when the environment was changed since, or is being changed', async () => {
		const plan = await moreMemory();
		environment().settings.workloads.worker.maxCount += 1;
		expect(await whispered(await type('U0ANN', `apply --plan ${plan} --env prod`))).toMatch(/no longer as it was/);
		const { id } = await askAndApprove(await moreMemory());
		environment().settings.workloads.worker.maxCount += 1;
		expect((await carriedOut(id)).ended?.how).toBe('refused');
		const other = await askAndApprove(await moreMemory());
		environment().state = 'UPDATING';
		expect((await carriedOut(other.id)).ended).toMatchObject({ how: 'refused' });
		expect(patches()).toBe(0);
	}, 30_000);

	test('is switched off unless the settings switch it on, and takes an admin of all of the environment', async () => {
		const plan = await moreMemory();
		grants.splice(0, 1, { role: 'admin', users: ['U0ANN'], dags: ['team_*'] });
		expect(await whispered(await type('U0ANN', `apply --plan ${plan} --env prod`))).toMatch(/may not run/);
		grants.splice(0, 1, ADMINS);
		Object.assign(wired.wires.deps.scaling, scalingSchema.parse({}));
		expect(await whispered(await type('U0ANN', `apply --plan ${plan} --env prod`))).toMatch(/switched off/);
	}, 30_000);

	test('is set back by one click with the same approval, and not when the values are no longer ours', async () => {
		const before = await home();
		const { id } = await askAndApprove(await moreMemory());
		await carriedOut(id);
		const key = await type('U0BEN', `revert ${id} --env prod`);
		expect(await shown(key)).toMatch(/変更を元に戻す/);
		const back = (await asked(key)).id;
		await type('U0ANN', `approve ${back} --env prod`);
		expect((await carriedOut(back)).ended?.how).toBe('done');
		expect((await home()).worker).toEqual(before.worker);
		expect((await home()).overrides).toEqual(before.overrides);
		expect((await wired.wires.deps.applies.get(id))?.revertedBy).toBe(back);
		expect(await whispered(await type('U0BEN', `revert ${id} --env prod`))).toMatch(/すでに元に戻されています/);

		const again = await askAndApprove(await moreMemory());
		await carriedOut(again.id);
		environment().settings.airflowConfigOverrides['celery-worker_concurrency'] = '5';
		expect(await whispered(await type('U0ANN', `revert ${again.id} --env prod`))).toMatch(/no longer those/);
	}, 60_000);

	test('two at a time: the second is refused', async () => {
		const plan = await moreMemory();
		const [a, b] = [await askAndApprove(plan), await askAndApprove(plan)];
		expect(a.id).not.toBe(b.id);
		const first = await apply(a.id, wired.wires);
		expect(first).not.toBe('done');
		expect((await carriedOut(b.id)).ended?.how).toBe('refused');
		expect((await carriedOut(a.id)).ended?.how).toBe('done');
	}, 60_000);
});

describe('one PATCH for each update, whatever happens', () => {
	const oneUpdate = () => planOf(({ from }) => [{ what: 'worker', from, to: { ...from, max: from.max + 1 } }]);

	test('the reply is lost after it took effect', async () => {
		const { id } = await askAndApprove(await oneUpdate());
		cloud.google.faults({ op: 'composer.environments.patch', kind: 'reset-after-effect', times: 1 });
		expect((await carriedOut(id)).ended?.how).toBe('done');
		expect(patches()).toBe(1);
	}, 60_000);

	test('the reply is lost before it took effect: it is not called again', async () => {
		const { id } = await askAndApprove(await oneUpdate());
		cloud.google.faults({ op: 'composer.environments.patch', kind: 'reset', times: 1 });
		expect((await carriedOut(id)).ended).toMatchObject({
			how: 'failed',
			why: { en: expect.stringContaining('no update began') },
		});
		expect(patches()).toBe(1);
	}, 60_000);

	test('the worker dies between the call and what it would have stored', async () => {
		const { id } = await askAndApprove(await oneUpdate());
		const composer = wired.wires.deps.composer('prod');
		if (!composer) throw new Error('no composer');
		const dies = {
			...composer,
			patch: async (update: Parameters<typeof composer.patch>[0]) => {
				await composer.patch(update);
				throw new Error('killed');
			},
		};
		const dying = { ...wired.wires, deps: { ...wired.wires.deps, composer: () => dies } };
		await expect(apply(id, dying)).rejects.toThrow('killed');
		expect((await wired.wires.deps.applies.get(id))?.steps).toMatchObject([{ state: 'intended' }]);
		expect((await carriedOut(id)).ended?.how).toBe('done');
		expect(patches()).toBe(1);
	}, 60_000);

	test('Google asks to wait (429): it waits, and calls then', async () => {
		const { id } = await askAndApprove(await oneUpdate());
		cloud.google.faults({ op: 'composer.environments.patch', kind: 'rate-limited', times: 2 });
		expect((await carriedOut(id)).ended?.how).toBe('done');
		expect(cloud.world.operations.filter(({ environment }) => environment === 'prod').map(({ type }) => type)).toEqual([
			'CREATE',
			'UPDATE',
		]);
	}, 60_000);

	test('the operation fails: it says what Google says, and the values are as before', async () => {
		const before = await home();
		const { key, id } = await askAndApprove(await oneUpdate());
		cloud.world.updateChecks.push(() => ({ code: 8, message: 'Quota CPUS exceeded in europe-west1.' }));
		expect((await carriedOut(id)).ended).toMatchObject({ how: 'failed' });
		expect(await shown(key)).toMatch(/Quota CPUS exceeded/);
		expect((await home()).worker).toEqual(before.worker);
	}, 60_000);

	test("somebody else's update gets in between: ours is not repeated and not called done", async () => {
		const { id } = await askAndApprove(await oneUpdate());
		cloud.google.faults({ op: 'composer.environments.patch', kind: 'reset', times: 1 });
		await apply(id, wired.wires);
		// While the answer is lost, somebody else's update begins.
		const composer = wired.wires.deps.composer('prod');
		await composer?.patch({
			mask: ['config.environmentSize'],
			body: { config: { environmentSize: 'ENVIRONMENT_SIZE_LARGE' } },
		});
		const { ended } = await carriedOut(id);
		expect(ended).toMatchObject({ how: 'failed', why: { en: expect.stringContaining('somebody else') } });
	}, 60_000);

	test('not allowed: it says which permission, and nothing was changed', async () => {
		const { key, id } = await askAndApprove(await oneUpdate());
		cloud.google.faults({ op: 'composer.environments.patch', kind: 'denied', times: 1 });
		expect((await carriedOut(id)).ended?.how).toBe('failed');
		expect(await shown(key)).toMatch(/composer\.environments\.update/);
	}, 60_000);
});

test('a week later: what cannot be read is no grade', async () => {
	const { id } = await askAndApprove(await moreMemory());
	await carriedOut(id);
	cloud.clock.now += 6 * 86_400_000;
	const outcome = await gradeChange(id, wired.wires);
	expect(outcome).not.toBe('done');
}, 60_000);
