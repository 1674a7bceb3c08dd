import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { noMore } from './_parts/ids.ts';
import { mistake } from './_parts/trouble.ts';
import { splitWords } from './_parts/words.ts';

const TICKET_MS = 10 * 60_000;

export default defineCommand<undefined>({
	name: 'queues',
	summary: {
		en: "A link to the bot's queues, for one use within ten minutes.",
		ja: 'ボットのキューを表示するリンク（10 分以内に 1 回のみ有効）を発行します。',
	},
	group: 'bot',
	usage: '',
	examples: [{ words: 'queues', means: { en: 'what waits and what is under way', ja: '待機中・処理中のジョブ' } }],
	role: 'admin',
	anywhere: true,
	parse(words) {
		noMore(splitWords(words));
		return undefined;
	},
	run: (_args, context) => queues(context),
});

async function queues({ deps, asker, typed }: CommandContext): Promise<CommandResult> {
	if (deps.publicUrl === undefined)
		throw mistake(
			'no public address',
			{ en: 'The bot has no web address of its own.', ja: 'ボットの Web アドレスが設定されていません。' },
			{ en: 'Set PUBLIC_URL (and PUBLIC_PORT).', ja: 'PUBLIC_URL（と PUBLIC_PORT）を設定してください。' },
		);
	const ja = asker.lang === 'ja';
	const ticket = await deps.tickets.issue('queues', asker.user, TICKET_MS);
	await deps.audit.note({
		key: typed.key,
		at: deps.now(),
		user: asker.user,
		name: asker.name,
		channel: typed.channel,
		verb: 'queues',
		result: 'done',
	});
	return {
		reply: {
			parts: [
				{
					kind: 'text',
					line: [
						{
							link: `${deps.publicUrl}/queues/open/${ticket}`,
							label: ja ? 'キューを開く' : 'Open the queues',
						},
						ja
							? '（読み取り専用、10 分以内に 1 回のみ有効）'
							: ' (read-only; this link works once, within ten minutes)',
					],
				},
			],
			to: 'asker',
		},
	};
}
