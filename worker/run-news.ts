import { investigate } from '../commands/_parts/investigate.ts';
import { runMessage, usualMs } from '../commands/_parts/run-message.ts';
import { causeAtAGlance } from '../src/diagnosis/verdict-message.ts';
import type { Deps } from '../src/deps.ts';
import type { DagRun, TaskInstance } from '../src/domain/airflow.ts';
import { Trouble } from '../src/domain/errors.ts';
import type { Part, Reply } from '../src/domain/reply.ts';
import { clip, clipHead, visible } from '../src/domain/text.ts';
import type { Text } from '../src/domain/text.ts';
import type { FollowJob } from './jobs.ts';

/** How a run that is followed stands. */
export type RunNews =
	| { kind: 'run'; run: DagRun }
	/** Somebody removed it in Airflow. */
	| { kind: 'deleted' }
	/** It lasts longer than runs are followed, or Airflow could not be asked for that long. */
	| { kind: 'given up' };

/** The run's message as it should read now. What Airflow does not tell beside the run itself is left out. */
export async function runNews(job: FollowJob, news: RunNews, deps: Deps): Promise<Reply> {
	const airflow = deps.airflow(job.env);
	if (news.kind !== 'run') return endOfFollowing(job, news.kind, airflow.runUrl(job.dag, job.run));
	const { run } = news;
	const ended = run.state === 'success' || run.state === 'failed';
	const [tasks, runs, cause] = await Promise.all([
		run.state === 'failed' ? orNone(airflow.taskInstances(job.dag, job.run)) : [],
		ended ? orNone(airflow.runs(job.dag, { limit: 20, state: ['success'] })) : [],
		run.state === 'failed' ? causeOf(job, deps) : [],
	]);
	return runMessage({
		run,
		tasks,
		cause,
		usual: usualMs(runs.filter((one) => one.run !== run.run)),
		asker: job.by,
		rerun: job.rerun,
		env: deps.environments.length > 1 ? job.env : undefined,
		url: airflow.runUrl(job.dag, job.run),
		now: deps.now(),
		lang: job.lang,
	});

	async function orNone<T extends TaskInstance | DagRun>(ask: Promise<T[]>): Promise<T[]> {
		try {
			return await ask;
		} catch (error) {
			if (!(error instanceof Trouble)) throw error;
			deps.log.warn({ env: job.env, label: error.label }, 'run message without its details');
			return [];
		}
	}
}

/** The message says how the run ended at once; why, if that is known soon. */
const CAUSE_WITHIN_MS = 8000;

async function causeOf({ env, dag, run, lang }: FollowJob, deps: Deps): Promise<Part[]> {
	const late = Promise.withResolvers<undefined>();
	const timer = setTimeout(() => late.resolve(undefined), CAUSE_WITHIN_MS);
	try {
		const found = await Promise.race([investigate({ dag, run }, env, lang, deps), late.promise]);
		if (found === undefined) deps.log.warn({ env, dag, run }, 'cause of a failed run not found in time');
		return found?.kind === 'verdict' ? causeAtAGlance(found.verdict, lang) : [];
	} catch (error) {
		// Whatever goes wrong here, the person still hears that the run failed.
		deps.log.warn(
			{ env, dag, run, error: error instanceof Error ? error.message : String(error) },
			'run message without its cause',
		);
		return [];
	} finally {
		clearTimeout(timer);
	}
}

const ENDS: Readonly<Record<'deleted' | 'given up', { icon: string; says: Text; hint: Text }>> = {
	deleted: {
		icon: '🗑️',
		says: { en: ': the run was deleted in Airflow', ja: ' の実行は Airflow で削除されました' },
		hint: { en: 'How it ended is not known.', ja: '終了状態は不明です。' },
	},
	'given up': {
		icon: '💤',
		says: { en: ' is no longer followed', ja: ' の追跡を終了しました' },
		hint: {
			en: 'It lasts longer than runs are followed here. `/dag status` tells how it stands.',
			ja: '追跡期間を超えました。現在の状態は `/dag status` で確認できます。',
		},
	},
};

function endOfFollowing(job: FollowJob, kind: 'deleted' | 'given up', url: string): Reply {
	const { icon, says, hint } = ENDS[kind];
	const ja = job.lang === 'ja';
	return {
		to: 'channel',
		parts: [
			{ kind: 'title', icon, line: [{ code: clipHead(visible(job.dag), 100) }, says[job.lang]] },
			{
				kind: 'text',
				line: [
					job.rerun ? (ja ? '再実行: ' : 'Rerun by ') : ja ? '実行者: ' : 'Started by ',
					{ bold: clip(visible(job.by), 80) },
					' · ',
					{ code: clipHead(visible(job.run), 100) },
				],
			},
			{ kind: 'note', line: [hint[job.lang]] },
			{ kind: 'buttons', buttons: [{ label: ja ? 'Airflow で開く' : 'Open in Airflow', url }] },
		],
	};
}
