import { afterEach, describe, expect, test } from '@jest/globals';
import { alertsSchema } from '../../src/alerts/options.ts';
import type { Config } from '../../src/config.ts';
import { startHealth } from '../../src/http/health.ts';
import { render } from '../../src/slack/render.ts';
import { wiresWith } from '../loop/wires.ts';
import type { Wired } from '../loop/wires.ts';
import { noteClosed } from '../../worker/watch/closed.ts';
import { PUSH_WINDOW_MS, REFUSED_PUSHES } from '../../worker/watch/findings.ts';
import { watchOurselves } from '../../worker/watch/self.ts';
import type { SelfWatch } from '../../worker/watch/self.ts';

const ADMIN = 'C0OPEN';

let closers: (() => unknown)[] = [];
afterEach(async () => {
	for (const close of closers.reverse()) await close();
	closers = [];
});

type Seen = {
	wired: Wired;
	self: SelfWatch;
	texts(): string[];
	check(): Promise<void>;
	note(fields: Record<string, string | number>): Promise<void>;
};

async function open(more: Partial<Config> = {}, host = 'here'): Promise<Seen> {
	const wired = await wiresWith(
		async () => {
			throw new Error('nothing is carried out here');
		},
		{ alerts: alertsSchema.parse({ adminChannel: ADMIN }), ...more },
		(reply, lang) => render(reply, lang, async (words) => words),
	);
	closers.push(() => wired.close());
	const self = watchOurselves(wired.wires, { deliversItself: true, host, everyMs: 3600_000 });
	closers.push(() => self.stop());
	const { watching } = wired.wires.deps;
	return {
		wired,
		self,
		texts: () => wired.slack.messages(ADMIN).map(({ text }) => text),
		async check() {
			await wired.client.del('{concertmaster}:watch:turn:self');
			// Two looks: what was said once is not said again.
			await self.check();
			await wired.client.del('{concertmaster}:watch:turn:self');
			await self.check();
		},
		async note(fields) {
			await watching.begin('lab', 'test');
			await watching.commit(
				'lab',
				'test',
				Object.entries(fields).map(([name, set]) => ({ name, set })),
			);
		},
	};
}

const failing = (kind: string, sinceMs: number): string =>
	JSON.stringify({
		kind,
		label: 'airflow x',
		message: 'Airflow says no.',
		hint: 'Ask an Admin.',
		ja: { message: '拒否されました。', hint: '管理者に依頼してください。' },
		since: Date.now() - sinceMs,
	});

describe('the watch of the watch', () => {
	test('an Airflow that could not be asked for three minutes: told once, over once, in /readyz and the metrics', async () => {
		const house = await open();
		await house.note({ okAt: Date.now() - 170_000, 'failing:tasks': failing('upstream', 170_000) });
		await house.check();
		expect(house.texts()).toEqual([]);
		await house.note({ 'failing:tasks': failing('upstream', 181_000) });
		await house.check();
		expect(house.texts()).toEqual([expect.stringContaining('I cannot see failures in lab')]);
		const { measure } = house.wired.wires.deps;
		const health = await startHealth(0, {
			ready: async () => ({ ready: true, problems: house.self.problems() }),
			metrics: () => measure.text(),
		});
		closers.push(() => health.close());
		const read = async (path: string): Promise<string> =>
			(await fetch(`http://127.0.0.1:${health.port}${path}`)).text();
		expect(await read('/readyz')).toBe('ok\npolling lab: Not seen: failed tasks. Airflow says no.\n');
		expect(await read('/metrics')).toContain('concertmaster_blind{what="polling",env="lab"} 1');
		await house.wired.client.hdel('{concertmaster}:watch:state:lab', 'failing:tasks');
		await house.note({ okAt: Date.now() });
		await house.check();
		expect(house.texts()).toEqual([expect.anything(), expect.stringContaining('I can see failures again in lab')]);
		expect(await read('/readyz')).toBe('ok\n');
		expect(await read('/metrics')).toContain('concertmaster_blind{what="polling",env="lab"} 0');
	});

	test('a refused token is told within half a minute, with who can mend it, in the language of the settings', async () => {
		const house = await open({ lang: 'ja' });
		await house.note({ 'failing:runs': failing('denied', 25_000) });
		await house.check();
		const [message] = house.wired.slack.messages(ADMIN);
		expect(message?.text).toContain('Airflow に接続を拒否されています: lab');
		expect(JSON.stringify(message?.blocks)).toContain('管理者に依頼してください。');
	});

	test('nobody has looked for two minutes: another process notices and tells, with no worker alive', async () => {
		const house = await open();
		await house.note({ okAt: Date.now() - 10 * 60_000 });
		const { deps } = house.wired.wires;
		deps.watching.time = async () => Date.now() - 70_000;
		// It has just started: whoever looks has two minutes for it.
		await house.check();
		expect(house.texts()).toEqual([]);
		deps.watching.time = async () => Date.now() + 60_000;
		await house.check();
		expect(house.texts()).toEqual([expect.stringContaining('Nobody has looked for two minutes at lab')]);
		await house.note({ okAt: Date.now() + 60_000 });
		await house.check();
		expect(house.texts()).toHaveLength(2);
	});

	test('a clock that is off by more than two minutes is told, one of a minute is not; by Redis or by Slack', async () => {
		const house = await open();
		const { deps } = house.wired.wires;
		deps.watching.time = async () => Date.now() + 60_000;
		await house.check();
		expect(house.texts()).toEqual([]);
		deps.watching.time = async () => Date.now() - 150_000;
		await house.check();
		expect(house.texts()).toEqual([expect.stringContaining('A clock is wrong: here')]);
		expect(JSON.stringify(house.wired.slack.messages(ADMIN)[0]?.blocks)).toContain(
			'The clock of Redis is 2m 30s behind',
		);
		deps.watching.time = async () => Date.now();
		await house.check();
		expect(house.texts()).toEqual([expect.anything(), expect.stringContaining('The clock is right again: here')]);
		const ahead = deps.slack.clockAheadMs;
		// By now Slack has answered.
		expect(Math.abs(ahead() ?? Infinity)).toBeLessThan(2000);
		deps.slack.clockAheadMs = () => 130_000;
		await house.check();
		expect(house.texts()).toHaveLength(3);
	});

	test('a host whose clock was wrong and that is gone is over after a while', async () => {
		const house = await open({}, 'gone');
		const { deps } = house.wired.wires;
		deps.slack.clockAheadMs = () => 130_000;
		await house.check();
		deps.slack.clockAheadMs = () => 0;
		const other = watchOurselves(house.wired.wires, { deliversItself: true, host: 'other', everyMs: 3600_000 });
		closers.push(() => other.stop());
		await house.wired.client.del('{concertmaster}:watch:turn:self');
		await other.check();
		expect(house.texts()).toHaveLength(1);
		await house.wired.client.del('{concertmaster}:watch:turn:self', '{concertmaster}:watch:alive:clock gone');
		await other.check();
		expect(house.texts()).toEqual([expect.anything(), expect.stringContaining('right again: gone')]);
	});

	test('Redis fills up: told at four fifths, over below three quarters', async () => {
		const house = await open();
		// So much that what the looks themselves need is little beside it; made by Redis, which would hold what it is sent for a while.
		await house.wired.client.setrange('ballast', 60_000_000, 'x');
		const fill = async (share: number): Promise<void> => {
			const used = Number(/used_memory:(\d+)/.exec(await house.wired.client.info('memory'))?.[1]);
			await house.wired.client.config('SET', 'maxmemory', Math.round(used / share));
			await house.check();
		};
		await fill(0.4);
		expect(house.texts()).toEqual([]);
		await fill(0.83);
		expect(house.texts()).toEqual([expect.stringContaining('Redis is filling up')]);
		await fill(0.4);
		expect(house.texts()).toEqual([expect.anything(), expect.stringContaining('Redis has room again')]);
		await house.wired.client.config('SET', 'maxmemory-policy', 'allkeys-lru');
		await house.check();
		expect(house.texts().at(-1)).toContain('Redis may throw accepted work away');
	});

	test('a channel that was archived or that the bot was removed from is told; one that takes messages again is over', async () => {
		const house = await open();
		const { deps } = house.wired.wires;
		house.wired.slack.kick({ channel: 'C0OTHER', user: house.wired.slack.botUserId });
		await noteClosed('C0OTHER', 'slack not_in_channel', deps);
		await house.check();
		expect(house.texts()).toEqual([expect.stringContaining('I cannot write to a channel: C0OTHER')]);
		house.wired.slack.invite({ channel: 'C0OTHER', user: house.wired.slack.botUserId });
		await house.check();
		expect(house.texts()).toEqual([
			expect.anything(),
			expect.stringContaining('I can write to the channel again: C0OTHER'),
		]);
		house.wired.slack.archive('C0OTHER');
		await noteClosed('C0OTHER', 'slack is_archived', deps);
		await house.check();
		expect(JSON.stringify(house.wired.slack.messages(ADMIN).at(-1)?.blocks)).toContain('It was archived.');
	});

	test('pushes that are not believed, again and again', async () => {
		const house = await open();
		const { watching } = house.wired.wires.deps;
		for (let n = 0; n < 4; n++) await watching.happened(REFUSED_PUSHES, PUSH_WINDOW_MS);
		await house.check();
		expect(house.texts()).toEqual([]);
		await watching.happened(REFUSED_PUSHES, PUSH_WINDOW_MS);
		await house.check();
		expect(house.texts()).toEqual([expect.stringContaining('Pushed failures are not believed')]);
		await watching.forget(REFUSED_PUSHES);
		await house.check();
		expect(house.texts()).toHaveLength(2);
	});

	test('a bot token that Slack refuses: shown at once, told as soon as Slack takes one again', async () => {
		const house = await open();
		house.wired.slack.faults({ method: 'auth.test', kind: 'error', error: 'token_revoked' });
		house.wired.slack.faults({ method: 'chat.postMessage', kind: 'error', error: 'token_revoked' });
		await house.wired.client.del('{concertmaster}:watch:turn:self');
		await house.self.check();
		expect(house.self.problems()).toEqual([expect.stringContaining('slack Slack: The bot token is refused')]);
		expect(house.texts()).toEqual([]);
		house.wired.slack.clearFaults();
		await house.wired.client.del('{concertmaster}:watch:turn:slack');
		await house.check();
		expect(house.self.problems()).toEqual([]);
	}, 60_000);

	test('several processes at once tell it once', async () => {
		const house = await open();
		await house.note({ 'failing:tasks': failing('denied', 60_000) });
		const others = Array.from({ length: 4 }, (_, n) =>
			watchOurselves(house.wired.wires, { deliversItself: true, host: `host-${n}`, everyMs: 3600_000 }),
		);
		closers.push(() => others.forEach((one) => one.stop()));
		await house.wired.client.del('{concertmaster}:watch:turn:self');
		await Promise.all([...others, house.self].map((one) => one.check()));
		await Promise.all([...others, house.self].map((one) => one.check()));
		expect(house.texts()).toHaveLength(1);
	});
});
