import type { Deps } from '../src/deps.ts';
import type { DagRun } from '../src/domain/airflow.ts';
import type { Line, Part, Reply } from '../src/domain/reply.ts';
import { clipHead, visible, type Lang } from '../src/domain/text.ts';
import { runMessage, usualMs } from './run-message.ts';
import { askerIn } from './start-once.ts';
import { orElse } from './unknown-dag.ts';

export type Followed = { env: string; dag: string; run: string; lang: Lang };
export type News = { kind: 'run'; run: DagRun } | { kind: 'deleted' } | { kind: 'given up'; run: DagRun | undefined };

/** Runs whose median is the usual duration. */
const USUAL_OF = 20;

/** The message of a followed run as it stands now. Throws Trouble. */
export async function followedMessage(at: Followed, news: News, deps: Deps): Promise<Reply> {
	const airflow = deps.airflow(at.env);
	const env = deps.environments.length > 1 ? at.env : undefined;
	const { dag, lang } = at;
	if (news.kind !== 'run') return endedOtherwise(at, news, env, airflow.runUrl(dag, at.run));
	const { run } = news;
	const [tasks, before] = await Promise.all([
		run.state === 'queued' || run.state === 'success' ? [] : airflow.taskInstances(dag, run.run),
		orElse(airflow.runs(dag, { limit: USUAL_OF, state: ['success'] }), []),
	]);
	return runMessage({
		run,
		tasks,
		// The run itself is no custom.
		usual: usualMs(before.filter((other) => other.run !== run.run)),
		asker: askerIn(run),
		env,
		url: airflow.runUrl(dag, run.run),
		now: deps.now(),
		lang,
	});
}

function endedOtherwise(
	{ dag, run, lang }: Followed,
	news: Exclude<News, { kind: 'run' }>,
	env: string | undefined,
	url: string,
): Reply {
	const ja = lang === 'ja';
	const name = { code: clipHead(visible(dag), 100) };
	const title: Part =
		news.kind === 'deleted'
			? {
					kind: 'title',
					icon: '🗑️',
					line: ja ? [name, ' の実行は Airflow で削除されました'] : ['The run of ', name, ' was deleted in Airflow'],
				}
			: {
					kind: 'title',
					icon: '💤',
					line: ja ? [name, ' の追跡を終了しました'] : ['No longer following ', name],
				};
	const why: Line =
		news.kind === 'deleted'
			? [ja ? '終了状態は不明です。' : 'How it ended is not known.']
			: [
					news.run === undefined
						? ja
							? '長時間 Airflow から実行の状態を取得できませんでした。'
							: 'Airflow could not be asked about it for too long.'
						: ja
							? `長時間終わらないためです（最後の状態: ${news.run.state}）。このメッセージはもう更新されません。`
							: `It lasts longer than runs are followed (last seen ${news.run.state}). This message will not change any more.`,
				];
	const fields: (readonly [string, Line])[] = [[ja ? '実行 ID' : 'Run', [{ code: clipHead(visible(run), 100) }]]];
	if (env !== undefined) fields.push([ja ? '環境' : 'Environment', [env]]);
	return {
		parts: [
			title,
			{ kind: 'text', line: why },
			{ kind: 'fields', fields },
			{ kind: 'buttons', buttons: [{ label: ja ? 'Airflow で開く' : 'Open in Airflow', url }] },
		],
		to: 'channel',
	};
}
