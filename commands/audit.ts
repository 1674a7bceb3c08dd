import { mayDo } from '../src/access/roles.ts';
import type { AuditEntry, AuditResult } from '../src/access/audit.ts';
import { mask } from '../src/domain/mask.ts';
import type { Cell, Part } from '../src/domain/reply.ts';
import { clip, clipHead, visible, type Lang, type Text } from '../src/domain/text.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { noMore } from './_parts/ids.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

type Args = { about: string | undefined };

export default defineCommand<Args>({
	name: 'audit',
	summary: { en: 'Who changed what through the bot.', ja: 'ボットを通じて誰が何を変更したかを表示します。' },
	group: 'bot',
	usage: '[dag | @user]',
	examples: [
		{ words: 'audit', means: { en: 'the last changes', ja: '直近の変更' } },
		{ words: 'audit daily_sales', means: { en: 'of one DAG', ja: '特定の DAG' } },
		{ words: 'audit @ken', means: { en: 'by one person', ja: '特定のユーザー' } },
	],
	role: 'viewer',
	anywhere: true,
	parse(words) {
		const [first, ...more] = takeOptions(splitWords(words), {}).rest;
		noMore(more);
		return { about: first?.text };
	},
	run: audit,
});

/** How many are looked through. */
const READ = 5000;
const SHOWN = 25;

const RESULTS: Readonly<Record<AuditResult, { icon: string; says: Text }>> = {
	done: { icon: '✅', says: { en: 'done', ja: '実行' } },
	nothing: { icon: '▫️', says: { en: 'nothing to do', ja: '変更なし' } },
	refused: { icon: '⛔', says: { en: 'refused', ja: '拒否' } },
	failed: { icon: '❌', says: { en: 'failed', ja: '失敗' } },
	unknown: { icon: '❓', says: { en: 'not known', ja: '不明' } },
};

async function audit({ about }: Args, context: CommandContext): Promise<CommandResult> {
	const { deps, asker } = context;
	const { lang } = asker;
	const ja = lang === 'ja';
	const entries = (await deps.audit.list(READ)).filter(
		(entry) => maySee(entry, context) && (about === undefined || isAbout(entry, about, context)),
	);
	const parts: Part[] = [
		{
			kind: 'title',
			icon: '📒',
			line:
				entries.length === 0
					? [ja ? '該当する変更はありません' : 'Nothing was changed']
					: [
							ja ? '変更履歴' : 'Who changed what',
							...(about === undefined ? [] : [': ', { code: clip(visible(mask(about)), 80) }]),
						],
		},
	];
	if (entries.length > 0)
		parts.push({
			kind: 'table',
			head: ja ? ['日時', '誰が', '何を', '対象', '結果'] : ['When', 'Who', 'What', 'Of', 'Result'],
			rows: entries.slice(0, SHOWN).map((entry) => row(entry, deps.environments.length > 1, lang)),
		});
	if (entries.length > SHOWN)
		parts.push({
			kind: 'note',
			line: [ja ? `新しい順に ${SHOWN} 件（全 ${entries.length} 件）` : `The newest ${SHOWN} of ${entries.length}.`],
		});
	parts.push({
		kind: 'note',
		line: [
			ja
				? `${deps.alerts.audit.keepDays} 日間保存されます。閲覧できる範囲のみ表示しています。`
				: `Kept for ${deps.alerts.audit.keepDays} days. You see what is yours, and the DAGs that you may see.`,
		],
	});
	return { reply: { parts, to: 'asker' } };
}

/** One's own always; what is about a DAG, whoever may see that DAG; everything else an admin. */
function maySee({ user, env, dag }: AuditEntry, { deps, typed, asker }: CommandContext): boolean {
	if (user === typed.user) return true;
	const place = { channel: typed.channel, env };
	return dag === undefined ? mayDo(deps, asker, place, 'admin') : mayDo(deps, asker, { ...place, dag }, 'viewer');
}

function isAbout({ user, name, dag, what }: AuditEntry, about: string, { typed }: CommandContext): boolean {
	const mentioned = [...typed.words.matchAll(/<@([UW][A-Z0-9]{2,20})/g)].map(([, id]) => id);
	const wanted = about.replace(/^@/, '').toLowerCase();
	return (
		mentioned.includes(user) ||
		user.toLowerCase() === wanted ||
		name.toLowerCase() === wanted ||
		dag === about ||
		(what?.split(' ').includes(about) ?? false)
	);
}

function row(entry: AuditEntry, several: boolean, lang: Lang): Cell[] {
	const { at, name, verb, env, dag, run, what, result, times = 1 } = entry;
	const { icon, says } = RESULTS[result];
	const of = [
		...(dag === undefined ? [] : [clipHead(visible(dag), 60)]),
		...(run === undefined ? [] : [clipHead(visible(run), 60)]),
		...(what === undefined || what === dag ? [] : [clip(visible(mask(what)), 100)]),
		...(several && env !== undefined ? [`(${clip(visible(env), 40)})`] : []),
	].join(' ');
	const often = times > 1 ? ` ×${times}` : '';
	return [
		[{ time: new Date(at).toISOString() }],
		clip(visible(name), 60),
		verb,
		of || '–',
		`${icon} ${says[lang]}${often}`,
	];
}
