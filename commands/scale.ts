import type { Part } from '../src/domain/reply.ts';
import type { Lang } from '../src/domain/text.ts';
import { clip, visible } from '../src/domain/text.ts';
import { milliseconds } from '../src/scaling/asked.ts';
import { say } from '../src/scaling/words.ts';
import { applyButton } from './_parts/apply-button.ts';
import { WHOLE } from './_parts/ask-to-apply.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { noMore } from './_parts/ids.ts';
import type { Read } from './_parts/read-history.ts';
import { adviceOn } from './_parts/size-advice.ts';
import { mistake } from './_parts/trouble.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

type Args = { days: number; targetMs: number | undefined };

const DAYS = { usual: 7, most: 31 };

export default defineCommand<Args>({
	name: 'scale',
	summary: {
		en: 'What size the environment should have, why, and what that costs.',
		ja: '環境の適切なサイズと、その理由・費用を提案します。',
	},
	group: 'look',
	usage: '[--days n] [--target 30s]',
	examples: [
		{ words: 'scale', means: { en: 'from the last 7 days', ja: '直近 7 日間から' } },
		{
			words: 'scale --days 14 --target 30s',
			means: { en: 'tasks should start within 30 s (p95)', ja: 'タスクの開始待ちを 30 秒以内（p95）にする場合' },
		},
	],
	role: 'viewer',
	parse(words) {
		const { rest, values } = takeOptions(splitWords(words), { values: ['days', 'target'] });
		noMore(rest);
		const days = Number(values.get('days') ?? DAYS.usual);
		if (!Number.isInteger(days) || days < 1 || days > DAYS.most)
			throw mistake('days not understood', {
				en: `--days is a whole number from 1 to ${DAYS.most}.`,
				ja: `--days は 1～${DAYS.most} の整数で指定してください。`,
			});
		const target = values.get('target');
		const targetMs = target === undefined ? undefined : milliseconds(target);
		if (target !== undefined && targetMs === undefined)
			throw mistake('target not understood', {
				en: '--target is a time such as 30s or 2m.',
				ja: '--target は 30s や 2m のような時間で指定してください。',
			});
		return { days, targetMs };
	},
	run: scale,
});

async function scale({ days, targetMs }: Args, context: CommandContext): Promise<CommandResult> {
	const { deps, env, asker, may } = context;
	const { lang } = asker;
	const { advice, over, read } = await adviceOn(env, { days, waitMs: targetMs }, deps);
	// Names of DAGs are for those who may see them.
	const seen = { ...advice, findings: advice.findings.filter(({ dag }) => dag === undefined || may('viewer', dag)) };
	const reply = say(seen, read.history.environment, lang, over);
	const button = may('admin', WHOLE) ? await applyButton(advice, read, { env, lang, deps }) : [];
	return {
		reply: { ...reply, parts: [...reply.parts, ...notRead(read, lang), ...button] },
	};
}

/** What could not be read, and what is not judged for it. */
export function notRead({ cut, tasks, gaps, unmeasured }: Read, lang: Lang): Part[] {
	const ja = lang === 'ja';
	const notes: string[] = [];
	const count = tasks.toLocaleString('en');
	if (cut)
		notes.push(
			ja
				? `件数が多いため、直近の ${count} 件だけを読み取りました。`
				: `Only the last ${count} were read: there are more.`,
		);
	for (const { trouble, of } of gaps) {
		const message = (ja ? (trouble.ja?.message ?? trouble.message) : trouble.message).trimStart();
		const hint = ja ? trouble.ja?.hint : trouble.hint;
		const names = of.slice(0, 5).join(', ');
		const more = of.length > 5 ? ', …' : '';
		notes.push(
			ja
				? `評価していない指標（${names}${more}）: ${message}${hint ?? ''}`
				: `Not judged (${names}${more}): ${message}${hint === undefined ? '' : ` ${hint}`}`,
		);
	}
	if (unmeasured)
		notes.push(
			ja
				? 'Cloud Monitoring がないため、Airflow の記録だけで判断しています。'
				: 'There is no Cloud Monitoring here: judged by what Airflow recorded alone.',
		);
	return notes.map((note) => ({ kind: 'note', line: [clip(visible(note), 800)] }));
}
