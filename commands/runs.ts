import type { DagRun, RunState } from '../src/domain/airflow.ts';
import { durationText } from '../src/domain/duration.ts';
import type { Cell, Part } from '../src/domain/reply.ts';
import { clipHead, visible, type Lang, type Text } from '../src/domain/text.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { dagWord, noMore } from './_parts/ids.ts';
import { lastedMs, STATE_ICON, usualMs } from './_parts/run-message.ts';
import { strip } from './_parts/strip.ts';
import { unknownDag } from './_parts/unknown-dag.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

type Args = { dag: string };

const STRIP = 25;
const ROWS = 10;

export const STATE_NAMES: Readonly<Record<RunState, Text>> = {
	queued: { en: 'queued', ja: '待機中' },
	running: { en: 'running', ja: '実行中' },
	success: { en: 'success', ja: '成功' },
	failed: { en: 'failed', ja: '失敗' },
};

export default defineCommand<Args>({
	name: 'runs',
	summary: {
		en: 'The last runs of a DAG at a glance: states, durations.',
		ja: 'DAG の直近の実行（状態・所要時間）を一覧表示します。',
	},
	group: 'look',
	usage: '<dag>',
	examples: [{ words: 'runs daily_sales', means: { en: 'the last runs', ja: '直近の実行' } }],
	role: 'viewer',
	parse(words) {
		const [first, ...rest] = takeOptions(splitWords(words), {}).rest;
		const dag = dagWord(first);
		noMore(rest);
		return { dag };
	},
	dagOf: ({ dag }) => dag,
	run: runs,
});

async function runs({ dag }: Args, context: CommandContext): Promise<CommandResult> {
	const { deps, env, asker } = context;
	const airflow = deps.airflow(env);
	const { lang } = asker;
	const ja = lang === 'ja';
	const summary = await airflow.dag(dag);
	if (!summary) throw await unknownDag(dag, context);
	const found = await airflow.runs(dag, { limit: STRIP });
	const name = { code: clipHead(visible(dag), 100) };
	const open: Part = {
		kind: 'buttons',
		buttons: [{ label: ja ? 'Airflow で開く' : 'Open in Airflow', url: airflow.dagUrl(dag) }],
	};
	const where = deps.environments.length > 1 ? (ja ? `（環境: ${env}）` : ` in ${env}`) : '';
	if (found.length === 0)
		return {
			reply: {
				parts: [
					{
						kind: 'title',
						icon: '▫️',
						line: ja ? [name, ` はまだ実行されていません${where}`] : [name, ` has never run${where}`],
					},
					open,
				],
				to: 'asker',
			},
		};
	const usual = usualMs(found);
	const parts: Part[] = [
		{ kind: 'title', icon: '📊', line: ja ? [name, ` の直近の実行${where}`] : ['Last runs of ', name, where] },
		{ kind: 'text', line: strip(found, lang) },
		{
			kind: 'table',
			head: ja ? ['状態', '開始', '所要時間', '実行 ID'] : ['State', 'Started', 'Took', 'Run'],
			rows: found.slice(0, ROWS).map((run) => row(run, deps.now(), lang)),
		},
	];
	if (usual !== undefined)
		parts.push({
			kind: 'note',
			line: [
				ja
					? `成功時の通常の所要時間: ${durationText(usual, lang)}（中央値）`
					: `A successful run usually takes ${durationText(usual, lang)} (median).`,
			],
		});
	if (summary.paused)
		parts.push({ kind: 'note', line: [ja ? '⏸️ この DAG は一時停止中です。' : '⏸️ This DAG is paused.'] });
	return { reply: { parts: [...parts, open], to: 'asker' } };
}

function row(run: DagRun, now: number, lang: Lang): Cell[] {
	const lasted = lastedMs(run);
	const sofar = run.state === 'running' && run.startedAt !== undefined ? now - Date.parse(run.startedAt) : undefined;
	return [
		`${STATE_ICON[run.state] ?? ''} ${STATE_NAMES[run.state][lang]}`,
		run.startedAt === undefined ? '–' : [{ time: run.startedAt }],
		lasted !== undefined
			? durationText(lasted, lang)
			: sofar !== undefined && Number.isFinite(sofar)
				? `${durationText(sofar, lang)}…`
				: '–',
		clipHead(visible(run.run), 60),
	];
}
