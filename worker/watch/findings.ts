import type { Blind, BlindKind } from '../../src/alerts/blind.ts';
import { LOOKS } from '../../src/alerts/watch-pace.ts';
import type { Look } from '../../src/alerts/watch-pace.ts';
import { durationText } from '../../src/domain/duration.ts';
import { Trouble } from '../../src/domain/errors.ts';
import type { Text } from '../../src/domain/text.ts';
import type { Wires } from '../wires.ts';
import { closedChannels } from './closed.ts';
import { failing, numberOf } from './round.ts';
import { watched } from './watched.ts';

const SILENT_MS = 2 * 60_000;
/** Begins at the first, is over below the second: a value that sways around one limit would be told all day. */
const CLOCK_MS = { begins: 2 * 60_000, ends: 100_000 };
const FULL = { begins: 0.8, ends: 0.75 };
/** A refusal that holds this long is no hiccup. */
const REFUSED_MS = 20_000;
/** Pushes that were not believed, within `PUSH_WINDOW_MS`, before that is told. */
const PUSHES = 5;
export const PUSH_WINDOW_MS = 5 * 60_000;
export const REFUSED_PUSHES = 'push refused';

/** How often Slack is asked whether it still takes the token. */
const SLACK_MS = 60_000;
const SLACK_REFUSED = 'slack refused';

const LOOK_WORDS: Readonly<Record<Look, Text>> = {
	runs: { en: 'failed runs', ja: '失敗した実行' },
	tasks: { en: 'failed tasks', ja: '失敗したタスク' },
	late: { en: 'failed tasks', ja: '失敗したタスク' },
	ended: { en: 'earlier tries of tasks', ja: 'タスクの過去の試行' },
	live: { en: 'tasks under way', ja: '実行中のタスク' },
	health: { en: "the scheduler's health", ja: 'スケジューラーの状態' },
	imports: { en: 'import errors', ja: 'インポートエラー' },
	stuck: { en: 'tasks that wait', ja: '待機中のタスク' },
	operations: { en: "Composer's operations", ja: 'Composer のオペレーション' },
};

type At = {
	/** Redis' time. */
	now: number;
	/** When this process first looked: before that nobody is missed. */
	startedAt: number;
	isOpen: (kind: BlindKind, subject: string) => boolean;
};

/** This host's clock against Redis, Slack and every Airflow. The watch itself goes by theirs; BullMQ and signatures do not. */
export function clockFinding(
	deps: Pick<Wires['deps'], 'now' | 'slack' | 'environments' | 'airflow'>,
	redisNow: number,
	host: string,
	isOpen: boolean,
): Blind | undefined {
	const limit = isOpen ? CLOCK_MS.ends : CLOCK_MS.begins;
	const others: (readonly [string, number | undefined])[] = [
		['Redis', redisNow - deps.now()],
		['Slack', deps.slack.clockAheadMs()],
		...deps.environments.map((env) => [`Airflow ${env}`, deps.airflow(env).clockAheadMs()] as const),
	];
	const off = others.flatMap(([who, ahead]) =>
		ahead !== undefined && Math.abs(ahead) > limit ? [{ who, ahead }] : [],
	);
	if (off.length === 0) return undefined;
	const words = (lang: 'en' | 'ja'): string =>
		off
			.map(({ who, ahead }) => {
				const by = durationText(Math.abs(ahead), lang);
				if (lang === 'ja') return `${who} の時計がこのホストより ${by}${ahead > 0 ? '進んで' : '遅れて'}います`;
				return `the clock of ${who} is ${by} ${ahead > 0 ? 'ahead of' : 'behind'} this host's`;
			})
			.join(lang === 'ja' ? '、' : ', ');
	return {
		kind: 'clock',
		subject: host,
		found: { en: `${words('en')[0]?.toUpperCase()}${words('en').slice(1)}.`, ja: `${words('ja')}。` },
		mend: {
			en: 'Look at time synchronisation (chrony, NTP) on both. Failures are noticed by the clocks of Airflow and Redis; delays, signatures and times in messages go by the host.',
			ja: '双方の時刻同期（chrony、NTP）をご確認ください。失敗の検知には Airflow と Redis の時計を使いますが、遅延実行・署名検証・表示時刻はホストの時計に従います。',
		},
	};
}

/** What any one process can find out for all of them. */
export async function sharedFindings(wires: Wires, at: At): Promise<Blind[]> {
	const { deps } = wires;
	const found = await Promise.all([
		...watched(wires).map((env) => environmentFindings(env, wires, at)),
		redisFindings(deps, at),
		closedChannels(deps).then((closed) => closed.map(channelFinding)),
		pushFindings(deps),
		slackFindings(deps),
	]);
	return found.flat();
}

async function environmentFindings(env: string, { deps }: Wires, { now, startedAt }: At): Promise<Blind[]> {
	const fields = await deps.watching.fields(env);
	const blindMs = deps.watch.blindAfterMinutes * 60_000;
	const noted = LOOKS.flatMap((look) => {
		const one = failing(fields, look);
		return one === undefined ? [] : [{ look, ...one }];
	});
	const bad = noted.filter(({ since, kind }) => now - since >= (kind === 'denied' ? REFUSED_MS : blindMs));
	if (bad.length > 0) {
		const [first] = bad;
		if (!first) return [];
		const looks = [...new Set(bad.map(({ look }) => LOOK_WORDS[look]))];
		const { message, hint, ja } = first;
		return [
			{
				kind: first.kind === 'denied' ? 'refused' : 'polling',
				subject: env,
				found: {
					en: `Not seen: ${looks.map(({ en }) => en).join(', ')}. ${message}`,
					ja: `確認できないもの: ${looks.map((one) => one.ja).join('、')}。${ja?.message ?? message}`,
				},
				...(hint === undefined ? {} : { mend: { en: hint, ja: ja?.hint ?? hint } }),
			},
		];
	}
	const okAt = Math.max(numberOf(fields, 'okAt') ?? 0, startedAt);
	if (noted.length > 0 || now - okAt < SILENT_MS) return [];
	return [
		{
			kind: 'silent',
			subject: env,
			found: {
				en: 'No look at Airflow has ended. Is a worker running, and does Redis answer it?',
				ja: 'Airflow への問い合わせが完了していません。ワーカーが動作しているか、Redis に接続できるかをご確認ください。',
			},
		},
	];
}

async function redisFindings({ watching }: Wires['deps'], { isOpen }: At): Promise<Blind[]> {
	const { fullness, policy } = await watching.memory();
	const found: Blind[] = [];
	if (fullness !== undefined && fullness >= (isOpen('memory', 'Redis') ? FULL.ends : FULL.begins)) {
		const percent = Math.round(fullness * 100);
		found.push({
			kind: 'memory',
			subject: 'Redis',
			found: {
				en: `${percent} % of its maxmemory is used. When it is full, nothing more is accepted.`,
				ja: `maxmemory の ${percent} % を使用しています。上限に達すると、新しい処理を受け付けられなくなります。`,
			},
			mend: {
				en: 'Give Redis more memory, or look in /dag doctor at what was set aside.',
				ja: 'Redis のメモリを増やすか、/dag doctor で隔離済みの処理をご確認ください。',
			},
		});
	}
	if (policy !== undefined && policy !== 'noeviction')
		found.push({
			kind: 'eviction',
			subject: 'Redis',
			found: {
				en: `maxmemory-policy has become ${policy}: when memory is short, accepted work vanishes.`,
				ja: `maxmemory-policy が ${policy} に変わっています。メモリ不足時に、受け付けた処理が失われる可能性があります。`,
			},
			mend: { en: 'Set it to noeviction.', ja: 'noeviction に設定してください。' },
		});
	return found;
}

function channelFinding({ channel, label }: { channel: string; label: string }): Blind {
	const archived = label.includes('archived');
	return {
		kind: 'channel',
		subject: channel,
		found: {
			en: archived ? 'It was archived.' : `The bot was removed, or the channel is gone (${label}).`,
			ja: archived ? 'アーカイブされています。' : `ボットが外されたか、チャンネルが存在しません（${label}）。`,
		},
		mend: {
			en: 'Invite the bot again, or name another channel in the settings.',
			ja: 'ボットを再度招待するか、設定で別のチャンネルを指定してください。',
		},
	};
}

async function pushFindings({ watching }: Wires['deps']): Promise<Blind[]> {
	const times = await watching.times(REFUSED_PUSHES);
	if (times < PUSHES) return [];
	return [
		{
			kind: 'push',
			subject: '/push',
			found: {
				en: `${times} requests in five minutes had no valid signature or token. Failures are still noticed by polling.`,
				ja: `5 分間に ${times} 件のリクエストの署名またはトークンが無効でした。失敗の検知はポーリングで継続しています。`,
			},
			mend: {
				en: 'Compare secret, audience and clock of the sender with `push` in the settings.',
				ja: '送信側のシークレット・audience・時計を、設定の `push` と照合してください。',
			},
		},
	];
}

/** A token that Slack refuses: nothing can be told until that is mended, so it stands in `/readyz` and the metrics. */
async function slackFindings({ watching, slack }: Wires['deps']): Promise<Blind[]> {
	if (await watching.turn('slack', SLACK_MS)) {
		const refused = await slack.whoAmI().then(
			() => undefined,
			(error: unknown) => (error instanceof Trouble && error.kind === 'denied' ? error : undefined),
		);
		if (refused) await watching.alive(SLACK_REFUSED, 2.5 * SLACK_MS);
		else await watching.forgetAlive(SLACK_REFUSED);
	}
	if (!(await watching.isAlive(SLACK_REFUSED))) return [];
	return [
		{
			kind: 'slack',
			subject: 'Slack',
			found: {
				en: 'The bot token is refused: revoked, or the app was removed.',
				ja: 'ボットトークンが拒否されました。失効したか、アプリが削除された可能性があります。',
			},
			mend: {
				en: 'Install the app again and set SLACK_BOT_TOKEN.',
				ja: 'アプリを再インストールし、SLACK_BOT_TOKEN を設定してください。',
			},
		},
	];
}
