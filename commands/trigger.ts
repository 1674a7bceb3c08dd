import type { DagDetails, DagRun } from '../src/domain/airflow.ts';
import { mask } from '../src/domain/mask.ts';
import { near } from '../src/domain/near.ts';
import { confProblems, readParam, type ConfProblem } from '../src/domain/params.ts';
import type { Line, Part, Reply } from '../src/domain/reply.ts';
import { clip, clipHead, visible, type Lang } from '../src/domain/text.ts';
import { readConf, type TypedConf } from './_parts/conf.ts';
import { readDate } from './_parts/dates.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { dagWord } from './_parts/ids.ts';
import { runMessage } from './_parts/run-message.ts';
import { alreadyStarted, startOnce } from './_parts/start-once.ts';
import { orElse, unknownDag } from './_parts/unknown-dag.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

type Args = { dag: string; conf: TypedConf; date: string | undefined; note: string | undefined };
type Conf = Readonly<Record<string, unknown>>;

export default defineCommand<Args>({
	name: 'trigger',
	summary: { en: 'Start a DAG run now.', ja: 'DAG を今すぐ実行します。' },
	group: 'run',
	usage: '<dag> [{json} or key=value …] [--date D] [--note "…"]',
	examples: [
		{ words: 'trigger daily_sales', means: { en: 'start it', ja: '実行する' } },
		{
			words: 'trigger daily_sales region=eu limit=10 --note "after the fix"',
			means: { en: 'with conf and a note', ja: 'conf とメモを付けて実行する' },
		},
		{
			words: 'trigger daily_sales {"full": true} --date 2026-11-20',
			means: { en: 'with JSON, for a logical date (UTC)', ja: 'JSON と論理日時 (UTC) を指定して実行する' },
		},
		{ words: 'trigger', means: { en: 'a form asks for everything', ja: 'フォームで入力する' } },
	],
	role: 'operator',
	form: true,
	posts: true,
	changes: true,
	parse(words) {
		const { rest, values } = takeOptions(splitWords(words), { values: ['date', 'note'] });
		const [first, ...others] = rest;
		const date = values.get('date');
		return {
			dag: dagWord(first),
			conf: readConf(others),
			date: date === undefined ? undefined : readDate(date),
			note: values.get('note'),
		};
	},
	dagOf: ({ dag }) => dag,
	run: trigger,
});

async function trigger(args: Args, context: CommandContext): Promise<CommandResult> {
	const { deps, env, typed, asker } = context;
	const { dag } = args;
	const airflow = deps.airflow(env);
	const details = await airflow.dagDetails(dag);
	if (!details) throw await unknownDag(dag, context);
	const { conf, problems } = confFor(details, args.conf);

	let refused: Reply | undefined;
	if (details.hasImportErrors) refused = await brokenReply(details, context);
	else if (details.paused) refused = pausedReply(details, context);
	else if (problems.length > 0) refused = confReply(details, problems, context);

	let run: DagRun | undefined;
	if (refused) {
		// An earlier attempt of this very command may have started it before the DAG was paused or broke.
		run = await alreadyStarted(airflow, dag, typed.key);
		if (!run) return { reply: refused };
	}
	run ??= await startOnce(airflow, {
		dag,
		key: typed.key,
		conf,
		logicalDate: args.date,
		asker: asker.name,
		note: args.note,
	});
	deps.log.info({ env, dag, run: run.run, user: typed.user }, 'dag run started');
	const reply = runMessage({
		run,
		tasks: [],
		usual: undefined,
		asker: asker.name,
		env: deps.environments.length > 1 ? env : undefined,
		url: airflow.runUrl(dag, run.run),
		now: deps.now(),
		lang: asker.lang,
	});
	const strange = strangerKeys(details, conf, asker.lang);
	if (strange) reply.parts.splice(-1, 0, strange);
	return { reply, follow: { env, dag, run: run.run }, act: { dag, run: run.run, result: 'done' } };
}

/** JSON as it was written; key=value takes the type of the DAG's param of that name, else it is a string. */
function confFor(details: DagDetails, { json, pairs }: TypedConf): { conf: Conf; problems: ConfProblem[] } {
	const params = new Map(details.params.map((param) => [param.name, param]));
	const problems: ConfProblem[] = [];
	const read = pairs.map(({ key, text }): [string, unknown] => {
		const got = readParam(params.get(key), text);
		if ('value' in got) return [key, got.value];
		problems.push({ param: key, problem: got.problem });
		return [key, text];
	});
	const conf = Object.fromEntries([...Object.entries(json ?? {}), ...read]);
	const unread = new Set(problems.map(({ param }) => param));
	problems.push(...confProblems(details.params, conf).filter(({ param }) => !unread.has(param)));
	return { conf, problems };
}

function openButton(label: Record<Lang, string>, url: string, lang: Lang): Part {
	return { kind: 'buttons', buttons: [{ label: label[lang], url }] };
}
const OPEN = { en: 'Open in Airflow', ja: 'Airflow で開く' };

function pausedReply({ id }: DagDetails, { deps, env, asker }: CommandContext): Reply {
	const ja = asker.lang === 'ja';
	return {
		parts: [
			{
				kind: 'title',
				icon: '⏸️',
				line: ja
					? [{ code: clipHead(visible(id), 100) }, ' は一時停止中のため、何も開始していません。']
					: [{ code: clipHead(visible(id), 100) }, ' is paused, so nothing was started.'],
			},
			{
				kind: 'text',
				line: [
					ja
						? '一時停止中の DAG の実行は、再開されるまで待機したままになります。Airflow で再開してから、もう一度入力してください。'
						: 'A run of a paused DAG would only wait. Unpause it in Airflow, then type the command again.',
				],
			},
			openButton(OPEN, deps.airflow(env).dagUrl(id), asker.lang),
		],
		to: 'asker',
	};
}

/** The file of the DAG does not import: with the error's last lines where it can be told which error is this DAG's. */
async function brokenReply({ id }: DagDetails, { deps, env, asker }: CommandContext): Promise<Reply> {
	const airflow = deps.airflow(env);
	const ja = asker.lang === 'ja';
	const errors = await orElse(airflow.importErrors(), []);
	const error = errors.length === 1 ? errors[0] : errors.find(({ file }) => isFileOf(id, file));
	const parts: Part[] = [
		{
			kind: 'title',
			icon: '💥',
			line: ja
				? [{ code: clipHead(visible(id), 100) }, ' のファイルがインポートできないため、何も開始していません。']
				: ['The file of ', { code: clipHead(visible(id), 100) }, ' cannot be imported, so nothing was started.'],
		},
	];
	if (error) {
		const trace = mask(error.stackTrace).trim().split('\n').slice(-6).join('\n');
		parts.push(
			{ kind: 'fields', fields: [[ja ? 'ファイル' : 'File', [{ code: clipHead(visible(mask(error.file)), 200) }]]] },
			{ kind: 'code', text: clip(visible(trace), 1500) },
		);
	}
	parts.push(openButton(OPEN, airflow.dagUrl(id), asker.lang));
	return { parts, to: 'asker' };
}

/** Airflow does not say which file a broken DAG came from; most are named after their DAG, with or without the folder. */
function isFileOf(dag: string, file: string): boolean {
	const plain = (text: string) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '_');
	return `_${plain(file.replace(/\.\w+$/, ''))}`.endsWith(`_${plain(dag)}`);
}

function confReply(details: DagDetails, problems: readonly ConfProblem[], { deps, env, asker }: CommandContext): Reply {
	const ja = asker.lang === 'ja';
	const dag = { code: clipHead(visible(details.id), 100) };
	const items = problems.slice(0, 20).map(({ param, problem }): Line => {
		const help = details.params.find(({ name }) => name === param)?.description;
		const why = ja ? `: ${visible(problem.ja)}` : `: ${visible(problem.en)}`;
		return [{ code: clip(visible(param), 100) }, why, help === undefined ? '' : ` (${clip(visible(mask(help)), 150)})`];
	});
	return {
		parts: [
			{
				kind: 'title',
				icon: '⚠️',
				line: ja
					? [dag, ' の params に合わない値があるため、何も開始していません。']
					: ['The conf does not fit the params of ', dag, ', so nothing was started.'],
			},
			{ kind: 'list', items },
			{
				kind: 'note',
				line: [
					ja
						? '/dag trigger だけを入力すると、フォームで入力できます。'
						: '/dag trigger alone opens a form with these params.',
				],
			},
			openButton(OPEN, deps.airflow(env).dagUrl(details.id), asker.lang),
		],
		to: 'asker',
	};
}

/** Keys that the DAG has no param for: allowed, but a slip of the fingers looks the same. Silent for DAGs without params. */
function strangerKeys({ params }: DagDetails, conf: Conf, lang: Lang): Part | undefined {
	if (params.length === 0) return undefined;
	const names = params.map(({ name }) => name);
	const strange = Object.keys(conf).filter((key) => !names.includes(key));
	if (strange.length === 0) return undefined;
	const list = strange
		.slice(0, 5)
		.map((key) => {
			const [meant] = near(key, names, 1);
			const shown = clip(visible(key), 60);
			return meant === undefined ? shown : lang === 'ja' ? `${shown}（${meant}?）` : `${shown} (${meant}?)`;
		})
		.join(', ');
	return {
		kind: 'note',
		line: [
			lang === 'ja'
				? `⚠️ この DAG の params にないキーがあります: ${list}`
				: `⚠️ Not among the params of this DAG: ${list}`,
		],
	};
}
