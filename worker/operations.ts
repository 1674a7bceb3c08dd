import { operationError } from '../commands/_parts/operation-error.ts';
import type { ComposerOperation } from '../src/clients/composer.ts';
import { conditionKey } from '../src/alerts/key.ts';
import { spacingMs } from '../src/alerts/watch-pace.ts';
import { jobIdOf } from '../src/clients/queue.ts';
import type { Told } from '../src/clients/followed.ts';
import { durationText } from '../src/domain/duration.ts';
import { Trouble } from '../src/domain/errors.ts';
import type { Part, Reply } from '../src/domain/reply.ts';
import type { Lang, Text } from '../src/domain/text.ts';
import { audienceOf } from './alerts/audience.ts';
import { placeOf } from './alerts/say-card.ts';
import { watched } from './watch/watched.ts';
import { LAST, say } from './wires.ts';
import type { Wires } from './wires.ts';

/** How often an environment's operations are looked at. */
export const OPERATIONS_MS = 30_000;
/** How often the message of a running operation is brought up to date. */
const EVERY_MS = 3 * 60_000;
/** Composer lists the newest hundred; one that is no longer among them ended unseen. */
const LISTED = 100;
/** From when the watch has seen a failed operation to the incident it becomes, at most. */
const CARD_MS = 2 * 60_000;

/**
 * One look at the operations on a Composer environment: an update that runs is told in one message wherever the environment's
 * news go, and that message is edited until it ends. Throws Trouble when they cannot be read.
 */
export async function followOperations(env: string, wires: Wires): Promise<void> {
	const { deps } = wires;
	const composer = deps.composer(env);
	if (!composer) return;
	const operations = await composer.operations(LISTED);
	const known = new Map(await deps.followed.all(env));
	for (const operation of operations) {
		if (known.has(operation.name) || !runs(operation)) continue;
		const about = { env, tags: [], owners: [], cause: CAUSE, severity: 'info' as const };
		if (await deps.mutedBy(about)) continue;
		const places = (await deps.routes(about)).filter(({ quietUntil }) => quietUntil === undefined);
		if (places.length === 0) continue;
		known.set(operation.name, await deps.followed.begin(env, operation.name, deps.now(), places));
	}
	for (const [name, told] of known) {
		const operation = operations.find((one) => one.name === name);
		await tell(env, name, operation, { told, usual: usualMs(operation, operations) }, wires);
		const failed = operation?.state === 'FAILED';
		if (failed ? await failureTold(env, operation, told, wires) : !operation || !runs(operation))
			await deps.followed.end(env, name);
	}
}

const CAUSE = 'environment-operation';
const runs = ({ state }: ComposerOperation): boolean => state === 'RUNNING' || state === 'PENDING';

async function tell(
	env: string,
	name: string,
	operation: ComposerOperation | undefined,
	{ told, usual }: { told: Told; usual: number | undefined },
	wires: Wires,
): Promise<void> {
	const { deps } = wires;
	const started = Date.parse(operation?.startedAt ?? '') || told.since;
	const ended = operation && !runs(operation);
	const stage = ended || !operation ? LAST : 1 + Math.min(LAST - 2, Math.floor((deps.now() - started) / EVERY_MS));
	for (const { channel, lang } of told.places) {
		const more = operation?.state === 'FAILED' ? [{ kind: 'note' as const, line: [WHY_FOLLOWS[lang]] }] : [];
		const reply = operation ? message(operation, { env, lang, now: deps.now(), usual, more }) : lost(env, lang);
		await say(wires, jobIdOf('operation', env, name, channel), placeOf(channel), { reply, lang, stage });
	}
}

const WHY_FOLLOWS: Text = {
	en: 'Why is told in a message of its own.',
	ja: '原因は別のメッセージでお知らせします。',
};

/**
 * An edit notifies nobody: that it failed is told by the card of its incident. Where none comes, by a message that says why. False: the
 * watch may still make one.
 */
async function failureTold(
	env: string,
	operation: ComposerOperation,
	{ places }: Told,
	wires: Wires,
): Promise<boolean> {
	const { deps } = wires;
	const { name, endedAt } = operation;
	const id = await deps.incidents.under(conditionKey(env, 'operation-failed', name.split('/').at(-1) ?? name));
	const incident = id === undefined ? undefined : await deps.incidents.get(id);
	const mayCome = spacingMs('operations', deps.watch.everySeconds * 1000) + CARD_MS;
	const age = deps.now() - (Date.parse(endedAt ?? '') || 0);
	if (!incident && age < mayCome && watched(wires).includes(env)) return false;
	const hear = new Set(
		(incident ? await audienceOf(incident, deps) : []).map(({ destination }) => destination.channel),
	);
	for (const { channel, lang } of places) {
		if (hear.has(channel)) continue;
		const more = await causeOf(operation, env, lang, wires);
		const reply = message(operation, { env, lang, now: deps.now(), usual: undefined, more });
		await say(wires, jobIdOf('operation', env, name, channel, 'failed'), placeOf(channel), {
			reply,
			lang,
			stage: LAST,
		});
	}
	return true;
}

async function causeOf({ error }: ComposerOperation, env: string, lang: Lang, { deps }: Wires): Promise<Part[]> {
	if (error === undefined) return [];
	try {
		return await operationError(error, { env, lang, deps });
	} catch (trouble) {
		if (!(trouble instanceof Trouble)) throw trouble;
		deps.log.warn({ env, label: trouble.label }, 'failed operation told without its cause');
		return [];
	}
}

/** What such an operation took here before, half of them longer. Milliseconds; undefined: there was none. */
function usualMs(operation: ComposerOperation | undefined, all: readonly ComposerOperation[]): number | undefined {
	const took = all
		.filter(
			({ type, state, startedAt, endedAt }) =>
				type === operation?.type && state === 'SUCCEEDED' && startedAt && endedAt,
		)
		.map(({ startedAt, endedAt }) => Date.parse(endedAt ?? '') - Date.parse(startedAt ?? ''))
		.filter((ms) => ms > 0)
		.sort((a, b) => a - b);
	return took[Math.floor(took.length / 2)];
}

const KINDS: Readonly<Record<string, Text>> = {
	CREATE: { en: 'creation', ja: '作成' },
	UPDATE: { en: 'update', ja: '更新' },
	DELETE: { en: 'deletion', ja: '削除' },
	CHECK: { en: 'upgrade check', ja: 'アップグレードチェック' },
	SAVE_SNAPSHOT: { en: 'snapshot', ja: 'スナップショットの保存' },
	LOAD_SNAPSHOT: { en: 'loading of a snapshot', ja: 'スナップショットの読み込み' },
	DATABASE_FAILOVER: { en: 'database failover', ja: 'データベースのフェイルオーバー' },
};

type About = { env: string; lang: Lang; now: number; usual: number | undefined; more: readonly Part[] };

function message({ type, state, startedAt, endedAt }: ComposerOperation, about: About): Reply {
	const { env, lang, now, usual, more } = about;
	const ja = lang === 'ja';
	const kind = KINDS[type]?.[lang] ?? (ja ? '操作' : 'operation');
	const name = { code: env };
	const took = durationText(
		(endedAt === undefined ? now : Date.parse(endedAt)) - (Date.parse(startedAt ?? '') || now),
		lang,
	);
	if (state === 'SUCCEEDED')
		return channel([
			{
				kind: 'title',
				icon: '✅',
				line: ja ? [name, ` の${kind}が完了しました（${took}）`] : [name, `: ${kind} done after ${took}`],
			},
		]);
	if (state === 'FAILED')
		return channel([
			{
				kind: 'title',
				icon: '❌',
				line: ja ? [name, ` の${kind}が失敗しました（${took}）`] : [name, `: ${kind} failed after ${took}`],
			},
			...more,
		]);
	const since =
		startedAt === undefined ? [] : [ja ? '開始: ' : 'Since ', { time: startedAt }, ja ? '、経過 ' : ', for ', took];
	const before =
		usual === undefined
			? []
			: [ja ? ` · 通常 ${durationText(usual, lang)}` : ` · usually ${durationText(usual, lang)}`];
	return channel([
		{ kind: 'title', icon: '⏳', line: ja ? [name, ` の${kind}を実行中です`] : [name, `: ${kind} under way`] },
		{ kind: 'text', line: [...since, ...before] },
		{
			kind: 'note',
			line: [
				ja
					? '環境の更新中はワーカーが入れ替わるため、実行中のタスクが失敗することがあります。その間の失敗にはその旨を表示します。'
					: 'Workers may be replaced meanwhile, and tasks that run then may fail. Such failures are marked.',
			],
		},
	]);
}

const lost = (env: string, lang: Lang): Reply =>
	channel([
		{
			kind: 'title',
			icon: '❔',
			line:
				lang === 'ja'
					? [{ code: env }, ' の操作は一覧から消えたため、結果は不明です']
					: [{ code: env }, ': the operation left the list; how it ended is not known'],
		},
	]);

const channel = (parts: readonly Part[]): Reply => ({ to: 'channel', parts });
