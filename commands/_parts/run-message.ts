import type { DagRun, RunState, TaskInstance } from '../../src/domain/airflow.ts';
import { isDagId, isRunId, isTaskId } from '../../src/domain/ids.ts';
import { durationText, median } from '../../src/domain/duration.ts';
import { maskConf } from '../../src/domain/mask-conf.ts';
import type { Button, Line, Part, Reply } from '../../src/domain/reply.ts';
import { clip, clipHead, visible, type Lang, type Text } from '../../src/domain/text.ts';
import { utcText } from './start-once.ts';
import { wordsOfTry } from './try-words.ts';
import { quoteWord } from './words.ts';

export type RunFacts = {
	run: DagRun;
	/** Empty when they were not asked for. */
	tasks: readonly TaskInstance[];
	/** What a successful run usually takes, see `usualMs`; undefined: not known. */
	usual: number | undefined;
	/** Display name of who started it from Slack; undefined: not from Slack. Foreign text. */
	asker?: string | undefined;
	/** `asker` did not start it but had so many task instances of it cleared. */
	rerun?: { cleared: number } | undefined;
	/** Name of the environment; undefined while there is only one. */
	env: string | undefined;
	/** The run in Airflow's UI. */
	url: string;
	/** Epoch milliseconds. */
	now: number;
	/** Why it failed, see `causeAtAGlance`; only with the state failed. */
	cause?: readonly Part[] | undefined;
	/** The DAG is paused: what is queued does not start. */
	paused?: boolean | undefined;
	lang: Lang;
};

/** The median of successful runs, milliseconds; undefined below three, which would be no custom. */
export function usualMs(runs: readonly DagRun[]): number | undefined {
	const took = runs.flatMap((run) => (run.state === 'success' ? (lastedMs(run) ?? []) : []));
	return took.length < 3 ? undefined : median(took);
}

/** Milliseconds from start to end; undefined while it runs. */
export function lastedMs({ startedAt, endedAt }: Pick<DagRun, 'startedAt' | 'endedAt'>): number | undefined {
	if (startedAt === undefined || endedAt === undefined) return undefined;
	const ms = Date.parse(endedAt) - Date.parse(startedAt);
	return Number.isFinite(ms) && ms >= 0 ? ms : undefined;
}

export const STATE_ICON: Readonly<Record<string, string>> = {
	queued: '⏳',
	running: '🔵',
	success: '✅',
	failed: '❌',
};

/** The one message about one run, from queued to its end: what, since when or how long against the usual, which tasks failed. */
export function runMessage(facts: RunFacts): Reply & { parts: Part[] } {
	const { run, lang, url } = facts;
	const parts: Part[] = [
		{ kind: 'title', icon: STATE_ICON[run.state] ?? '▫️', line: headline(facts) },
		{ kind: 'text', line: whoAndWhen(facts) },
	];
	const progress = progressOf(facts);
	if (progress) parts.push({ kind: 'text', line: progress });
	const failed = failedTasks(facts);
	if (failed.length > 0) parts.push({ kind: 'list', items: failed });
	if (run.state === 'failed') parts.push(...(facts.cause ?? []));
	const fields = details(facts);
	if (fields.length > 0) parts.push({ kind: 'fields', fields });
	const hint = hintOf(facts);
	if (hint) parts.push({ kind: 'note', line: hint });
	parts.push({
		kind: 'buttons',
		buttons: [
			...(run.state === 'failed' ? diagnoseButton(facts) : []),
			{ label: lang === 'ja' ? 'Airflow で開く' : 'Open in Airflow', url },
		],
	});
	return { parts, to: 'channel' };
}

/** Of the first task that failed, so that the words mean the same whatever the run is called. */
function diagnoseButton({ run, tasks, env, lang }: RunFacts): Button[] {
	const task = tasks.find(({ state }) => state === 'failed');
	if (!isDagId(run.dag) || !isRunId(run.run) || (task && !isTaskId(task.task))) return [];
	const words = task ? wordsOfTry(task) : [run.dag, run.run].map(quoteWord).join(' ');
	return [
		{
			label: lang === 'ja' ? '原因を診断' : 'Diagnose',
			verb: 'diagnose',
			words: env === undefined ? words : `${words} --env ${env}`,
		},
	];
}

function headline({ run, lang, now, usual }: RunFacts): Line {
	const dag = { code: clipHead(visible(run.dag), 100) };
	const lasted = lastedMs(run);
	const took = lasted === undefined ? undefined : durationText(lasted, lang);
	const running = run.startedAt === undefined ? undefined : durationText(now - Date.parse(run.startedAt), lang);
	const against = lasted === undefined || run.state !== 'success' ? '' : againstUsual(lasted, usual, lang);
	const says: Record<RunState, Text> = {
		queued: { en: ' is queued', ja: ' は開始待ちです' },
		running:
			running === undefined
				? { en: ' is running', ja: ' を実行中です' }
				: { en: ` has been running for ${running}`, ja: ` を実行中です（${running}経過）` },
		success:
			took === undefined
				? { en: ' succeeded', ja: ' が成功しました' }
				: { en: ` succeeded in ${took}${against}`, ja: ` が${took}で成功しました${against}` },
		failed:
			took === undefined
				? { en: ' failed', ja: ' が失敗しました' }
				: { en: ` failed after ${took}`, ja: ` が${took}で失敗しました` },
	};
	return [dag, says[run.state][lang]];
}

/** Only what is worth a word: more than a quarter and ten seconds off. */
function againstUsual(lasted: number, usual: number | undefined, lang: Lang): string {
	if (usual === undefined) return '';
	const off = lasted - usual;
	const text = durationText(usual, lang);
	if (Math.abs(off) < 10_000 || Math.abs(off) < usual / 4) return lang === 'ja' ? '（通常どおり）' : ', as usual';
	return lang === 'ja' ? `（通常は ${text}）` : ` (usually ${text})`;
}

/** By whom, and of how many task instances. */
function rerunLine(asker: string, cleared: number, lang: Lang): Line {
	const who = { bold: clip(visible(asker), 80) };
	if (lang === 'ja') return ['再実行: ', who, `（タスクインスタンス ${cleared} 件）`];
	return ['Rerun by ', who, ` (${cleared} ${cleared === 1 ? 'task instance' : 'task instances'})`];
}

function whoAndWhen({ run, asker, rerun, env, usual, lang }: RunFacts): Line {
	const ja = lang === 'ja';
	const who: Line =
		asker === undefined
			? [ja ? `種別: ${clip(visible(run.runType), 40)}` : `${clip(visible(run.runType), 40)} run`]
			: rerun
				? rerunLine(asker, rerun.cleared, lang)
				: ja
					? ['実行者: ', { bold: clip(visible(asker), 80) }]
					: ['Started by ', { bold: clip(visible(asker), 80) }];
	const line: Line[number][] = [...who];
	const since = run.startedAt ?? run.queuedAt;
	if (since !== undefined) line.push(' · ', { time: since });
	if (run.state === 'running' && usual !== undefined)
		line.push(ja ? ` · 通常 ${durationText(usual, lang)}` : ` · usually ${durationText(usual, lang)}`);
	if (env !== undefined) line.push(ja ? ' · 環境: ' : ' · in ', { bold: env });
	return line;
}

/** While it runs: how much is done, and what is at work. */
function progressOf({ run, tasks, lang }: RunFacts): Line | undefined {
	if (run.state !== 'running' || tasks.length === 0) return undefined;
	const done = tasks.filter(({ state }) => state === 'success' || state === 'skipped').length;
	const busy = tasks.filter(({ state }) => state === 'running');
	const names = busy.slice(0, 3).flatMap((task, i): Line => [i > 0 ? ', ' : '', { code: taskName(task) }]);
	const more = busy.length > 3 ? ' …' : '';
	if (lang === 'ja')
		return [`${tasks.length} タスク中 ${done} 完了`, ...(busy.length > 0 ? [' · 実行中: ', ...names, more] : [])];
	return [`${done} of ${tasks.length} tasks done`, ...(busy.length > 0 ? [' · now ', ...names, more] : [])];
}

const taskName = ({ task, mapIndex }: TaskInstance): string =>
	clipHead(visible(task), 80) + (mapIndex >= 0 ? ` [${mapIndex}]` : '');

const FAILED = new Set(['failed', 'up_for_retry']);
const SHOWN = 8;

function failedTasks({ tasks, run, lang }: RunFacts): Line[] {
	const ja = lang === 'ja';
	const failed = tasks.filter(({ state }) => state === 'failed' || (run.state === 'running' && FAILED.has(state)));
	const lines: Line[] = failed.slice(0, SHOWN).map((task) => {
		const name = taskName(task);
		const of = task.maxTries + 1;
		const lasted = lastedMs(task);
		const took = lasted === undefined ? undefined : durationText(lasted, lang);
		const retried = task.state === 'up_for_retry';
		if (ja) {
			const about = [
				...(of > 1 ? [`${of} 回中 ${task.tryNumber} 回目`] : []),
				...(took === undefined ? [] : [took]),
				...(retried ? ['再試行待ち'] : []),
			];
			return [{ code: name }, ` が失敗しました${about.length === 0 ? '' : `（${about.join('、')}）`}`];
		}
		const tries = of > 1 ? ` (try ${task.tryNumber} of ${of})` : '';
		const after = took === undefined ? '' : ` after ${took}`;
		return [{ code: name }, ` failed${tries}${after}${retried ? ', will be retried' : ''}`];
	});
	if (failed.length > SHOWN)
		lines.push([
			ja ? `ほか ${failed.length - SHOWN} 件のタスクが失敗` : `and ${failed.length - SHOWN} more failed tasks`,
		]);
	const upstream = tasks.filter(({ state }) => state === 'upstream_failed').length;
	if (upstream > 0)
		lines.push([
			ja
				? `後続の ${upstream} 件のタスクは実行されませんでした (upstream_failed)`
				: `${upstream} ${upstream === 1 ? 'task' : 'tasks'} after that did not run (upstream_failed)`,
		]);
	return lines;
}

function details({ run, lang }: RunFacts): (readonly [string, Line])[] {
	const ja = lang === 'ja';
	const fields: (readonly [string, Line])[] = [[ja ? '実行 ID' : 'Run', [{ code: clipHead(visible(run.run), 100) }]]];
	if (run.logicalDate !== null) fields.push([ja ? '論理日時' : 'Logical date', [utcText(run.logicalDate)]]);
	if (Object.keys(run.conf).length > 0)
		fields.push(['conf', [{ code: clip(visible(JSON.stringify(maskConf(run.conf))), 300) }]]);
	return fields;
}

function hintOf({ run, now, paused, lang }: RunFacts): Line | undefined {
	const ja = lang === 'ja';
	if (run.state !== 'queued') return undefined;
	if (paused)
		return [
			ja
				? 'DAG が一時停止中のため、再開されるまで開始されません。'
				: 'The DAG is paused: it starts when somebody unpauses it.',
		];
	if (run.logicalDate !== null && Date.parse(run.logicalDate) > now)
		return [
			ja
				? '論理日時が未来のため、Airflow はその時刻まで開始しません。'
				: 'The logical date is in the future: Airflow waits for it.',
		];
	if (run.queuedAt !== undefined && now - Date.parse(run.queuedAt) > 10 * 60_000)
		return [
			ja
				? '10 分以上待機しています。max_active_runs、またはスケジューラの状態をご確認ください。'
				: 'Waiting for more than 10 minutes: max_active_runs may be reached, or the scheduler is busy.',
		];
	return undefined;
}
