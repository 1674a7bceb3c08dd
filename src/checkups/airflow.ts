import type { Checkup } from '../deps.ts';
import { RIGHTS, type Right, type RightName } from '../domain/airflow-rights.ts';
import type { Airflow } from '../domain/airflow.ts';
import { orTrouble, Trouble } from '../domain/errors.ts';
import { failed, partly } from './checkup.ts';

/** No DAG has it: what is asked of it is refused for the role, or not found. */
const NO_DAG = 'concertmaster.doctor.asks.what.it.may.do';

/** Asks for what a right allows. What it finds amiss beside the right itself; usually nothing. */
type Probe = (airflow: Airflow, what: string) => Promise<readonly Checkup[]>;

const asked =
	(ask: (airflow: Airflow) => Promise<unknown>): Probe =>
	async (airflow) => {
		await ask(airflow);
		return [];
	};

const PROBES: Readonly<Record<Exclude<RightName, 'dags'>, Probe>> = {
	tasks: asked((airflow) => airflow.endedTaskInstances({ states: ['failed'], limit: 1 })),
	importErrors: asked((airflow) => airflow.importErrors()),
	pools: asked((airflow) => airflow.pools()),
	eventLog: asked((airflow) => airflow.eventLogs({ limit: 1 })),
	config: async (airflow, what) => logsOf(what, await airflow.config()),
	trigger: asked(async (airflow) => {
		// Nothing can be started: there is no such DAG, as is made sure of first.
		if (await airflow.dag(NO_DAG)) return;
		await airflow.trigger({ dag: NO_DAG, run: 'concertmaster__doctor', note: 'asks what it may do' });
	}),
};

/**
 * One Airflow: whether it answers, who we are to it, and what that may not do. `onComposer`: settings and log storage are
 * Composer's matter there.
 */
export async function airflowCheckups(env: string, airflow: Airflow, onComposer: boolean): Promise<Checkup[]> {
	const what = `Airflow ${env}`;
	try {
		const { api, version } = await airflow.version();
		const who = await airflow.whoAmI();
		const probes = Object.entries(PROBES).filter(([name]) => name !== 'config' || !onComposer);
		const found = await Promise.all(
			probes.map(async ([name, probe]) => {
				const answer = await orTrouble(probe(airflow, what));
				return answer instanceof Trouble ? lackingOf({ what, api, who }, name as RightName, answer) : answer;
			}),
		);
		const lacking = found.flat();
		if (lacking.length > 0) return lacking;
		return [
			{
				what,
				ok: true,
				found: {
					en: `Airflow ${version}${who === undefined ? '' : `, signed in as ${who}`}.`,
					ja: `Airflow ${version}${who === undefined ? '' : `、${who} として接続しています`}。`,
				},
			},
		];
	} catch (error) {
		return [failed(what, error)];
	}
}

type Where = { what: string; api: 1 | 2; who: string | undefined };

function lackingOf(where: Where, name: RightName, trouble: Trouble): Checkup[] {
	const right: Right = RIGHTS[name];
	// Airflow 2 stumbles over a DAG that is not there when the role may not start runs (seen on 2.11.2).
	const stumbled = name === 'trigger' && where.api === 1 && trouble.status === 500;
	if (trouble.label === 'airflow forbidden' || stumbled) return [forbidden(where, right)];
	if (trouble.label === 'airflow config hidden') return [hidden(where.what, trouble, right)];
	// That there is no such DAG is what a role that may start runs is told.
	return name === 'trigger' && trouble.kind === 'user' ? [] : [failed(where.what, trouble)];
}

function forbidden({ what, api, who }: Where, { feature, without, permission, role }: Right): Checkup {
	const whom = { en: who ?? 'its account', ja: who ?? 'ボットのアカウント' };
	const own =
		api === 1 ? { en: `, or one with \`${permission}\``, ja: `（または \`${permission}\` を持つロール）` } : NONE;
	return partly({
		what,
		found: {
			en: `The bot's role is too small for: ${feature.en}. So ${without.en}.`,
			ja: `ボットのロールでは権限が足りません: ${feature.ja}。${without.ja}。`,
		},
		mend: {
			en: `An Airflow admin gives ${whom.en} the role ${role[api]}${own.en}.`,
			ja: `Airflow の管理者が ${whom.ja} にロール ${role[api]}${own.ja} を付与してください。`,
		},
	});
}

const NONE = { en: '', ja: '' };

function hidden(what: string, { message, hint, ja }: Trouble, { without }: Right): Checkup {
	return partly({
		what,
		found: { en: `${message} So ${without.en}.`, ja: `${ja?.message ?? message}${without.ja}。` },
		...(hint === undefined ? {} : { mend: { en: hint, ja: ja?.hint ?? hint } }),
	});
}

/** Where tasks run on workers, a worker that is lost takes its logs along. */
function logsOf(what: string, settings: Readonly<Record<string, string>>): Checkup[] {
	const onWorkers = /Celery|Kubernetes/.test(settings['core-executor'] ?? '');
	const remote = (settings['logging-remote_logging'] ?? '').toLowerCase() === 'true';
	if (!onWorkers || remote) return [];
	return [
		partly({
			what,
			found: {
				en: 'Task logs stay on the workers (`[logging] remote_logging` is off). So a worker that is lost takes the logs of its tasks along.',
				ja: 'タスクログはワーカーにのみ保存されています（`[logging] remote_logging` が無効です）。ワーカーが失われると、そのタスクログも失われます。',
			},
			mend: {
				en: 'Set `[logging] remote_logging = True` with a `remote_base_log_folder` and a connection that may write there.',
				ja: '`[logging] remote_logging = True` と、書き込み可能な `remote_base_log_folder` および接続を設定してください。',
			},
		}),
	];
}
