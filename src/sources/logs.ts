import * as filters from '../clients/logging/filters.ts';
import { absent, type Sources } from '../collect.ts';
import type { Environment } from '../domain/environment.ts';
import type { Failed, LogLine } from '../domain/evidence.ts';
import { policyChanges } from '../domain/policy.ts';
import { around, lately, toFrame, whole } from './frame.ts';
import type { GoogleClients } from './google-clients.ts';
import { needed } from './needed.ts';

type Clients = Pick<GoogleClients, 'project' | 'location' | 'name' | 'keep' | 'composer'> & {
	logging: NonNullable<GoogleClients['logging']>;
};

const TASK_ENTRIES = 1000;
const WEEK_HOURS = 7 * 24;
/** A change is the difference to the entry before it, and that may be long ago. Admin activity is kept for 400 days. */
const BEFORE_HOURS = 90 * 24;

/** Cloud Logging. One call each, newest first, so that a cap cuts off what is oldest. */
export function logSources({ project, location, name, logging, composer, keep }: Clients): Sources {
	const place = { project, location, name };
	const lines = (filter: string, limit?: number): Promise<LogLine[]> =>
		keep('lines', [filter, limit], () => logging.lines(filter, limit));
	/** Composer has usually told it already. */
	const home = async (): Promise<Environment> => (await composer.describe()).environment;
	const cluster = async (): Promise<typeof place & { cluster: string }> => {
		const { cluster } = await home();
		if (cluster === undefined) throw absent(NO_CLUSTER);
		return { ...place, cluster };
	};
	return {
		taskEntries: {
			...needed('taskEntries'),
			async read(failed) {
				const found = await lines(filters.taskEntries(place, failed, toFrame(whole(failed))), TASK_ENTRIES);
				return found.filter(({ labels }) => isOf(failed, labels));
			},
		},
		workerLog: {
			...needed('workerLog'),
			// No worker took it: none said anything of it.
			read: async (failed) =>
				failed.hostname === undefined
					? []
					: lines(filters.workerLines(place, failed.hostname, toFrame(around(failed, 15, 5)))),
		},
		schedulerLog: {
			...needed('schedulerLog'),
			async read(failed) {
				const found = await lines(filters.schedulerLines(place, failed, toFrame(around(failed))));
				return found.filter(({ text }) => !namesAnother(failed, text));
			},
		},
		triggererLog: {
			...needed('triggererLog'),
			read: (failed) => lines(filters.triggererLines(place, failed, toFrame(around(failed)))),
		},
		dagProcessorLog: {
			...needed('dagProcessorLog'),
			read: (failed) => lines(filters.dagProcessorLines(place, failed, toFrame(around(failed)))),
		},
		agentLog: {
			...needed('agentLog'),
			read: (failed) => lines(filters.agentLines(place, toFrame(lately(failed, 24))), 100),
		},
		kubernetesEvents: {
			...needed('kubernetesEvents'),
			async read(failed) {
				const about = { pod: failed.pod, host: failed.hostname, namespace: failed.namespace };
				const filter = filters.kubernetesEvents(await cluster(), about, toFrame(around(failed)));
				return keep('events', filter, () => logging.events(filter));
			},
		},
		autoscalerLog: {
			...needed('autoscalerLog'),
			read: async (failed) => lines(filters.autoscalerLines(await cluster(), toFrame(around(failed)))),
		},
		audit: {
			...needed('audit'),
			async read(failed) {
				const { serviceAccount } = await home();
				const { from } = toFrame(lately(failed, WEEK_HOURS));
				const filter = filters.auditEntries(place, serviceAccount, from, toFrame(around(failed)));
				return keep('audit', filter, () => logging.audit(filter));
			},
		},
		policyChanges: {
			...needed('policyChanges'),
			async read(failed) {
				const { serviceAccount } = await home();
				const filter = filters.policyEntries(serviceAccount, toFrame(lately(failed, BEFORE_HOURS)).from);
				const found = await keep('policies', filter, () => logging.policies(filter));
				return policyChanges(found, lately(failed, WEEK_HOURS).from);
			},
		},
	};
}

const NO_CLUSTER = {
	en: 'Composer 3 hides its cluster: there are no Kubernetes logs of it',
	ja: 'Composer 3 のクラスタは非公開のため、Kubernetes のログはありません',
};

/** Cloud Logging compares without regard to case, Airflow does not; and a try of one mapped task is no other's. */
function isOf({ dag, task, tryNumber, mapIndex }: Failed, labels: LogLine['labels']): boolean {
	const index = Number(labels['map-index'] ?? -1);
	return (
		labels['workflow'] === dag &&
		labels['task-id'] === task &&
		labels['try-number'] === String(tryNumber) &&
		(index === mapIndex || (index < 0 && mapIndex < 0))
	);
}

const RUN = /<TaskInstance: |<DagRun |'Run Id': |\brun_id=|\bdag_run_id=/;

/** A warning about somebody else's run. The daily runs of all DAGs have one id, so the DAG counts too. */
function namesAnother({ dag, run }: Failed, text: string): boolean {
	return RUN.test(text) && !(text.includes(run) && text.includes(dag));
}
