import type { DagRun } from '../src/domain/airflow.ts';
import type { Line, Part, Reply } from '../src/domain/reply.ts';
import { clip, clipHead, visible, type Lang } from '../src/domain/text.ts';
import { askFirst, changeOnce, planWord } from './_parts/change-once.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { dagWord, noMore, runWord } from './_parts/ids.ts';
import { noteOnRun } from './_parts/note-on-run.ts';
import { STATE_NAMES } from './runs.ts';
import { mistake } from './_parts/trouble.ts';
import { tryMissing } from './_parts/try-missing.ts';
import { needDag, whichRun } from './_parts/which-run.ts';
import { quoteWord, splitWords, takeOptions } from './_parts/words.ts';

type Args = { dag: string; run: string | undefined; plan: string | undefined };

export default defineCommand<Args>({
	name: 'stop',
	summary: {
		en: 'End a run: its running tasks are ended, the run fails. It asks first.',
		ja: '実行を停止します。実行中のタスクを終了し、実行は失敗になります。確認してから実行します。',
	},
	group: 'run',
	usage: '<dag> [run]',
	examples: [
		{ words: 'stop daily_sales', means: { en: 'the run that is under way', ja: '実行中のもの' } },
		{
			words: 'stop daily_sales manual__2026-11-20T09:30:00+00:00',
			means: { en: 'this one', ja: '指定した実行' },
		},
	],
	role: 'operator',
	posts: true,
	changes: true,
	parse(words) {
		const { rest, values } = takeOptions(splitWords(words), { values: ['plan'] });
		const [first, run, ...more] = rest;
		noMore(more);
		return { dag: dagWord(first), run: run && runWord(run), plan: planWord(values.get('plan')) };
	},
	dagOf: ({ dag }) => dag,
	run: (args, context) => (args.plan === undefined ? ask(args, context) : stop(args, args.plan, context)),
});

const hasEnded = ({ state }: DagRun): boolean => state === 'success' || state === 'failed';

async function ask({ dag, run: named }: Args, context: CommandContext): Promise<CommandResult> {
	const { deps, env, asker } = context;
	const { lang } = asker;
	const ja = lang === 'ja';
	const airflow = deps.airflow(env);
	await needDag(dag, context);
	const run = named === undefined ? await underWay(dag, context) : await whichRun(airflow, dag, named, []);
	if (!run || hasEnded(run)) return { reply: nothingRuns(dag, run, context) };
	const plan = await askFirst({ verb: 'stop', dag, run: run.run }, context);
	const parts: Part[] = [
		{
			kind: 'title',
			icon: '⏹️',
			line: ja ? [short(dag), ' の実行を停止しますか？'] : ['Stop this run of ', short(dag), '?'],
		},
		{ kind: 'text', line: about(run, context) },
		{
			kind: 'note',
			line: [
				ja
					? '実行中のタスクは終了され、残りのタスクは実行されません。実行は失敗になります。'
					: 'What runs is ended, what has not begun does not run, and the run counts as failed.',
			],
		},
		{
			kind: 'buttons',
			buttons: [
				{
					label: ja ? '停止' : 'Stop it',
					verb: 'stop',
					words: `${quoteWord(dag)} ${quoteWord(run.run)} --plan ${plan} --env ${quoteWord(env)}`,
					style: 'danger',
					confirm: {
						title: ja ? '停止しますか？' : 'Stop the run?',
						text: clipHead(visible(`${dag} ${run.run}`), 280),
						yes: ja ? '停止' : 'Stop',
						no: ja ? 'キャンセル' : 'Cancel',
					},
				},
				open(airflow.runUrl(dag, run.run), lang),
			],
		},
	];
	return { reply: { parts, to: 'asker' } };
}

/** The only run that has not ended. Trouble `user` when there are several. */
async function underWay(dag: string, { deps, env }: CommandContext): Promise<DagRun | undefined> {
	const [first, second] = await deps.airflow(env).runs(dag, { limit: 2, state: ['running', 'queued'] });
	if (!second) return first;
	throw mistake(
		'several runs',
		{
			en: `More than one run of ${clipHead(visible(dag), 100)} is under way.`,
			ja: `${clipHead(visible(dag), 100)} には進行中の実行が複数あります。`,
		},
		{
			en: `Name the run; \`/dag runs ${clipHead(visible(dag), 100)}\` shows them.`,
			ja: `実行 ID を指定してください。\`/dag runs ${clipHead(visible(dag), 100)}\` で確認できます。`,
		},
	);
}

async function stop({ dag, run: id }: Args, plan: string, context: CommandContext): Promise<CommandResult> {
	const { deps, env, typed, asker } = context;
	const { lang } = asker;
	const ja = lang === 'ja';
	const airflow = deps.airflow(env);
	let run: DagRun | undefined;
	const missing = () => tryMissing({ kind: 'no run' }, { dag, run: id });
	const changed = await changeOnce(
		plan,
		{ verb: 'stop', dag, run: id },
		{
			async isSo() {
				run = await airflow.run(dag, id ?? '');
				if (!run) throw missing();
				return hasEnded(run);
			},
			async make() {
				run = await airflow.setRunState(dag, id ?? '', 'failed');
				if (!run) throw missing();
			},
		},
		context,
	);
	run ??= await airflow.run(dag, id ?? '');
	if (!run) throw missing();
	// While we asked again after a lost answer, it may have gone well by itself.
	if (changed === 'already' || run.state === 'success')
		return { reply: nothingRuns(dag, run, context), act: { dag, run: run.run, result: 'nothing' } };
	if (changed !== 'done')
		return {
			reply: {
				parts: [
					{
						kind: 'title',
						icon: '👥',
						line: ja
							? [{ bold: clip(visible(changed.by), 80) }, ' さんが先に停止しました']
							: [{ bold: clip(visible(changed.by), 80) }, ' was faster'],
					},
				],
				to: 'asker',
			},
		};
	deps.log.info({ env, dag, run: run.run, user: typed.user }, 'dag run stopped');
	await noteOnRun(airflow, run, { en: 'Stopped', by: asker.name, key: typed.key, log: deps.log });
	const who = { bold: clip(visible(asker.name), 80) };
	return {
		reply: {
			parts: [
				{
					kind: 'title',
					icon: '⏹️',
					line: ja ? [who, ' さんが ', short(dag), ' の実行を停止しました'] : [who, ' stopped a run of ', short(dag)],
				},
				{ kind: 'text', line: about(run, context) },
				{ kind: 'buttons', buttons: [open(airflow.runUrl(dag, run.run), lang)] },
			],
			to: 'channel',
		},
		act: { dag, run: run.run, result: 'done' },
	};
}

const short = (id: string): { code: string } => ({ code: clipHead(visible(id), 100) });
const open = (url: string, lang: Lang) => ({ label: lang === 'ja' ? 'Airflow で開く' : 'Open in Airflow', url });

function about(run: DagRun, { deps, env, asker }: Pick<CommandContext, 'deps' | 'env' | 'asker'>): Line {
	const where = deps.environments.length > 1 ? [asker.lang === 'ja' ? ' · 環境: ' : ' · in ', { bold: env }] : [];
	return [short(run.run), ...(run.startedAt === undefined ? [] : [' · ', { time: run.startedAt }]), ...where];
}

function nothingRuns(dag: string, run: DagRun | undefined, { deps, env, asker }: CommandContext): Reply {
	const { lang } = asker;
	const ja = lang === 'ja';
	const airflow = deps.airflow(env);
	const line: Line = run
		? ja
			? ['この実行はすでに終了しています（', STATE_NAMES[run.state].ja, '）']
			: ['This run has ended already: ', STATE_NAMES[run.state].en]
		: ja
			? [short(dag), ' に進行中の実行はありません']
			: ['No run of ', short(dag), ' is under way'];
	return {
		parts: [
			{ kind: 'title', icon: '▫️', line },
			...(run ? [{ kind: 'text', line: about(run, { deps, env, asker }) } satisfies Part] : []),
			{ kind: 'buttons', buttons: [open(run ? airflow.runUrl(dag, run.run) : airflow.dagUrl(dag), lang)] },
		],
		to: 'asker',
	};
}
