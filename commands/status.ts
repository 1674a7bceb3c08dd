import { isRunId } from '../src/domain/ids.ts';
import type { DagRun } from '../src/domain/airflow.ts';
import type { Line, Part, Reply } from '../src/domain/reply.ts';
import { clipHead, visible, type Lang } from '../src/domain/text.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { dagWord, noMore, runWord } from './_parts/ids.ts';
import { runMessage, usualMs } from './_parts/run-message.ts';
import { askerIn } from './_parts/start-once.ts';
import { strip } from './_parts/strip.ts';
import { mistake } from './_parts/trouble.ts';
import { unknownDag } from './_parts/unknown-dag.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

type Args = { dag: string; run: string | undefined };

/** Looked at for the usual duration and for the strip. */
const RUNS = 25;

export default defineCommand<Args>({
	name: 'status',
	summary: {
		en: 'How the last run (or the one named) stands: state, duration, failed tasks.',
		ja: '最新（または指定した）実行の状態・所要時間・失敗したタスクを表示します。',
	},
	group: 'look',
	usage: '<dag> [run]',
	examples: [
		{ words: 'status daily_sales', means: { en: 'the newest run', ja: '最新の実行' } },
		{
			words: 'status daily_sales scheduled__2026-11-20T00:00:00+00:00',
			means: { en: 'one run', ja: '指定した実行' },
		},
	],
	role: 'viewer',
	parse(words) {
		const [first, second, ...rest] = takeOptions(splitWords(words), {}).rest;
		const dag = dagWord(first);
		noMore(rest);
		return { dag, run: second === undefined || second.text === 'latest' ? undefined : runWord(second) };
	},
	dagOf: ({ dag }) => dag,
	run: status,
});

async function status({ dag, run: wanted }: Args, context: CommandContext): Promise<CommandResult> {
	const { deps, env, asker } = context;
	const airflow = deps.airflow(env);
	const { lang } = asker;
	const summary = await airflow.dag(dag);
	if (!summary) throw await unknownDag(dag, context);
	const [runs, named] = await Promise.all([
		airflow.runs(dag, { limit: RUNS }),
		wanted === undefined ? undefined : airflow.run(dag, wanted),
	]);
	const run = wanted === undefined ? runs[0] : named;
	if (!run && wanted !== undefined) throw unknownRun(dag, wanted, runs);
	const shownEnv = deps.environments.length > 1 ? env : undefined;
	if (!run) return { reply: neverRan(dag, summary.paused, airflow.dagUrl(dag), lang) };
	const tasks = run.state === 'queued' ? [] : await airflow.taskInstances(dag, run.run);
	const reply = runMessage({
		run,
		tasks,
		usual: usualMs(runs.filter((other) => other.run !== run.run)),
		asker: askerIn(run),
		env: shownEnv,
		url: airflow.runUrl(dag, run.run),
		now: deps.now(),
		paused: summary.paused,
		lang,
	});
	const more: Part[] = [];
	if (runs.length > 1) more.push({ kind: 'text', line: strip(runs, lang) });
	const next = nextRun(summary, lang);
	if (next) more.push({ kind: 'note', line: next });
	reply.parts.splice(-1, 0, ...more);
	return { reply: { ...reply, to: 'asker' } };
}

function nextRun(dag: { paused: boolean; nextRunAt?: string | undefined }, lang: Lang): Line | undefined {
	if (dag.paused) return [lang === 'ja' ? '⏸️ この DAG は一時停止中です。' : '⏸️ This DAG is paused.'];
	if (dag.nextRunAt === undefined) return undefined;
	return [lang === 'ja' ? '次回の実行: ' : 'Next run: ', { time: dag.nextRunAt }];
}

function neverRan(dag: string, paused: boolean, url: string, lang: Lang): Reply {
	const ja = lang === 'ja';
	const name = { code: clipHead(visible(dag), 100) };
	return {
		parts: [
			{ kind: 'title', icon: '▫️', line: ja ? [name, ' はまだ実行されていません'] : [name, ' has never run'] },
			...(paused
				? [{ kind: 'note' as const, line: [ja ? '⏸️ この DAG は一時停止中です。' : '⏸️ This DAG is paused.'] }]
				: []),
			{ kind: 'buttons', buttons: [{ label: ja ? 'Airflow で開く' : 'Open in Airflow', url }] },
		],
		to: 'asker',
	};
}

function unknownRun(dag: string, wanted: string, runs: readonly DagRun[]) {
	const shown = clipHead(visible(wanted), 80);
	const newest = runs
		.map(({ run }) => run)
		.filter(isRunId)
		.slice(0, 3)
		.map((run) => `\`${clipHead(visible(run), 100)}\``)
		.join(', ');
	return mistake(
		'run unknown',
		{ en: `${dag} has no run ${shown}.`, ja: `${dag} に実行 ${shown} はありません。` },
		newest === '' ? undefined : { en: `The newest are ${newest}.`, ja: `最新の実行: ${newest}` },
	);
}
