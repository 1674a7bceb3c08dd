import type { ComposerOperation } from '../src/clients/composer.ts';
import type { Health } from '../src/domain/airflow.ts';
import { durationText } from '../src/domain/duration.ts';
import { orTrouble, Trouble } from '../src/domain/errors.ts';
import { quote } from '../src/domain/quote.ts';
import type { Cell, Line, Part } from '../src/domain/reply.ts';
import { clip, clipHead, type Lang, type Text } from '../src/domain/text.ts';
import { knownFault } from '../src/rules/version-or-build-known-bad/faults.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { noMore } from './_parts/ids.ts';
import { workersOf } from './_parts/health-workers.ts';
import { operationError } from './_parts/operation-error.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

export default defineCommand<undefined>({
	name: 'health',
	summary: {
		en: 'Heartbeats, queue, workers, import errors, pools; on Composer its last operations and known faults.',
		ja: 'ハートビート・キュー・ワーカー・インポートエラー・プールと、Composer の直近の操作・既知の不具合を表示します。',
	},
	group: 'look',
	usage: '',
	examples: [{ words: 'health', means: { en: 'the environment in force', ja: '使用中の環境' } }],
	role: 'viewer',
	parse(words) {
		noMore(takeOptions(splitWords(words), {}).rest);
		return undefined;
	},
	run: (_args, context) => health(context),
});

const OPERATIONS = 3;
const FILES = 5;

async function health({ deps, env, asker, may }: CommandContext): Promise<CommandResult> {
	const { lang } = asker;
	const ja = lang === 'ja';
	const airflow = deps.airflow(env);
	const composer = deps.composer(env);
	// Without an answer to this one there is nothing to say, and the command is tried again.
	const hearts = await airflow.health();
	const monitoring = deps.monitoring(env);
	const [version, errors, pools, home, operations, workers] = await Promise.all([
		orTrouble(airflow.version()),
		orTrouble(airflow.importErrors()),
		orTrouble(airflow.pools()),
		composer && orTrouble(composer.describe({ fresh: true })),
		composer && orTrouble(composer.operations(20)),
		composer && monitoring && workersOf({ composer, monitoring, now: deps.now() }, lang),
	]);
	const problems: Line[] = [];
	const fields: (readonly [string, Line])[] = [];
	for (const { name, status, at } of components(hearts)) {
		const ok = status === 'healthy';
		const said: Line = [ok ? '✅ ' : '❌ ', status];
		fields.push([
			name[lang],
			at === undefined ? said : [...said, ja ? '、最後のハートビート ' : ', last heartbeat ', { time: at }],
		]);
		if (!ok) problems.push([ja ? `${name.ja} が ${status} です` : `${name.en} is ${status}`]);
	}
	const parts: Part[] = [];
	if (!(errors instanceof Trouble) && errors.length > 0) {
		problems.push([
			ja
				? `インポートできない DAG ファイルが ${errors.length} 件あります`
				: `${errors.length} DAG ${errors.length === 1 ? 'file does' : 'files do'} not import`,
		]);
		// A file's name can hold the name of a DAG that one may not see.
		if (may('viewer'))
			parts.push(
				{ kind: 'text', line: [{ bold: ja ? 'インポートエラー' : 'Import errors' }] },
				{
					kind: 'list',
					items: errors.slice(0, FILES).map(({ file, stackTrace }): Line => {
						const last = stackTrace.trimEnd().split('\n').at(-1) ?? '';
						return [{ code: clipHead(quote(file, 500), 100) }, `  ${quote(last, 200)}`];
					}),
				},
			);
	}
	if (!(pools instanceof Trouble)) {
		const full = pools.filter(({ open, slots }) => open <= 0 && slots > 0);
		for (const { name, slots } of full.slice(0, 3))
			problems.push([
				...(ja ? ['プール '] : ['The pool ']),
				{ code: clip(quote(name), 80) },
				ja ? `（${slots} スロット）に空きがありません` : ` (${slots} slots) has no open slot`,
			]);
		const busiest = pools.toSorted((a, b) => a.open / Math.max(1, a.slots) - b.open / Math.max(1, b.slots)).slice(0, 5);
		parts.push({
			kind: 'table',
			head: ja
				? ['プール', '空き', '実行中', 'キュー待ち', 'スロット']
				: ['Pool', 'Open', 'Running', 'Queued', 'Slots'],
			rows: busiest.map(({ name, open, running, queued, slots }): Cell[] => [
				clip(quote(name), 60),
				...[open, running, queued, slots].map(String),
			]),
		});
	}
	if (!(version instanceof Trouble)) fields.unshift(['Airflow', [version.version]]);
	if (home && !(home instanceof Trouble)) {
		const { state, environment } = home;
		const image = environment.imageVersion;
		fields.push([
			'Composer',
			[state === 'RUNNING' ? '✅ ' : '⏳ ', state, ...(image === undefined ? [] : [' · ', { code: image }])],
		]);
		if (state === 'ERROR') problems.push([ja ? 'Composer 環境が ERROR です' : 'The Composer environment is in ERROR']);
		const fault = knownFault(image);
		if (fault) problems.push([fault[lang].replaceAll('`', '')]);
	}
	if (operations && !(operations instanceof Trouble)) {
		const [failed] = operations.slice(0, 1).filter(({ state }) => state === 'FAILED');
		if (failed)
			problems.push([ja ? `直近の操作 ${failed.type} が失敗しています` : `The last operation, ${failed.type}, failed`]);
		parts.push(...(await operationParts(operations.slice(0, OPERATIONS), { lang, env, deps, now: deps.now() })));
	}
	if (workers) {
		fields.push(...workers.fields);
		problems.push(...workers.problems);
	}
	for (const { message, ja: inJapanese } of workers?.unread ?? [])
		parts.push({ kind: 'note', line: [ja ? (inJapanese?.message ?? message) : message] });
	const unread = [
		[{ en: 'import errors', ja: 'インポートエラー' }, errors],
		[{ en: 'pools', ja: 'プール' }, pools],
		[{ en: 'the Composer environment', ja: 'Composer 環境' }, home],
		[{ en: 'its operations', ja: '操作履歴' }, operations],
	] as const;
	for (const [what, got] of unread)
		if (got instanceof Trouble)
			parts.push({
				kind: 'note',
				line: [
					ja
						? `${what.ja}を読み取れませんでした: ${got.ja?.message ?? got.message}`
						: `Could not read ${what.en}: ${got.message}`,
				],
			});
	const name = { code: env };
	return {
		reply: {
			parts: [
				problems.length === 0
					? { kind: 'title', icon: '💚', line: ja ? [name, ' は正常です'] : [name, ' is healthy'] }
					: {
							kind: 'title',
							icon: '🩹',
							line: ja
								? [name, ` に注意が必要です（${problems.length} 件）`]
								: [name, ` needs a look (${problems.length})`],
						},
				...(problems.length === 0 ? [] : [{ kind: 'list' as const, items: problems }]),
				{ kind: 'fields', fields },
				...parts,
			],
			to: 'asker',
		},
	};
}

function components({ database, scheduler, triggerer, dagProcessor }: Health) {
	const all: { name: Text; status: string | undefined; at?: string | undefined }[] = [
		{ name: { en: 'Database', ja: 'データベース' }, status: database },
		{ name: { en: 'Scheduler', ja: 'スケジューラ' }, status: scheduler?.status, at: scheduler?.heartbeatAt },
		{
			name: { en: 'DAG processor', ja: 'DAG プロセッサ' },
			status: dagProcessor?.status,
			at: dagProcessor?.heartbeatAt,
		},
		{ name: { en: 'Triggerer', ja: 'トリガラー' }, status: triggerer?.status, at: triggerer?.heartbeatAt },
	];
	// One that this Airflow does not have is no news.
	return all.flatMap(({ status, ...rest }) => (status === undefined ? [] : [{ ...rest, status: clip(status, 40) }]));
}

type Telling = { lang: Lang; env: string; deps: CommandContext['deps']; now: number };

/** The last operations; the error of a failed one is read by the same rules as a log. */
async function operationParts(operations: readonly ComposerOperation[], telling: Telling): Promise<Part[]> {
	if (operations.length === 0) return [];
	const { lang, now } = telling;
	const ja = lang === 'ja';
	const items = operations.map(({ type, state, startedAt, endedAt }): Line => {
		const lasted =
			startedAt === undefined ? undefined : (endedAt === undefined ? now : Date.parse(endedAt)) - Date.parse(startedAt);
		return [
			state === 'SUCCEEDED' ? '✅ ' : state === 'FAILED' ? '❌ ' : '⏳ ',
			`${type} ${state}`,
			...(startedAt === undefined ? [] : [' · ', { time: startedAt }]),
			lasted === undefined || !Number.isFinite(lasted) ? '' : ` · ${durationText(lasted, lang)}`,
		];
	});
	const parts: Part[] = [
		{ kind: 'text', line: [{ bold: ja ? '直近の操作' : 'Last operations' }] },
		{ kind: 'list', items },
	];
	const failed = operations.find(({ state, error }) => state === 'FAILED' && error !== undefined);
	if (failed?.error !== undefined) parts.push(...(await operationError(failed.error, telling)));
	return parts;
}
