import { defineRule, line } from '../../domain/rule.ts';
import { clock, isSilent, stateMismatch } from '../_parts/audit.ts';
import { sober } from '../_parts/own.ts';
import { confirmed, likely, ruledOut } from '../_parts/said.ts';
import { airflowSettings } from '../_parts/settings.ts';
import { inLang, python, say } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';

const SETTING = 'execution_api-jwt_expiration_time';
/** Its default; seen to be counted from the queueing on a real 3.1.8. Seconds. */
const LIFETIME_S = 600;

export default defineRule({
	id: 'task-token-expired',
	category: 'scheduling',
	title: {
		en: 'The token that Airflow 3 gave the task had run out',
		ja: 'Airflow 3 がタスクに発行したトークンの有効期限が切れました',
	},
	looks: {
		en: '"Invalid auth token: Signature has expired" in the worker\'s log, 403 on `…/run` in the API server\'s. Mostly the task never began: no host, no log, and it had waited longer than 10 minutes in the queue, because the token is made when the task is queued.',
		ja: 'ワーカーのログに "Invalid auth token: Signature has expired"、API サーバーのログに `…/run` への 403 が記録されます。多くの場合タスクは開始されておらず、ホスト名もログもなく、キューで 10 分以上待っています。トークンはキューに入る時点で発行されるためです。',
	},
	confused: {
		en: "Signature verification failed: the components do not share one `[api_auth] jwt_secret`. An ExpiredSignatureError in the task's own traceback is about a token of its own. Never taken by a worker: task-stuck-queued. Refused with 409 and not 403: executor-state-mismatch.",
		ja: '"Signature verification failed" は、コンポーネント間で `[api_auth] jwt_secret` が一致していない場合です。タスク自身のトレースバックの ExpiredSignatureError は、タスクが使う別のトークンの問題です。ワーカーに受け取られなかった場合は task-stuck-queued、403 ではなく 409 の場合は executor-state-mismatch です。',
	},
	signatures: [
		// Lines of components come masked, and what follows `token:` looks like one.
		line('Invalid auth token: ', /Invalid auth token: (?:Signature|\*{3}) has expired/),
	],
	weigh: (hits, scene) => sober(strongest(hits), hits, scene),
	reads: ['eventLog', 'schedulerLog'],
	decides: [['eventLog', 'schedulerLog']],
	suspects: (failed) => isSilent(failed) && failed.hostname === undefined,
	verify(seen, { failed, env, told }) {
		const { airflowVersion = '', overrides } = env;
		if (told !== undefined && airflowVersion.startsWith('2.'))
			return ruledOut(
				'taskInstance',
				`Airflow ${airflowVersion} gives its tasks no token.`,
				`Airflow ${airflowVersion} はタスクにトークンを発行しません。`,
			);
		const { queuedAt, startedAt, endedAt } = failed;
		const refusedAt = startedAt ?? endedAt;
		if (!countsTheWait(airflowVersion) || queuedAt === undefined || refusedAt === undefined) return undefined;
		const waited = Date.parse(refusedAt) - Date.parse(queuedAt);
		// An override that is no number lets nothing follow.
		const set = overrides?.[SETTING];
		const lifetime = 1000 * Number(set ?? LIFETIME_S);
		if (!(waited >= lifetime)) return undefined;
		const noted = stateMismatch(seen, failed);
		// A wait alone ends no task: its log told of the token, or the executor ended it before it began.
		if (told === undefined && (noted === undefined || startedAt !== undefined)) return undefined;
		const byDefault = set === undefined;
		return (told !== undefined && noted !== undefined ? confirmed : likely)(
			noted?.source ?? 'taskInstance',
			`it waited ${minutes(waited)} minutes in the queue, to ${clock(refusedAt)}, and the token that Airflow ${airflowVersion} gives a task as it is queued lives for ${minutes(lifetime)}${byDefault ? ' by default' : ''}.`,
			`キューで ${clock(refusedAt)} まで ${minutes(waited)} 分待っています。Airflow ${airflowVersion} がキューに入れる時点で発行するトークンの有効期間は${byDefault ? '既定で ' : ' '}${minutes(lifetime)} 分です。`,
			{ at: noted?.at },
		);
	},
	fix(context) {
		const t = inLang(context.lang);
		return [
			say(
				t(
					'Let tasks wait as `scheduled` and not as `queued`: there they have no token yet. A pool or max_active_tasks with as many slots as the workers have (workers × worker_concurrency) does that; more workers shorten the wait itself.',
					'タスクを `queued` ではなく `scheduled` の状態で待たせてください。この状態ではまだトークンが発行されません。プールまたは max_active_tasks をワーカーの合計スロット数 (ワーカー数 × worker_concurrency) に合わせます。待ち時間自体はワーカーを増やすと短くなります。',
				),
			),
			...airflowSettings(
				context,
				{ [SETTING]: '7200' },
				{
					en: 'Or give the token more time than the longest wait (seconds):',
					ja: 'または、トークンの有効期間を最長の待ち時間より長くします (秒):',
				},
			),
			python(
				'default_args = {"retries": 1}',
				t('A retry is queued anew, with a new token:', '再試行では新しいトークンが発行されます:'),
			),
			say(
				t(
					'From Airflow 3.2.2 on a task that waits has a token of its own for the queue: upgrading ends it.',
					'Airflow 3.2.2 以降では、待機中のタスクにキュー用のトークンが発行されるため、アップグレードで解消します。',
				),
			),
		];
	},
	docs: 'https://github.com/apache/airflow/issues/53713',
});

/** 3.0 to 3.2.1: what the queue takes is taken from the token's lifetime (mended by apache/airflow 66989). */
function countsTheWait(version: string): boolean {
	const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
	return major === 3 && (minor < 2 || (minor === 2 && patch < 2));
}

const minutes = (ms: number): number => Math.floor(ms / 60_000);
