import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import bolt from '@slack/bolt';
import type { App as BoltApp } from '@slack/bolt';
import { startSlack, type SandboxSlack, type SlackOptions } from '../../src/sandbox/slack/index.ts';

/** The stand-in held to the real Bolt, over Socket Mode and over signed HTTP. */

const open: (() => Promise<unknown>)[] = [];

afterEach(async () => {
	for (const close of open.splice(0).reverse()) await close();
});

async function workspace(options: SlackOptions = {}): Promise<SandboxSlack> {
	const slack = await startSlack(options);
	open.push(() => slack.close());
	return slack;
}

async function socketApp(slack: SandboxSlack): Promise<BoltApp> {
	const before = slack.sockets();
	const app = new bolt.App({
		token: slack.botToken,
		appToken: slack.appToken,
		socketMode: true,
		clientOptions: { slackApiUrl: slack.apiUrl },
		logLevel: bolt.LogLevel.ERROR,
	});
	await app.start();
	open.push(() => app.stop());
	await slack.untilSockets(before + 1);
	return app;
}

async function httpApp(slack: SandboxSlack): Promise<BoltApp> {
	const port = await freePort();
	const app = new bolt.App({
		token: slack.botToken,
		signingSecret: slack.signingSecret,
		clientOptions: { slackApiUrl: slack.apiUrl },
		logLevel: bolt.LogLevel.ERROR,
	});
	await app.start(port);
	open.push(() => app.stop());
	slack.setRequestUrl(`http://127.0.0.1:${port}/slack/events`);
	return app;
}

function freePort(): Promise<number> {
	return new Promise((resolve) => {
		const server = createServer();
		server.listen(0, '127.0.0.1', () => {
			const address = server.address();
			server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
		});
	});
}

const plain = (text: string) => ({ type: 'plain_text' as const, text });

const ways = [
	['Socket Mode', socketApp],
	['signed HTTP', httpApp],
] as const;

describe.each(ways)('the real Bolt over %s', (_name, startApp) => {
	test('a slash command: ack as ephemeral, message in the channel, edited', async () => {
		const slack = await workspace();
		const app = await startApp(slack);
		app.command('/dag', async ({ ack, command, client }) => {
			await ack(`Working on ${command.text}`);
			const said = await client.chat.postMessage({
				channel: command.channel_id,
				text: 'running',
				metadata: { event_type: 'run', event_payload: { key: 'k1' } },
			});
			await client.chat.update({ channel: command.channel_id, ts: said.ts ?? '', text: 'done' });
		});

		const channel = slack.channelId('#data-pipelines');
		const { ack } = await slack.type({ user: 'U0ANA', channel, text: '/dag trigger etl  x=1' });
		expect(ack).toMatchObject({ status: 'acked', text: 'Working on trigger etl  x=1' });
		const done = await slack.until(() => slack.messages(channel).find((one) => one.text === 'done'));
		expect(done.edits.map((one) => one.text)).toEqual(['running']);
		expect(slack.messages(channel).map((one) => [one.text, one.ephemeralTo])).toEqual([
			['Working on trigger etl  x=1', 'U0ANA'],
			['done', undefined],
		]);
		expect(slack.counts()).toMatchObject({ posts: 1, updates: 1, ephemerals: 1 });
		expect(slack.postsBy('key')).toEqual(new Map([['k1', 1]]));
	});

	test('copies of one command carry the same trigger id', async () => {
		const slack = await workspace();
		const app = await startApp(slack);
		const seen: string[] = [];
		app.command('/dag', async ({ ack, body }) => {
			seen.push(body.trigger_id);
			await ack();
		});
		const channel = slack.channelId('#data-pipelines');
		const { acks, triggerId } = await slack.type({ user: 'U0ANA', channel, text: '/dag list', deliveries: 3 });
		expect(acks.map((one) => one.status)).toEqual(['acked', 'acked', 'acked']);
		expect(seen).toEqual([triggerId, triggerId, triggerId]);
	});

	test('a button: block_actions with response_url that replaces the message, five uses at most', async () => {
		const slack = await workspace();
		const app = await startApp(slack);
		const channel = slack.channelId('#data-pipelines');
		const said = await app.client.chat.postMessage({
			channel,
			text: 'choose',
			blocks: [
				{
					type: 'actions',
					elements: [{ type: 'button', action_id: 'go', text: plain('Go'), value: 'v1' }],
				},
			],
		});
		const values: (string | undefined)[] = [];
		const statuses: unknown[] = [];
		const finished = Promise.withResolvers<void>();
		app.action('go', async ({ ack, action, respond, body }) => {
			await ack();
			values.push('value' in action ? action.value : undefined, body.user.id);
			for (let i = 1; i <= 6; i++)
				try {
					await respond({ text: `replaced ${i}`, replace_original: true });
				} catch (error) {
					statuses.push(error instanceof Error && 'statusCode' in error ? error.statusCode : error);
				}
			finished.resolve();
		});
		const { ack } = await slack.click({ user: 'U0EVAN', channel, ts: said.ts ?? '', actionId: 'go' });
		expect(ack.status).toBe('acked');
		await finished.promise;
		expect(values).toEqual(['v1', 'U0EVAN']);
		expect(statuses).toEqual([404]);
		expect(slack.messages(channel).map((one) => one.text)).toEqual(['replaced 5']);
	});

	test('a form: external_select, errors under a field, then closed', async () => {
		const slack = await workspace();
		const app = await startApp(slack);
		app.command('/dag', async ({ ack, client, body }) => {
			await ack();
			await client.views.open({
				trigger_id: body.trigger_id,
				view: {
					type: 'modal',
					callback_id: 'trigger',
					title: plain('Trigger a DAG'),
					submit: plain('Trigger'),
					blocks: [
						{
							type: 'input',
							block_id: 'dag',
							label: plain('DAG'),
							element: { type: 'external_select', action_id: 'dag', min_query_length: 0 },
						},
						{
							type: 'input',
							block_id: 'rows',
							label: plain('Rows'),
							element: { type: 'number_input', action_id: 'rows', is_decimal_allowed: false },
						},
					],
				},
			});
		});
		app.options('dag', async ({ ack, payload }) => {
			await ack({ options: [{ text: plain(`etl_${payload.value}`), value: 'key-1' }] });
		});
		const states: unknown[] = [];
		app.view('trigger', async ({ ack, view }) => {
			states.push(
				view.state.values['dag']?.['dag']?.selected_option?.text.text,
				view.state.values['rows']?.['rows']?.value,
			);
			if (states.length === 2) await ack({ response_action: 'errors', errors: { rows: 'At most 10.' } });
			else await ack();
		});

		const user = 'U0HARU';
		await slack.type({ user, channel: slack.channelId('#analytics'), text: '/dag trigger' });
		const view = await slack.until(() => slack.views(user)[0]);
		const { choices } = await slack.suggest({ user, viewId: view.id, actionId: 'dag', query: 'da' });
		expect(choices).toEqual([{ text: 'etl_da', value: 'key-1' }]);

		const empty = await slack.submitView({ user, viewId: view.id, values: { dag: 'key-1', rows: 'many' } });
		expect(empty).toMatchObject({ outcome: 'refused', errors: { rows: 'Please enter a number.' } });
		const refused = await slack.submitView({ user, viewId: view.id, values: { dag: 'key-1', rows: 99 } });
		expect(refused).toMatchObject({ outcome: 'errors', errors: { rows: 'At most 10.' } });
		const closed = await slack.submitView({ user, viewId: view.id, values: { rows: 9 } });
		expect(closed.outcome).toBe('closed');
		expect(states).toEqual(['etl_da', '99', 'etl_da', '9']);
		expect(slack.views(user)).toEqual([]);
	});

	test('a mention comes as app_mention only where the bot is a member; a message shortcut brings its message', async () => {
		const slack = await workspace();
		const app = await startApp(slack);
		const heard: string[] = [];
		app.event('app_mention', async ({ event }) => {
			heard.push(`${event.channel} ${event.text}`);
		});
		app.shortcut('diagnose', async ({ ack, shortcut }) => {
			await ack();
			heard.push(shortcut.type === 'message_action' ? (shortcut.message.text ?? '') : 'global');
		});
		const channel = slack.channelId('#data-pipelines');
		slack.say({ user: 'U0EVAN', channel: slack.channelId('platform-private'), text: `<@${slack.botUserId}> psst` });
		const said = slack.say({ user: 'U0EVAN', channel, text: `<@${slack.botUserId}> a < b & c` });
		await slack.until(() => heard.length === 1);
		await slack.openShortcut({ user: 'U0EVAN', callbackId: 'diagnose', channel, ts: said.ts });
		expect(heard).toEqual([
			`${channel} <@${slack.botUserId}> a &lt; b &amp; c`,
			`<@${slack.botUserId}> a &lt; b &amp; c`,
		]);
	});

	test('an ack that comes too late: the person sees that the command failed', async () => {
		const slack = await workspace({ ackTimeoutMs: 100 });
		const app = await startApp(slack);
		app.command('/dag', async ({ ack }) => {
			await new Promise((resolve) => setTimeout(resolve, 250));
			await ack('late');
		});
		const channel = slack.channelId('#data-pipelines');
		const { ack } = await slack.type({ user: 'U0ANA', channel, text: '/dag list' });
		expect(ack.status).toBe('timeout');
		expect(slack.messages(channel).map((one) => [one.text, one.ephemeralTo, one.via])).toEqual([
			['/dag failed with the error "operation_timeout"', 'U0ANA', 'slack'],
		]);
		await new Promise((resolve) => setTimeout(resolve, 250));
		expect(slack.messages(channel)).toHaveLength(1);
	});
});

describe('Socket Mode', () => {
	test('each copy goes to the next connection; a connection that is cut comes back', async () => {
		const slack = await workspace();
		const heard: string[] = [];
		for (const name of ['first', 'second']) {
			const receiver = new bolt.SocketModeReceiver({
				appToken: slack.appToken,
				installerOptions: { clientOptions: { slackApiUrl: slack.apiUrl } },
				clientPingTimeout: 100,
				logLevel: bolt.LogLevel.ERROR,
			});
			const app = new bolt.App({
				token: slack.botToken,
				receiver,
				clientOptions: { slackApiUrl: slack.apiUrl },
				logLevel: bolt.LogLevel.ERROR,
			});
			app.command('/dag', async ({ ack }) => {
				heard.push(name);
				await ack();
			});
			await app.start();
			open.push(() => app.stop());
		}
		await slack.untilSockets(2);
		const channel = slack.channelId('#data-pipelines');
		await slack.type({ user: 'U0ANA', channel, text: '/dag list', deliveries: 4 });
		expect(heard.toSorted()).toEqual(['first', 'first', 'second', 'second']);

		slack.disconnectSockets('refresh_requested');
		expect(slack.sockets()).toBe(0);
		await slack.untilSockets(2);
		const { ack } = await slack.type({ user: 'U0ANA', channel, text: '/dag list' });
		expect(ack.status).toBe('acked');
	});

	test('more than ten connections are refused, and so is the bot token', async () => {
		const slack = await workspace();
		const ask = async (token: string): Promise<string> => {
			const answer = await fetch(`${slack.apiUrl}apps.connections.open`, {
				method: 'POST',
				headers: { authorization: `Bearer ${token}` },
			});
			return answer.text();
		};
		expect(await ask(slack.botToken)).toContain('"not_allowed_token_type"');
		expect(await ask('xapp-wrong')).toContain('"invalid_auth"');
		for (let i = 1; i <= 10; i++) {
			const url = /"(ws:[^"]+)"/.exec(await ask(slack.appToken))?.[1] ?? '';
			const socket = new WebSocket(url);
			open.push(async () => socket.close());
			await slack.untilSockets(i);
		}
		expect(await ask(slack.appToken)).toContain('"too_many_websockets"');
	});

	test('nobody there: the command fails at once and says so', async () => {
		const slack = await workspace();
		const channel = slack.channelId('#data-pipelines');
		const { ack } = await slack.type({ user: 'U0ANA', channel, text: '/dag list' });
		expect(ack.status).toBe('unreachable');
		expect(slack.messages(channel)[0]?.text).toBe('/dag failed with the error "dispatch_failed"');
	});
});

describe('signed HTTP', () => {
	test('an event that is not acked is sent again with its retry headers, the same event id', async () => {
		const slack = await workspace({ eventRetryMs: [0, 20, 20] });
		const { createServer: httpServer } = await import('node:http');
		const seen: (string | undefined)[][] = [];
		const server = httpServer((request, response) => {
			let body = '';
			request.on('data', (chunk: Buffer) => (body += chunk.toString()));
			request.on('end', () => {
				const id = /"event_id":"(\w+)"/.exec(body)?.[1];
				const retry = request.headers['x-slack-retry-num'];
				seen.push([id, typeof retry === 'string' ? retry : undefined, String(request.headers['x-slack-retry-reason'])]);
				response.writeHead(seen.length < 3 ? 500 : 200).end();
			});
		});
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
		open.push(() => new Promise((resolve) => server.close(() => resolve(undefined))));
		const address = server.address();
		slack.setRequestUrl(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/`);
		const acks = await slack.sendEvent({ type: 'app_mention', user: 'U0ANA', text: 'hi', channel: 'C0PIPELINES' });
		expect(acks.map((one) => one.http)).toEqual([500, 500, 200]);
		expect(new Set(seen.map((one) => one[0])).size).toBe(1);
		expect(seen.map((one) => one.slice(1))).toEqual([
			[undefined, 'undefined'],
			['1', 'http_error'],
			['2', 'http_error'],
		]);
	});

	test('a stale timestamp and a wrong secret are refused by the real Bolt', async () => {
		const slack = await workspace();
		const app = await httpApp(slack);
		app.command('/dag', async ({ ack }) => ack());
		const channel = slack.channelId('#data-pipelines');
		const stale = await slack.type({ user: 'U0ANA', channel, text: '/dag list', skewSeconds: -400 });
		expect(stale.ack).toMatchObject({ status: 'failed', http: 401 });
		const good = await slack.type({ user: 'U0ANA', channel, text: '/dag list' });
		expect(good.ack).toMatchObject({ status: 'acked', http: 200 });
	});
});
