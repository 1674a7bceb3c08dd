import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startSlack, type SandboxSlack } from '../../src/sandbox/slack/index.ts';
import { startSlackPage, type SlackPage } from '../../src/sandbox/slack/page/index.ts';

/** The workspace's page: who may use it, what each person sees, what hostile text becomes. */

let slack: SandboxSlack;
let page: SlackPage;
let channel: string;

beforeEach(async () => {
	slack = await startSlack({ ackTimeoutMs: 200 });
	page = await startSlackPage({
		slack,
		tries: [{ text: '/dag help' }],
		hints: [{ text: '/dag list ', about: { en: 'All DAGs', ja: 'すべての DAG' } }],
		shortcuts: [{ callbackId: 'diagnose', name: { en: 'Diagnose', ja: '診断する' } }],
	});
	channel = slack.channelId('#data-pipelines');
});

afterEach(async () => {
	await page.close();
	await slack.close();
});

/** Over node:http, because fetch does not let one set Host and Origin. */
function ask(
	path: string,
	options: { method?: string; headers?: Record<string, string>; body?: unknown } = {},
): Promise<{ status: number; text: string; headers: Record<string, unknown> }> {
	return new Promise((resolve, reject) => {
		const sent = request(
			new URL(path, page.url),
			{ method: options.method ?? 'GET', headers: options.headers ?? {} },
			(response) => {
				let text = '';
				response.setEncoding('utf8');
				response.on('data', (chunk: string) => (text += chunk));
				response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
			},
		);
		sent.on('error', reject);
		sent.end(options.body === undefined ? undefined : JSON.stringify(options.body));
	});
}

async function token(): Promise<string> {
	const { text } = await ask('/');
	return /"token":"([\w-]+)"/.exec(text)?.[1] ?? '';
}

async function act(name: string, body: object): Promise<unknown> {
	const { text } = await ask(`/do/${name}`, {
		method: 'POST',
		headers: { origin: page.url.slice(0, -1), 'x-page-token': await token() },
		body,
	});
	const answer: unknown = JSON.parse(text);
	return answer;
}

const part = async (name: string, user: string, where = channel): Promise<string> =>
	(await ask(`/part/${name}?as=${user}&in=${where}`)).text;

const visibleText = (html: string): string =>
	html
		.replace(/<[^>]*>/g, '')
		.replaceAll('&lt;', '<')
		.replaceAll('&gt;', '>')
		.replaceAll('&quot;', '"')
		.replaceAll('&#x27;', "'")
		.replaceAll('&amp;', '&');

describe('who may use the page', () => {
	test('another host, another origin, another site, a missing or wrong token', async () => {
		const own = page.url.slice(0, -1);
		const type = { as: 'U0ANA', in: channel, text: 'hello' };
		const post = (headers: Record<string, string>) => ask('/do/type', { method: 'POST', headers, body: type });
		expect((await ask('/')).status).toBe(200);
		expect((await ask('/', { headers: { host: 'evil.example' } })).status).toBe(403);
		expect((await ask('/part/messages', { headers: { origin: 'http://evil.example' } })).status).toBe(403);
		expect((await ask('/events', { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
		const good = await token();
		expect(good).toHaveLength(32);
		expect((await post({ 'x-page-token': good })).status).toBe(403);
		expect((await post({ 'x-page-token': good, origin: 'http://evil.example' })).status).toBe(403);
		expect((await post({ origin: own })).status).toBe(403);
		expect((await post({ origin: own, 'x-page-token': 'x'.repeat(32) })).status).toBe(403);
		expect(slack.messages(channel)).toEqual([]);
		expect((await post({ origin: own, 'x-page-token': good })).status).toBe(200);
		expect(slack.messages(channel).map((one) => one.text)).toEqual(['hello']);
	});

	test('scripts come from the page alone, and no other page may frame it', async () => {
		const { headers, text } = await ask('/');
		expect(headers['content-security-policy']).toContain("script-src 'self'");
		expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
		expect(text).not.toMatch(/<script(?![^>]*(src="\/client\.js"|type="application\/json"))/);
		expect((await ask('/client.js')).headers['content-type']).toContain('javascript');
	});
});

describe('what a person sees', () => {
	test('ephemeral messages and private channels only by those they are for', async () => {
		await slack.type({ user: 'U0ANA', channel, text: '/dag list' });
		expect(visibleText(await part('messages', 'U0ANA'))).toContain('Only visible to you');
		expect(visibleText(await part('messages', 'U0EVAN'))).not.toContain('dispatch_failed');
		const hidden = slack.channelId('platform-private');
		slack.say({ user: 'U0EVAN', channel: hidden, text: 'secret plan' });
		expect(await part('messages', 'U0EVAN', hidden)).toContain('secret plan');
		expect(await part('messages', 'U0ANA', hidden)).not.toContain('secret plan');
		expect(await part('sidebar', 'U0ANA')).not.toContain('platform-private');
	});

	test('the Japanese colleague has the page in Japanese, at her own time', async () => {
		slack.say({ user: 'U0HARU', channel, text: 'おはよう' });
		const { text } = await ask(`/?as=U0HARU&in=${channel}`);
		expect(text).toContain('lang="ja-JP"');
		expect(visibleText(text)).toContain('操作する人');
		expect(text).toContain('すべての DAG');
		const time = new Intl.DateTimeFormat('ja-JP', { timeZone: 'Asia/Tokyo', hour: 'numeric', minute: '2-digit' });
		expect(visibleText(await part('messages', 'U0HARU'))).toContain(
			time.format(Number(slack.messages(channel)[0]?.ts) * 1000),
		);
	});

	test('an edited message says so; a thread hangs under its parent', async () => {
		const post = async (method: string, args: object): Promise<string> => {
			const response = await fetch(slack.apiUrl + method, {
				method: 'POST',
				headers: { authorization: `Bearer ${slack.botToken}`, 'content-type': 'application/json' },
				body: JSON.stringify({ channel, ...args }),
			});
			return /"ts":"([\d.]+)"/.exec(await response.text())?.[1] ?? '';
		};
		const ts = await post('chat.postMessage', { text: 'running' });
		const before = await part('messages', 'U0ANA');
		await post('chat.update', { ts, text: 'done' });
		slack.say({ user: 'U0ANA', channel, text: 'why?', threadTs: ts });
		const after = await part('messages', 'U0ANA');
		expect(visibleText(before)).not.toContain('(edited)');
		expect(visibleText(after)).toMatch(/done\(edited\)1 reply/);
		expect(visibleText(after)).not.toContain('why?');
		const rev = (html: string): string | undefined => /data-rev="([^"]*)"/.exec(html)?.[1];
		expect(rev(after)).not.toBe(rev(before));
		expect((await ask(`/part/thread?as=U0ANA&in=${channel}&thread=${ts}`)).text).toContain('why?');
	});

	test('what changes is told at once, to those whom it concerns', async () => {
		const heard = Promise.withResolvers<string>();
		let all = '';
		const stream = request(new URL('/events?as=U0EVAN', page.url), (response) => {
			response.setEncoding('utf8');
			response.on('data', (chunk: string) => {
				all += chunk;
				if (all.includes('"kind":"message"')) heard.resolve(all);
				else if (all.includes('retry:') && slack.messages(channel).length === 0) {
					slack.say({ user: 'U0PRIYA', channel: slack.channelId('@priya'), text: 'direct' });
					slack.say({ user: 'U0ANA', channel, text: 'all' });
				}
			});
			response.on('error', () => heard.resolve(all));
		});
		stream.end();
		const told = await heard.promise;
		stream.destroy();
		expect(told).toContain(`"channel":"${channel}"`);
		expect(told).not.toContain(slack.channelId('@priya'));
	});
});

describe('hostile text', () => {
	const nasty = '<img src=x onerror=alert(1)> <!channel> <https://evil.example|click> *b* </script>';
	const blocks: [string, object][] = [
		['plain text', { type: 'section', text: { type: 'plain_text', text: nasty } }],
		['a header', { type: 'header', text: { type: 'plain_text', text: nasty } }],
		['small print', { type: 'context', elements: [{ type: 'plain_text', text: nasty }] }],
		[
			'rich text',
			{
				type: 'rich_text',
				elements: [{ type: 'rich_text_preformatted', elements: [{ type: 'text', text: nasty }] }],
			},
		],
		[
			'a data table',
			{
				type: 'data_table',
				caption: nasty,
				rows: [[{ type: 'raw_text', text: nasty }], [{ type: 'raw_text', text: nasty }]],
			},
		],
	];

	test.each(blocks)('in %s stays text', async (_name, block) => {
		await fetch(`${slack.apiUrl}chat.postMessage`, {
			method: 'POST',
			headers: { authorization: `Bearer ${slack.botToken}`, 'content-type': 'application/json' },
			body: JSON.stringify({ channel, text: 'x', blocks: [block] }),
		});
		const html = await part('messages', 'U0ANA');
		expect(visibleText(html)).toContain(nasty);
		expect(html).not.toContain('<img');
		expect(html).not.toMatch(/href="https:\/\/evil/);
		expect(html).not.toContain('class="mention"');
	});

	test('a link of another scheme is none; an address of the web is', async () => {
		await fetch(`${slack.apiUrl}chat.postMessage`, {
			method: 'POST',
			headers: { authorization: `Bearer ${slack.botToken}`, 'content-type': 'application/json' },
			body: JSON.stringify({
				channel,
				text: 'x',
				blocks: [
					{
						type: 'rich_text',
						elements: [
							{
								type: 'rich_text_section',
								elements: [
									{ type: 'link', url: 'javascript:alert(1)', text: 'bad' },
									{ type: 'link', url: 'https://airflow.example/x', text: 'good' },
								],
							},
						],
					},
					{
						type: 'actions',
						elements: [
							{ type: 'button', action_id: 'a', text: { type: 'plain_text', text: 'A' }, url: 'javascript:alert(1)' },
							{
								type: 'button',
								action_id: 'b',
								text: { type: 'plain_text', text: 'B' },
								url: 'https://airflow.example/y',
							},
						],
					},
				],
			}),
		});
		const html = await part('messages', 'U0ANA');
		expect([...html.matchAll(/href="(http[^"]+|javascript[^"]*)"/g)].map((one) => one[1])).toEqual([
			'https://airflow.example/x',
			'https://airflow.example/y',
		]);
	});
});

describe('forms', () => {
	test('each kind of input is drawn, with what it holds and what is wrong with it', async () => {
		const { triggerId } = await slack.type({ user: 'U0ANA', channel, text: '/dag trigger' });
		const plain = (text: string) => ({ type: 'plain_text', text });
		const options = ['one', 'two'].map((value) => ({ text: plain(value), value }));
		const elements: object[] = [
			{ type: 'plain_text_input', initial_value: 'as "it" is' },
			{ type: 'number_input', is_decimal_allowed: true },
			{ type: 'static_select', options, initial_option: options[1] },
			{ type: 'external_select' },
			{ type: 'checkboxes', options, initial_options: [options[0]] },
			{ type: 'radio_buttons', options },
			{ type: 'datepicker', initial_date: '2026-11-24' },
			{ type: 'datetimepicker', initial_date_time: 1_795_000_000 },
			{ type: 'multi_static_select', options },
		];
		const opened = await fetch(`${slack.apiUrl}views.open`, {
			method: 'POST',
			headers: { authorization: `Bearer ${slack.botToken}`, 'content-type': 'application/json' },
			body: JSON.stringify({
				trigger_id: triggerId,
				view: {
					type: 'modal',
					title: plain('Trigger'),
					submit: plain('Go'),
					blocks: elements.map((element, i) => ({
						type: 'input',
						block_id: `b${i}`,
						label: plain(`Label ${i}`),
						element: { action_id: `a${i}`, ...element },
					})),
				},
			}),
		});
		expect(await opened.text()).toContain('"ok":true');
		const view = slack.views('U0ANA')[0];
		expect(await act('submit', { as: 'U0ANA', viewId: view?.id, values: { 'b1/a1': 'x' } })).toMatchObject({
			outcome: 'refused',
		});
		const html = await part('modal', 'U0ANA');
		for (let i = 0; i < elements.length; i++) expect(html).toContain(`data-action="a${i}"`);
		expect(html).toContain('value="as &quot;it&quot; is"');
		expect(html).toMatch(/<option value="two" selected="">two/);
		expect(html).toMatch(/type="checkbox"[^>]*value="one"[^>]*checked|type="checkbox"[^>]*checked[^>]*value="one"/);
		expect(html).toContain('value="2026-11-24"');
		expect(html).toContain('data-epoch="1795000000"');
		expect(visibleText(html)).toContain('Please enter a number.');
		expect(await part('modal', 'U0EVAN')).toBe('');
		await act('close', { as: 'U0ANA', viewId: view?.id });
		expect(slack.views('U0ANA')).toEqual([]);
	});

	test('what a person cannot do is said, not done', async () => {
		const hidden = slack.channelId('platform-private');
		expect(await act('type', { as: 'U0ANA', in: hidden, text: 'hi' })).toMatchObject({ ok: false });
		expect(await act('type', { as: 'U0ANA', in: channel, text: '@evan look, @concertmaster' })).toEqual({ ok: true });
		expect(slack.messages(channel)[0]?.text).toBe(`<@U0EVAN> look, <@${slack.botUserId}>`);
	});
});
