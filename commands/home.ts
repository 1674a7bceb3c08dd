import { mayDo } from '../src/access/roles.ts';
import { incidentLine } from '../src/alerts/digest.ts';
import type { AuditEntry } from '../src/access/audit.ts';
import type { Incident } from '../src/alerts/incident.ts';
import { STATE_ICONS } from '../src/alerts/words.ts';
import type { Line, Part, Span } from '../src/domain/reply.ts';
import { orTrouble, Trouble } from '../src/domain/errors.ts';
import { clip, clipHead, visible } from '../src/domain/text.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { noMore } from './_parts/ids.ts';
import { STATE_ICON } from './_parts/run-message.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

export default defineCommand<undefined>({
	name: 'home',
	summary: {
		en: 'Open incidents, your last runs and the environments, as on the App Home.',
		ja: '未復旧のインシデント、自分の最近の実行、環境の状態を表示します（App Home と同じ内容）。',
	},
	group: 'look',
	usage: '',
	examples: [{ words: 'home', means: { en: 'how everything stands', ja: '全体の状況' } }],
	role: 'viewer',
	anywhere: true,
	parse(words) {
		noMore(takeOptions(splitWords(words), {}).rest);
		return undefined;
	},
	run: (_, context) => home(context),
});

const INCIDENTS = 10;
const RUNS = 5;
const ENVIRONMENTS = 20;
/** How far back one's own runs are looked for. */
const ENTRIES = 2000;

async function home(context: CommandContext): Promise<CommandResult> {
	const { deps, asker } = context;
	const ja = asker.lang === 'ja';
	const environments = deps.environments.filter((env) => mayHere(context, env));
	const [incidents, runs, states] = await Promise.all([
		deps.incidents.open(),
		ownRuns(context),
		Promise.all(environments.slice(0, ENVIRONMENTS).map((env) => environmentLine(env, context))),
	]);
	const mine = incidents.filter((one) => mayHere(context, one.env, dagOf(one)));
	const parts: Part[] = [{ kind: 'title', icon: mine.length === 0 ? '💚' : '🎻', line: [headline(mine, ja)] }];
	const section = (title: string, items: readonly Line[], more = 0): void => {
		if (items.length === 0) return;
		const rest: Line[] = more > 0 ? [[ja ? `ほか ${more} 件` : `and ${more} more`]] : [];
		parts.push({ kind: 'text', line: [{ bold: title }] }, { kind: 'list', items: [...items, ...rest] });
	};
	const several = deps.environments.length > 1;
	section(
		ja ? '未復旧のインシデント' : 'Open incidents',
		mine
			.slice(0, INCIDENTS)
			.map((incident): Line => [
				`${STATE_ICONS[incident.phase]} `,
				...incidentLine({ incident, rows: [], muted: false }, several, asker.lang),
			]),
		mine.length - INCIDENTS,
	);
	section(ja ? '自分の最近の実行' : 'Your last runs', runs);
	section(ja ? '環境' : 'Environments', states, environments.length - ENVIRONMENTS);
	parts.push(
		{
			kind: 'buttons',
			buttons: [
				{ label: ja ? 'DAG を実行…' : 'Start a DAG…', verb: 'trigger', words: '', style: 'primary' },
				{ label: ja ? 'コマンド一覧' : 'What I may run', verb: 'help', words: '' },
				{ label: ja ? '更新' : 'Refresh', verb: 'home', words: '' },
			],
		},
		{ kind: 'note', line: [ja ? '表示時点: ' : 'As of ', { time: new Date(deps.now()).toISOString() }] },
	);
	return { reply: { parts, to: 'asker' } };
}

const mayHere = ({ deps, asker, typed }: CommandContext, env: string, dag?: string): boolean =>
	mayDo(deps, asker, { channel: typed.channel, env, ...(dag === undefined ? {} : { dag }) }, 'viewer');

/** An incident of one DAG is for those who may see that DAG. */
const dagOf = ({ dags }: Incident): string | undefined => (dags.length === 1 ? dags[0] : undefined);

function headline(open: readonly Incident[], ja: boolean): string {
	if (open.length === 0) return ja ? '未復旧のインシデントはありません' : 'Nothing is open';
	if (ja) return `未復旧のインシデント: ${open.length} 件`;
	return open.length === 1 ? 'One incident is open' : `${open.length} incidents are open`;
}

async function ownRuns(context: CommandContext): Promise<Line[]> {
	const { deps, typed } = context;
	const entries = (await deps.audit.list(ENTRIES))
		.filter(({ user, verb, result }) => user === typed.user && verb === 'trigger' && result === 'done')
		.slice(0, RUNS);
	return Promise.all(entries.map((entry) => runLine(entry, context)));
}

async function runLine({ env, dag, run, at }: AuditEntry, { deps }: CommandContext): Promise<Line> {
	const found =
		env !== undefined && dag !== undefined && run !== undefined && deps.environments.includes(env)
			? await orTrouble(deps.airflow(env).run(dag, run))
			: undefined;
	const state = found === undefined || found instanceof Trouble ? undefined : found.state;
	const name: Span =
		env !== undefined && dag !== undefined && run !== undefined && state !== undefined
			? { link: deps.airflow(env).runUrl(dag, run), label: clipHead(visible(dag), 80) }
			: { code: clipHead(visible(dag ?? '?'), 80) };
	const where: Line = deps.environments.length > 1 && env !== undefined ? [' · ', clip(visible(env), 40)] : [];
	return [`${STATE_ICON[state ?? ''] ?? '▫️'} `, name, ' · ', { time: new Date(at).toISOString() }, ...where];
}

async function environmentLine(env: string, { deps, asker }: CommandContext): Promise<Line> {
	const ja = asker.lang === 'ja';
	const name: Span = { bold: clip(visible(env), 40) };
	// What one environment cannot say must not cost the rest of the page.
	const health = await orTrouble(deps.airflow(env).health());
	if (health instanceof Trouble) return ['🔌 ', name, ja ? ' · 応答がありません' : ' · does not answer'];
	const ill = Object.entries({
		[ja ? 'データベース' : 'database']: health.database,
		[ja ? 'スケジューラ' : 'scheduler']: health.scheduler?.status,
		[ja ? 'トリガラー' : 'triggerer']: health.triggerer?.status,
		[ja ? 'DAG プロセッサ' : 'DAG processor']: health.dagProcessor?.status,
	}).flatMap(([part, status]) => (status === undefined || status === 'healthy' ? [] : [part]));
	if (ill.length === 0) return ['✅ ', name, ja ? ' · 正常' : ' · healthy'];
	return ['🩹 ', name, ja ? ` · 異常: ${ill.join('、')}` : ` · not healthy: ${ill.join(', ')}`];
}
