/**
 * The page with something on it, for looking at: `node test/sandbox/preview.ts`, then open the printed address.
 * Messages, threads, forms and clicks are answered by a small app on the real Bolt.
 */
import bolt from '@slack/bolt';
import type { KnownBlock, ModalView } from '@slack/types';
import { startSlack } from '../../src/sandbox/slack/index.ts';
import { startSlackPage } from '../../src/sandbox/slack/page/index.ts';

const slack = await startSlack({ unfurlHosts: ['airflow.example'] });
const app = new bolt.App({
	token: slack.botToken,
	appToken: slack.appToken,
	socketMode: true,
	clientOptions: { slackApiUrl: slack.apiUrl },
	logLevel: bolt.LogLevel.ERROR,
});
const plain = (text: string) => ({ type: 'plain_text' as const, text });
const rich = (...elements: object[]): KnownBlock =>
	({ type: 'rich_text', elements: [{ type: 'rich_text_section', elements }] }) as KnownBlock;
const button = (action_id: string, text: string, more: object = {}) => ({
	type: 'button' as const,
	action_id,
	text: plain(text),
	...more,
});

app.command('/dag', async ({ ack, client, command, body }) => {
	if (command.text === 'trigger') {
		await ack();
		await client.views.open({ trigger_id: body.trigger_id, view: form() });
	} else {
		await ack();
		const said = await client.chat.postMessage({
			channel: command.channel_id,
			text: `running ${command.text}`,
			blocks: runCard('⏳', 'is running', command.user_id),
		});
		setTimeout(
			() =>
				void client.chat.update({
					channel: command.channel_id,
					ts: said.ts ?? '',
					text: 'done',
					blocks: runCard('✅', 'succeeded in 41 s (usually 38 s)', command.user_id),
				}),
			2000,
		);
	}
});
app.options('dag', async ({ ack, payload }) => {
	const all = ['daily_sales', 'hourly_events', 'ml_features_refresh', '売上_日次集計', 'report_weekly'];
	await ack({
		options: all.filter((one) => one.includes(payload.value)).map((one) => ({ text: plain(one), value: one })),
	});
});
app.view('trigger', async ({ ack, view }) => {
	const rows = Number(view.state.values['rows']?.['rows']?.value ?? 0);
	if (rows > 100) await ack({ response_action: 'errors', errors: { rows: 'At most 100 rows.' } });
	else await ack();
});
app.action(/.*/, async ({ ack, respond, body }) => {
	await ack();
	if ('channel' in body) await respond({ text: `Noted, <@${body.user.id}>.`, replace_original: false });
});
app.event('app_home_opened', async ({ event, client }) => {
	await client.views.publish({
		user_id: event.user,
		view: {
			type: 'home',
			blocks: [
				{ type: 'header', text: plain('Environments') },
				{ type: 'section', text: plain('prod: healthy'), accessory: button('health', 'Health') },
			],
		},
	});
});
await app.start();

function runCard(icon: string, state: string, user: string): KnownBlock[] {
	return [
		rich(
			{ type: 'text', text: `${icon} ` },
			{ type: 'text', text: 'daily_sales', style: { bold: true } },
			{ type: 'text', text: ` ${state}` },
		),
		{
			type: 'section',
			fields: [
				{ type: 'mrkdwn', text: '*Run*\nmanual__2026-11-24T09:14:00+00:00' },
				{ type: 'mrkdwn', text: '*Environment*\nprod' },
			],
		},
		{
			type: 'context',
			elements: [
				{ type: 'mrkdwn', text: `Asked by <@${user}>` },
				{ type: 'plain_text', text: '*literal* <!channel>' },
			],
		},
		{
			type: 'actions',
			elements: [
				button('open', 'Open in Airflow', { url: 'https://airflow.example/dags/daily_sales' }),
				button('rerun', 'Rerun', {
					style: 'primary',
					value: 'r',
					confirm: {
						title: plain('Rerun daily_sales?'),
						text: plain('2 failed tasks would be cleared.'),
						confirm: plain('Rerun'),
						deny: plain('Cancel'),
					},
				}),
				button('stop', 'Stop', { style: 'danger' }),
			],
		},
	];
}

function form(): ModalView {
	const input = (block_id: string, label: string, element: object, more: object = {}): KnownBlock =>
		({
			type: 'input',
			block_id,
			label: plain(label),
			element: { action_id: block_id, ...element },
			...more,
		}) as KnownBlock;
	const options = ['small', 'medium', 'large'].map((one) => ({ text: plain(one), value: one }));
	return {
		type: 'modal',
		callback_id: 'trigger',
		title: plain('Trigger a DAG'),
		submit: plain('Trigger'),
		blocks: [
			input('dag', 'DAG', { type: 'external_select', min_query_length: 0, placeholder: plain('Search DAGs') }),
			input('rows', 'Rows', { type: 'number_input', is_decimal_allowed: false }, { hint: plain('1–100') }),
			input('size', 'Size', { type: 'static_select', options }),
			input('note', 'Note', { type: 'plain_text_input', multiline: true }, { optional: true }),
			input('date', 'Logical date', { type: 'datetimepicker', initial_date_time: 1_795_000_000 }, { optional: true }),
			input('day', 'Day', { type: 'datepicker' }, { optional: true }),
			input('checks', 'Flags', { type: 'checkboxes', options }, { optional: true }),
			input('mode', 'Mode', { type: 'radio_buttons', options, initial_option: options[1] }),
			input('many', 'Regions', { type: 'multi_static_select', options }, { optional: true }),
		],
	};
}

const channel = slack.channelId('#data-pipelines');
slack.say({
	user: 'U0EVAN',
	channel,
	text: 'Morning. daily_sales failed again, see https://airflow.example/dags/daily_sales',
});
slack.say({ user: 'U0HARU', channel, text: 'おはようございます。昨日の *売上集計* を再実行しますね。 :bow:' });
const parent = await app.client.chat.postMessage({
	channel,
	text: 'card',
	blocks: [
		...runCard('🔴', 'failed (try 2 of 3)', 'U0EVAN'),
		{
			type: 'rich_text',
			elements: [
				{
					type: 'rich_text_preformatted',
					elements: [
						{
							type: 'text',
							text: '[2026-11-24, 09:12:41 UTC] {taskinstance.py:3310} ERROR - Task failed with exception\npsycopg2.OperationalError: FATAL: too many connections for role "etl"',
						},
					],
				},
			],
		},
		{
			type: 'data_table',
			caption: 'Failed tasks',
			page_size: 2,
			rows: [
				['Task', 'Try', 'Duration'].map((text) => ({ type: 'raw_text' as const, text })),
				...['extract', 'load_<b>', '*not bold*'].map((text, i) => [
					{ type: 'raw_text' as const, text },
					{ type: 'raw_number' as const, value: i + 1, text: String(i + 1) },
					{ type: 'raw_text' as const, text: `${i * 7 + 3} s` },
				]),
			],
		},
		{ type: 'alert', level: 'warning', text: plain('The pool default_pool has no free slot.') },
	],
});
await app.client.chat.postMessage({
	channel,
	thread_ts: parent.ts ?? '',
	text: 'Ruled out: *out of memory* (`47 %` used).',
});
slack.say({ user: 'U0EVAN', channel, text: `<@${slack.botUserId}> thanks`, threadTs: parent.ts ?? '' });
await app.client.chat.postEphemeral({
	channel,
	user: 'U0ANA',
	text: 'You may run: `help`, `list`, `status`, `trigger`. Try `/dag trigger daily_sales rows=100`.',
});
if (process.argv.includes('--form')) await slack.type({ user: 'U0ANA', channel, text: '/dag trigger' });
await slack.type({ user: 'U0ANA', channel, text: '/dag trigger daily_sales' });

const page = await startSlackPage({
	slack,
	tries: [{ text: '/dag help' }, { text: '/dag trigger' }, { text: '/dag status ' }],
	hints: ['help', 'list', 'trigger', 'status', 'runs', 'logs', 'diagnose'].map((verb) => ({
		text: `/dag ${verb} `,
		about: { en: `What ${verb} does`, ja: `${verb} の説明` },
	})),
	shortcuts: [{ callbackId: 'diagnose', name: { en: 'Diagnose', ja: '診断する' } }],
});
process.stdout.write(`${page.url}\n`);
