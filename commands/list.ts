import type { Airflow, DagRun, DagSummary } from '../src/domain/airflow.ts';
import { mask } from '../src/domain/mask.ts';
import type { Cell, Part } from '../src/domain/reply.ts';
import { clip, clipHead, visible, type Lang } from '../src/domain/text.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { STATE_ICON } from './_parts/run-message.ts';
import { STATE_NAMES } from './runs.ts';
import { quoted } from './_parts/trouble.ts';
import { orElse } from './_parts/unknown-dag.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

type Args = { words: readonly string[]; paused: boolean };

/** DAGs shown: each costs one question for its newest run. */
const SHOWN = 15;
const ASKED_AT_ONCE = 5;
/** DAGs looked through. */
const MOST = 1000;

export default defineCommand<Args>({
	name: 'list',
	summary: {
		en: 'DAGs with their last state, next run and owner.',
		ja: 'DAG を最新の状態・次回の実行・所有者とともに一覧表示します。',
	},
	group: 'look',
	usage: '[words] [--paused]',
	examples: [
		{ words: 'list', means: { en: 'all DAGs', ja: 'すべての DAG' } },
		{ words: 'list sales', means: { en: 'whose id holds “sales”', ja: 'ID に「sales」を含むもの' } },
		{
			words: 'list tag:finance owner:aiko',
			means: { en: 'by tag and owner', ja: 'タグと所有者で絞り込む' },
		},
		{ words: 'list --paused', means: { en: 'paused ones only', ja: '一時停止中のもののみ' } },
	],
	role: 'viewer',
	parse(words) {
		const { rest, flags } = takeOptions(splitWords(words), { flags: ['paused'] });
		return { words: rest.map(({ text }) => text), paused: flags.has('paused') };
	},
	run: list,
});

async function list({ words, paused }: Args, { deps, env, asker, may }: CommandContext): Promise<CommandResult> {
	const airflow = deps.airflow(env);
	const ja = asker.lang === 'ja';
	const { lang } = asker;
	const inId = words.filter((word) => !/^(tag|owner):/i.test(word));
	const [first] = inId;
	const answer = await airflow.dags({ words: first, ...(paused ? { paused } : {}), limit: MOST });
	const found = answer
		.filter((dag) => may('viewer', dag.id) && words.every((word) => fits(dag, word)) && (!paused || dag.paused))
		.sort((a, b) => (a.id < b.id ? -1 : 1));
	const shown = found.slice(0, SHOWN);
	const newest = await newestRuns(airflow, shown);

	const where = deps.environments.length > 1 ? (ja ? `（環境: ${env}）` : ` in ${env}`) : '';
	const asked = [...words.map((word) => `“${quoted(word)}”`), ...(paused ? [ja ? '一時停止中' : 'paused'] : [])];
	const which = asked.length === 0 ? '' : ja ? `（${asked.join('、')}）` : ` (${asked.join(', ')})`;
	if (shown.length === 0)
		return {
			reply: {
				parts: [
					{
						kind: 'title',
						icon: '🔎',
						line: [ja ? `該当する DAG はありません${where}${which}` : `No DAG fits${where}${which}`],
					},
				],
				to: 'asker',
			},
		};
	const many = answer.length >= MOST ? `${found.length}+` : String(found.length);
	const parts: Part[] = [
		{
			kind: 'title',
			icon: '🗂️',
			line: [ja ? `DAG ${many} 件${where}${which}` : `${many} ${found.length === 1 ? 'DAG' : 'DAGs'}${where}${which}`],
		},
		{
			kind: 'table',
			head: ja ? ['DAG', '最新の実行', '次回の実行', '所有者'] : ['DAG', 'Last run', 'Next run', 'Owner'],
			rows: shown.map((dag, i) => row(dag, newest[i], lang)),
		},
	];
	if (found.length > shown.length)
		parts.push({
			kind: 'note',
			line: [
				ja
					? `ほか ${found.length - shown.length} 件あります。/dag list に語を付けると絞り込めます。`
					: `${found.length - shown.length} more: narrow it down with words, as in /dag list sales.`,
			],
		});
	return { reply: { parts, to: 'asker' } };
}

function fits(dag: DagSummary, word: string): boolean {
	const [, kind, wanted = ''] = /^(tag|owner):(.*)$/i.exec(word) ?? [];
	const same = (name: string) => name.toLowerCase() === wanted.toLowerCase();
	if (kind === undefined) return dag.id.toLowerCase().includes(word.toLowerCase());
	return kind.toLowerCase() === 'tag' ? dag.tags.some(same) : dag.owners.some(same);
}

/** One question a DAG, a few at a time; what cannot be read stays unknown. */
async function newestRuns(airflow: Airflow, dags: readonly DagSummary[]): Promise<(DagRun | 'unknown' | undefined)[]> {
	const found: (DagRun | 'unknown' | undefined)[] = [];
	for (let i = 0; i < dags.length; i += ASKED_AT_ONCE)
		found.push(
			...(await Promise.all(
				dags.slice(i, i + ASKED_AT_ONCE).map(({ id }) =>
					orElse<DagRun | 'unknown' | undefined>(
						airflow.runs(id, { limit: 1 }).then(([run]) => run),
						'unknown',
					),
				),
			)),
		);
	return found;
}

function row(dag: DagSummary, run: DagRun | 'unknown' | undefined, lang: Lang): Cell[] {
	const at = typeof run === 'object' ? (run.endedAt ?? run.startedAt ?? run.queuedAt) : undefined;
	const last: Cell =
		run === undefined
			? '–'
			: run === 'unknown'
				? '?'
				: at === undefined
					? `${STATE_ICON[run.state]} ${STATE_NAMES[run.state][lang]}`
					: [`${STATE_ICON[run.state]} `, { time: at }];
	const next: Cell = dag.paused
		? lang === 'ja'
			? '⏸️ 一時停止中'
			: '⏸️ paused'
		: dag.nextRunAt === undefined
			? '–'
			: [{ time: dag.nextRunAt }];
	const broken = dag.hasImportErrors ? '💥 ' : '';
	return [`${broken}${clipHead(visible(dag.id), 60)}`, last, next, clip(visible(mask(dag.owners.join(', '))), 40)];
}
