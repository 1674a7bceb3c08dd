import type { DagRun, TaskInstance } from '../src/domain/airflow.ts';
import { isTaskId } from '../src/domain/ids.ts';
import type { Reply } from '../src/domain/reply.ts';
import { rerunOnIncidents } from './_parts/act-on-incident.ts';
import { planWord, stale } from './_parts/change-once.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { incidentWord } from './_parts/incident-word.ts';
import { dagWord, noMore, runWord } from './_parts/ids.ts';
import { noteOnRun } from './_parts/note-on-run.ts';
import { rerunIncident, type OfIncident } from './_parts/rerun-incident.ts';
import { rerunOnce } from './_parts/rerun-once.ts';
import { keepPlan, MOST_TARGETS, readPlan, requestFor, targetsOf, type RerunPlan } from './_parts/rerun-plan.ts';
import {
	changedReply,
	dryRunReply,
	notSeenReply,
	nothingFailed,
	otherTry,
	takenReply,
} from './_parts/rerun-message.ts';
import { runMessage } from './_parts/run-message.ts';
import { mistake, quoted } from './_parts/trouble.ts';
import { tryMissing } from './_parts/try-missing.ts';
import { needDag, whichRun } from './_parts/which-run.ts';
import { quoteWord, splitWords, takeOptions } from './_parts/words.ts';

/** What is cleared of one run. */
type Args = {
	dag: string;
	run: string | undefined;
	task: string | undefined;
	mapIndex: number | undefined;
	downstream: boolean;
	/** The try that was seen when somebody clicked: another one by now is left alone. */
	tryNumber: number | undefined;
	/** What was confirmed. */
	plan: string | undefined;
};

export default defineCommand<Args | OfIncident>({
	name: 'rerun',
	summary: {
		en: 'Clear the failed tasks of a run, or one task, so that they run again: first what would be cleared, then it asks.',
		ja: '失敗したタスク（または指定したタスク）をクリアして再実行します。対象を表示し、確認してから実行します。',
	},
	group: 'run',
	usage: '<dag | incident:id> [run] [--task T] [--map N] [--downstream] [--try N]',
	examples: [
		{
			words: 'rerun daily_sales',
			means: { en: 'what failed in the newest failed run', ja: '最新の失敗した実行の失敗タスク' },
		},
		{
			words: 'rerun daily_sales scheduled__2026-11-20T00:00:00+00:00 --task load --downstream',
			means: { en: 'one task and everything after it', ja: '指定したタスクとその後続すべて' },
		},
		{
			words: 'rerun incident:3f9a1c20b7d4',
			means: { en: 'every run in which something of an incident still fails', ja: 'インシデントの未復旧の実行すべて' },
		},
	],
	role: 'operator',
	posts: true,
	changes: true,
	parse(words) {
		const { rest, values, flags } = takeOptions(splitWords(words), {
			values: ['task', 'map', 'try', 'plan'],
			flags: ['downstream'],
		});
		const [first, run, ...more] = rest;
		noMore(more);
		if (first?.text.startsWith('incident:')) {
			if (run || flags.size > 0 || [...values.keys()].some((name) => name !== 'plan')) throw wholeIncident();
			return { incident: incidentWord(first), plan: planWord(values.get('plan')) };
		}
		const [, task = '', index] = /^(.*?)(?:\[(\d{1,6})\])?$/u.exec(values.get('task') ?? '') ?? [];
		if (task !== '' && !isTaskId(task)) throw badTask(task);
		const mapIndex = numberOf('map', values.get('map') ?? index);
		if (mapIndex !== undefined && task === '')
			throw mistake('map without task', {
				en: '--map goes with --task.',
				ja: '--map は --task と一緒に指定してください。',
			});
		return {
			dag: dagWord(first),
			run: run && runWord(run),
			task: task === '' ? undefined : task,
			mapIndex,
			downstream: flags.has('downstream'),
			tryNumber: numberOf('try', values.get('try')),
			plan: planWord(values.get('plan')),
		};
	},
	dagOf: (args) => ('incident' in args ? undefined : args.dag),
	run(args, context) {
		if ('incident' in args) return rerunIncident(args, context);
		return args.plan === undefined ? ask(args, context) : carryOut(args, args.plan, context);
	},
});

function numberOf(option: string, text: string | undefined): number | undefined {
	if (text === undefined) return undefined;
	if (/^\d{1,6}$/.test(text)) return Number(text);
	throw mistake('number malformed', {
		en: `--${option} takes a number, not “${quoted(text)}”.`,
		ja: `--${option} には数値を指定してください（「${quoted(text)}」は使えません）。`,
	});
}

const wholeIncident = () =>
	mistake('incident with options', {
		en: 'An incident is rerun as a whole: no run and no options go with it.',
		ja: 'インシデントは全体が再実行の対象です。実行やオプションは指定できません。',
	});

const badTask = (task: string) =>
	mistake('task id malformed', {
		en: `“${quoted(task, 80)}” cannot be a task id.`,
		ja: `「${quoted(task, 80)}」はタスク ID として使えません。`,
	});

/** The dry run: nothing is changed. */
async function ask(args: Args, context: CommandContext): Promise<CommandResult> {
	const { deps, env, asker } = context;
	const { dag, task, mapIndex } = args;
	const { lang } = asker;
	const airflow = deps.airflow(env);
	const { paused } = (await needDag(dag, context)) ?? { paused: false };
	const run = await whichRun(airflow, dag, args.run, ['failed']);
	if (!run) return { reply: nothingFailed({ dag, run: undefined, url: airflow.dagUrl(dag), lang }) };
	const url = airflow.runUrl(dag, run.run);
	const instances = await airflow.taskInstances(dag, run.run);
	const named = instances.filter((one) => one.task === task && (mapIndex === undefined || one.mapIndex === mapIndex));
	if (task !== undefined && named.length === 0)
		throw tryMissing({ kind: 'no task', run, task, tasks: [...new Set(instances.map((one) => one.task))] }, args);
	const other = args.tryNumber === undefined ? undefined : named.find((one) => one.tryNumber !== args.tryNumber);
	if (other) return { reply: otherTry({ other, asked: args.tryNumber ?? 0, url, lang }) };

	const request = requestFor({ dag, run: run.run }, args, instances);
	const targets = request && targetsOf(await airflow.clearable(request));
	if (!request || !targets || targets.length === 0) return { reply: nothingFailed({ dag, run, url, lang }) };
	if (targets.length > MOST_TARGETS)
		throw mistake('too many to clear', {
			en: `${targets.length} task instances would be cleared; at most ${MOST_TARGETS} from here. Please do it in Airflow.`,
			ja: `クリア対象が ${targets.length} 件あります。ここからは ${MOST_TARGETS} 件までです。Airflow で実行してください。`,
		});
	const plan: RerunPlan = {
		v: 1,
		verb: 'rerun',
		env,
		request: { ...request, tasks: request.tasks && [...request.tasks] },
		targets,
	};
	const { api } = await airflow.version();
	return {
		reply: dryRunReply({
			dag,
			run,
			targets,
			paused,
			/** Airflow 2 cannot name one of them. */
			allMapped: api === 1 && mapIndex !== undefined && targets.length > 1,
			words:
				[dag, run.run].map(quoteWord).join(' ') + ` --plan ${await keepPlan(plan, context)} --env ${quoteWord(env)}`,
			env: deps.environments.length > 1 ? env : undefined,
			url,
			lang,
		}),
	};
}

async function carryOut(args: Args, id: string, context: CommandContext): Promise<CommandResult> {
	const { deps, env, typed, asker } = context;
	const { lang } = asker;
	const airflow = deps.airflow(env);
	const plan = readPlan(await deps.plans.load(id));
	if (!plan) throw stale();
	const { request, targets } = plan;
	const { dag, run } = request;
	// The role was checked for the DAG of the words.
	if (plan.env !== env || dag !== args.dag || run !== args.run) throw stale();
	const done = await rerunOnce(
		plan,
		id,
		{ key: typed.key, name: asker.name },
		{ airflow, plans: deps.plans, now: () => deps.now() },
	);
	const url = airflow.runUrl(dag, run);
	const act = { dag, run, what: `${targets.length} task instances` };
	switch (done.kind) {
		case 'gone':
			throw stale();
		case 'taken':
			return { reply: takenReply({ dag, by: done.by, url, lang }) };
		case 'changed':
			return {
				reply: changedReply({ dag, run, shown: targets, now: done.targets, url, lang }),
				act: { ...act, result: 'nothing' },
			};
		case 'not seen':
			return { reply: notSeenReply({ dag, run, url, lang }), act: { ...act, result: 'unknown' } };
		default:
	}
	deps.log.info({ env, dag, run, tasks: targets.length, seen: done.seen, user: typed.user }, 'dag run cleared');
	const found = await airflow.run(dag, run);
	if (!found) throw tryMissing({ kind: 'no run' }, args);
	await noteOnRun(airflow, found, {
		en: `${targets.length} task instance(s) cleared`,
		by: asker.name,
		key: typed.key,
		log: deps.log,
	});
	const card = await rerunOnIncidents({ dag, run }, targets, context);
	const rerun = { cleared: targets.length };
	return {
		reply: started(found, rerun, context),
		follow: { env, dag, run, rerun },
		act: { ...act, result: 'done' },
		card,
	};
}

function started(run: DagRun, rerun: { cleared: number }, { deps, env, asker }: CommandContext): Reply {
	return runMessage({
		run,
		tasks: [] satisfies TaskInstance[],
		usual: undefined,
		asker: asker.name,
		rerun,
		env: deps.environments.length > 1 ? env : undefined,
		url: deps.airflow(env).runUrl(run.dag, run.run),
		now: deps.now(),
		lang: asker.lang,
	});
}
