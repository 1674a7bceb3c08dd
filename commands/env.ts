import { mayDo } from '../src/access/roles.ts';
import type { Line, Part, Reply } from '../src/domain/reply.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { unknownEnvironment, visibleEnvironments } from './_parts/environment.ts';
import { noMore } from './_parts/ids.ts';
import { mistake, trouble } from './_parts/trouble.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

type Args = { name: string | undefined; channel: boolean; clear: boolean };

export default defineCommand<Args>({
	name: 'env',
	summary: {
		en: 'Which Airflow environment is in force here, and choosing another.',
		ja: '使用中の Airflow 環境を表示・変更します。',
	},
	group: 'bot',
	usage: '[name] [--channel] [--clear]',
	examples: [
		{ words: 'env', means: { en: 'which there are, and which is in force', ja: '環境の一覧と使用中の環境' } },
		{ words: 'env prod', means: { en: 'yours from now on', ja: '自分の既定を prod にする' } },
		{
			words: 'env prod --channel',
			means: { en: 'for everyone in this channel (operators)', ja: 'このチャンネルの既定にする（運用者のみ）' },
		},
		{ words: 'env --clear', means: { en: 'forget your choice', ja: '自分の既定を解除する' } },
	],
	role: 'viewer',
	anywhere: true,
	parse(words) {
		const { rest, flags } = takeOptions(splitWords(words), { flags: ['channel', 'clear'] });
		const [first, ...more] = rest;
		noMore(more);
		const clear = flags.has('clear');
		if (clear && first)
			throw mistake('env both', {
				en: 'Either a name or --clear, not both.',
				ja: '環境名と --clear は同時に指定できません。',
			});
		return { name: first?.text, channel: flags.has('channel'), clear };
	},
	run: environment,
});

async function environment({ name, channel, clear }: Args, context: CommandContext): Promise<CommandResult> {
	const { deps, typed, asker } = context;
	const seen = visibleEnvironments(typed.channel, asker, deps);
	if (name !== undefined && !seen.includes(name)) throw unknownEnvironment(name, seen);
	if (name === undefined && !clear) return { reply: await overview(context, seen) };
	// What a channel has chosen moves what everybody in it starts.
	if (channel && !mayDo(deps, asker, { channel: typed.channel, env: name }, 'operator'))
		throw trouble(
			'denied',
			'channel environment denied',
			{
				en: 'Choosing for the whole channel takes the role operator.',
				ja: 'チャンネル全体の環境の変更には、運用者 (operator) のロールが必要です。',
			},
			{
				en: 'Without `--channel` the choice is yours alone.',
				ja: '`--channel` を付けなければ、自分だけの設定になります。',
			},
		);
	await deps.choices.choose(channel ? { channel: typed.channel } : { user: typed.user }, clear ? undefined : name);
	deps.log.info({ user: typed.user, channel: typed.channel, env: name, forChannel: channel }, 'environment chosen');
	return { reply: await overview(context, seen, channel ? 'channel' : 'user') };
}

async function overview(
	{ deps, typed, asker }: CommandContext,
	seen: readonly string[],
	changed?: 'channel' | 'user',
): Promise<Reply> {
	const ja = asker.lang === 'ja';
	const chosen = await deps.choices.environment({ channel: typed.channel, user: typed.user });
	const inForce = chosen.channel ?? chosen.user ?? deps.environments[0] ?? '';
	const because =
		chosen.channel !== undefined
			? { en: 'chosen for this channel', ja: 'このチャンネルの既定' }
			: chosen.user !== undefined
				? { en: 'your choice', ja: 'あなたの既定' }
				: { en: 'the first in the settings', ja: '設定の先頭' };
	const parts: Part[] = [
		{
			kind: 'title',
			icon: '🌐',
			line: ja
				? [{ code: inForce }, ` を使用中（${because.ja}）`]
				: [{ code: inForce }, ` is in force here (${because.en})`],
		},
	];
	if (changed === 'user' && chosen.channel !== undefined)
		parts.push({
			kind: 'text',
			line: [
				ja
					? 'あなたの既定を変更しましたが、このチャンネルではチャンネルの既定が優先されます。'
					: 'Your choice is kept, but in this channel the choice of the channel goes first.',
			],
		});
	if (!deps.environments.includes(inForce))
		parts.push({
			kind: 'text',
			line: [
				ja
					? 'この環境は設定から削除されています。選び直してください。'
					: 'It is no longer in the settings: choose another.',
			],
		});
	parts.push({
		kind: 'list',
		items: seen.map((env): Line => {
			const marks = [
				...(env === chosen.channel ? [ja ? 'チャンネルの既定' : 'this channel'] : []),
				...(env === chosen.user ? [ja ? 'あなたの既定' : 'you'] : []),
			];
			return [{ code: env }, marks.length === 0 ? '' : ja ? `（${marks.join('、')}）` : `  (${marks.join(', ')})`];
		}),
	});
	parts.push({
		kind: 'note',
		line: [
			ja
				? '--env 名前 はどのコマンドにも付けられ、最も優先されます。'
				: '--env NAME goes with any command and wins over everything else.',
		],
	});
	return { parts, to: 'asker' };
}
