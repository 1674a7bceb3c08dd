import { mayDo } from '../src/access/roles.ts';
import { isAddress, parseAirflowUrl, type AirflowPlace } from '../src/domain/airflow-url.ts';
import type { DagRun } from '../src/domain/airflow.ts';
import { Trouble } from '../src/domain/errors.ts';
import type { Button, Line, Part, Reply } from '../src/domain/reply.ts';
import { clip, clipHead, visible, type Lang, type Text } from '../src/domain/text.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { dagWord, noMore } from './_parts/ids.ts';
import type { Asked } from './_parts/find-try.ts';
import { investigate, type Investigation } from './_parts/investigate.ts';
import { whichTry, wordsOfTry } from './_parts/try-words.ts';
import { mistake } from './_parts/trouble.ts';
import { unknownDag } from './_parts/unknown-dag.ts';
import { brokenFile } from './_parts/broken-file.ts';
import { readPasted } from './_parts/pasted.ts';
import { tryMissing } from './_parts/try-missing.ts';
import { verdictParts } from '../src/diagnosis/verdict-message.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

/** `pasted`: a log instead of a try. */
type Args = { asked: Asked; address: AirflowPlace | undefined; full: boolean } | { pasted: string };

export default defineCommand<Args>({
	name: 'diagnose',
	summary: {
		en: 'Why a task failed: the cause, the line that decides it, and the fix.',
		ja: 'タスクが失敗した原因・根拠となる行・対処を表示します。',
	},
	group: 'alerts',
	usage: '<dag> [task] [run] [try] | <Airflow URL> | --text <log>  [--full]',
	examples: [
		{ words: 'diagnose daily_sales', means: { en: 'the newest failed run', ja: '最新の失敗した実行' } },
		{ words: 'diagnose daily_sales load', means: { en: 'one task', ja: '特定のタスク' } },
		{
			words: 'diagnose https://airflow.example.com/dags/daily_sales/runs/manual__2026-11-20/tasks/load?try_number=1',
			means: { en: 'what the address shows', ja: 'URL が示す試行' },
		},
		{
			words: 'diagnose --text botocore.exceptions.NoCredentialsError: Unable to locate credentials',
			means: { en: 'a log that is pasted', ja: '貼り付けたログ' },
		},
	],
	role: 'viewer',
	posts: true,
	parse(words) {
		// A log is taken as it stands: its quotes and dashes are no words of ours.
		const pasted = /^--text(?:\s+|$)([^]*)$/u.exec(words)?.[1];
		if (pasted !== undefined) {
			if (pasted.trim() === '')
				throw mistake('text missing', {
					en: 'After --text comes the log to look at.',
					ja: '--text の後に診断するログを貼り付けてください。',
				});
			return { pasted };
		}
		const { rest, flags } = takeOptions(splitWords(words), { flags: ['full'] });
		const full = flags.has('full');
		const [first, ...more] = rest;
		if (first && isAddress(first.text)) {
			noMore(more);
			const address = parseAirflowUrl(first.text);
			if (!address)
				throw mistake(
					'address without dag',
					{
						en: 'This address names no DAG that I can read.',
						ja: 'この URL から DAG を読み取れません。',
					},
					{
						en: 'Copy the address of a task or run from the Airflow page.',
						ja: 'Airflow のタスクまたは実行のページの URL を貼り付けてください。',
					},
				);
			const { dag, run, task, mapIndex, tryNumber, logicalDate } = address;
			return { asked: { dag, run, task, mapIndex, tryNumber, logicalDate }, address, full };
		}
		return { asked: { dag: dagWord(first), ...whichTry(more) }, address: undefined, full };
	},
	dagOf: (args) => ('pasted' in args ? undefined : args.asked.dag),
	run: (args, context) => ('pasted' in args ? readPasted(args.pasted, context) : diagnose(args, context)),
});

type OfTry = Exclude<Args, { pasted: string }>;

async function diagnose({ asked, address, full }: OfTry, context: CommandContext): Promise<CommandResult> {
	const { deps, asker } = context;
	const { lang } = asker;
	const env = address === undefined ? context.env : await environmentOf(address, context);
	const airflow = deps.airflow(env);
	const summary = await airflow.dag(asked.dag);
	if (!summary) {
		// A file that never imported has no DAG: its import error is the answer.
		const broken = await brokenFile(asked.dag, env, lang, deps);
		if (!broken) throw await unknownDag(asked.dag, { ...context, env });
		return { reply: { parts: broken, to: 'asker' } };
	}
	/** Its runs went well, or there is none: does its file import now? */
	const notImported = async (): Promise<Reply | undefined> => {
		if (!summary.hasImportErrors || asked.run !== undefined || asked.task !== undefined) return undefined;
		const parts = await brokenFile(asked.dag, env, lang, deps, summary.file);
		return parts && { parts, to: 'asker' };
	};
	// A click is one person's; what a team looks for together is said to the team.
	const to = context.typed.via === 'click' ? 'asker' : 'channel';
	const how = { env, lang, full, deps, to } as const;
	const soFar = async (byLog: Investigation): Promise<void> => {
		const note: Part = { kind: 'note', line: [STILL_LOOKING[lang]] };
		await context.progress({ to, parts: [...verdictReply(byLog, how).parts, note] });
	};
	const found = await investigate(asked, env, lang, deps, to === 'channel' ? soFar : undefined);
	switch (found.kind) {
		case 'verdict':
			return { reply: verdictReply(found, how) };
		case 'no run':
			if (asked.run !== undefined) throw tryMissing(found, asked);
			return { reply: (await notImported()) ?? neverRan(asked.dag, airflow.dagUrl(asked.dag), lang) };
		case 'no task':
			throw tryMissing(found, asked);
		default:
			return {
				reply: (await notImported()) ?? nothingFailed(found, airflow.runUrl(found.run.dag, found.run.run), lang),
			};
	}
}

/** Whose address it is: that of an environment which the asker may see. */
async function environmentOf(
	{ origin, base, dag }: AirflowPlace,
	{ deps, asker, typed }: CommandContext,
): Promise<string> {
	const mine = deps.environments.filter((env) => mayDo(deps, asker, { channel: typed.channel, env, dag }, 'viewer'));
	const addresses = await Promise.all(
		mine.map(async (env): Promise<{ env: string; at: string | undefined }> => {
			const airflow = deps.airflow(env);
			try {
				// Composer is asked where its Airflow is.
				await airflow.version();
			} catch (error) {
				if (!(error instanceof Trouble)) throw error;
			}
			const at = URL.parse(airflow.dagUrl('x'));
			return { env, at: at ? `${at.origin}${at.pathname.replace(/dags\/x(?:\/.*)?$/, '')}` : undefined };
		}),
	);
	const found = addresses.find(({ at }) => at === `${origin}${base}`);
	if (found) return found.env;
	throw mistake(
		'address of another airflow',
		{
			en: `${clip(visible(origin), 200)} is not the address of an environment that you may see here.`,
			ja: `${clip(visible(origin), 200)} は、ここで閲覧できる環境の URL ではありません。`,
		},
		{ en: '`/dag env` shows which there are.', ja: '環境の一覧は `/dag env` で確認できます。' },
	);
}

const STILL_LOOKING: Text = {
	en: '🔎 By the log alone. Being checked against the environment …',
	ja: '🔎 ログのみの判断です。環境の情報と照合しています…',
};

type How = { env: string; lang: Lang; full: boolean; deps: CommandContext['deps']; to: Reply['to'] };

function verdictReply(found: Investigation, { env, lang, full, deps, to }: How): Reply {
	const { failed, run, verdict, walkedFrom, recovered } = found;
	const ja = lang === 'ja';
	const { parts, cut } = verdictParts(verdict, { lang, full });
	const head: Part[] = [{ kind: 'title', icon: '🩺', line: headline(found, lang) }];
	head.push({
		kind: 'text',
		line: [
			{ code: clipHead(visible(run.run), 100) },
			...(failed.endedAt === undefined ? [] : [' · ', { time: failed.endedAt }]),
			...(deps.environments.length > 1 ? [ja ? ' · 環境: ' : ' · in ', { bold: env }] : []),
		],
	});
	if (walkedFrom !== undefined)
		head.push({
			kind: 'note',
			line: [
				ja
					? `${clipHead(visible(walkedFrom), 80)} は上流の失敗により実行されませんでした (upstream_failed)。最初に失敗した ${clipHead(visible(failed.task), 80)} を診断しました。`
					: `${clipHead(visible(walkedFrom), 80)} did not run because a task before it failed (upstream_failed). This is about the first that failed, ${clipHead(visible(failed.task), 80)}.`,
			],
		});
	if (recovered)
		head.push({
			kind: 'note',
			line: [ja ? '✅ その後の試行で成功しています。' : '✅ A later try went well.'],
		});
	const words = wordsOfTry(failed);
	const envWords = deps.environments.length > 1 ? ` --env ${env}` : '';
	const buttons: (Button | { label: string; url: string })[] = [
		...(cut && !full
			? [{ label: ja ? '対処の全文' : 'The whole fix', verb: 'diagnose', words: `${words} --full${envWords}` }]
			: []),
		{ label: ja ? 'ログ' : 'Logs', verb: 'logs', words: words + envWords },
		{ label: ja ? 'Airflow で開く' : 'Open in Airflow', url: deps.airflow(env).runUrl(run.dag, run.run) },
	];
	return { parts: [...head, ...parts, { kind: 'buttons', buttons }], to };
}

function headline({ failed }: Investigation, lang: Lang): Line {
	const ja = lang === 'ja';
	const mapped = failed.mapIndex >= 0 ? ` [${failed.mapIndex}]` : '';
	const task = { code: clipHead(visible(failed.task), 80) + mapped };
	const dag = { code: clipHead(visible(failed.dag), 80) };
	const tries =
		failed.ofTries > 1
			? ja
				? `（${failed.ofTries} 回中 ${failed.tryNumber} 回目）`
				: ` (try ${failed.tryNumber} of ${failed.ofTries})`
			: '';
	if (failed.state === 'queued' || failed.state === 'scheduled')
		return ja ? [dag, ' の ', task, ' が待機している理由'] : ['Why ', task, ' of ', dag, ' waits'];
	return ja ? [dag, ' の ', task, ' が失敗した原因', tries] : ['Why ', task, ' of ', dag, ' failed', tries];
}

function nothingFailed(
	{ run, task, state }: { run: DagRun; task: string | undefined; state: string },
	url: string,
	lang: Lang,
): Reply {
	const ja = lang === 'ja';
	const what = { code: clipHead(visible(task ?? run.dag), 100) };
	return {
		parts: [
			{
				kind: 'title',
				icon: '✅',
				line: ja ? [what, ' に失敗した試行はありません'] : ['Nothing of ', what, ' failed'],
			},
			{ kind: 'text', line: [{ code: clipHead(visible(run.run), 100) }, ja ? `（状態: ${state}）` : ` is ${state}.`] },
			{ kind: 'buttons', buttons: [{ label: ja ? 'Airflow で開く' : 'Open in Airflow', url }] },
		],
		to: 'asker',
	};
}

function neverRan(dag: string, url: string, lang: Lang): Reply {
	const ja = lang === 'ja';
	const name = { code: clipHead(visible(dag), 100) };
	return {
		parts: [
			{ kind: 'title', icon: '▫️', line: ja ? [name, ' はまだ実行されていません'] : [name, ' has never run'] },
			{ kind: 'buttons', buttons: [{ label: ja ? 'Airflow で開く' : 'Open in Airflow', url }] },
		],
		to: 'asker',
	};
}
