/**
 * Filters in Cloud Logging's query language. Ids of DAGs, runs and hosts are foreign: a value only ever stands between quotes
 * that it cannot leave. Source: docs.cloud.google.com/logging/docs/view/logging-query-language; the labels are Composer's own
 * log handlers'.
 */

/** Which environment. `cluster`: Composer 2's. */
export type Place = { project: string; location: string; name: string; cluster?: string | undefined };
/** ISO 8601. */
export type Frame = { from: string; to: string };
export type Try = {
	dag: string;
	run: string;
	task: string;
	mapIndex: number;
	tryNumber: number;
	/** Images before the label `run-id` name the run by its logical date. */
	logicalDate?: string | null | undefined;
};

/** A string of the query language. Control characters stand as escapes, so that a filter stays one line a condition. */
export function quoted(value: string): string {
	const inside = value
		.replace(/[\\"]/g, '\\$&')
		.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
	return `"${inside}"`;
}

const all = (...conditions: readonly (string | undefined)[]): string => conditions.filter(Boolean).join('\n');
const any = (...conditions: readonly string[]): string => `(${conditions.join(' OR ')})`;
const logs = (...ids: readonly string[]): string => any(...ids.map((id) => `log_id(${quoted(id)})`));
const within = ({ from, to }: Frame): string => `timestamp>=${quoted(from)} timestamp<=${quoted(to)}`;
const names = (value: string): string => `textPayload:${quoted(value)}`;
const WARNING = 'severity>=WARNING';

const environment = ({ project, location, name }: Place): string =>
	all(
		'resource.type="cloud_composer_environment"',
		`resource.labels.project_id=${quoted(project)}`,
		`resource.labels.location=${quoted(location)}`,
		`resource.labels.environment_name=${quoted(name)}`,
	);

/** The entries of one try, by whichever label its image names the run. */
export function taskEntries(
	place: Place,
	{ dag, run, task, mapIndex, tryNumber, logicalDate }: Try,
	frame: Frame,
): string {
	const runs = [
		`labels."run-id"=${quoted(run)}`,
		...executionDates(run, logicalDate).map((date) => `labels."execution-date"=${quoted(date)}`),
	];
	return all(
		environment(place),
		logs('airflow-worker', 'airflow-k8s-worker'),
		within(frame),
		`labels.workflow=${quoted(dag)}`,
		`labels."task-id"=${quoted(task)}`,
		`labels."try-number"=${quoted(String(tryNumber))}`,
		// A task that is not mapped carries no index, or -1.
		mapIndex >= 0 ? `labels."map-index"=${quoted(String(mapIndex))}` : undefined,
		any(...runs),
	);
}

/** Python's isoformat of the run's logical date, as far as it is known. */
export function executionDates(run: string, logicalDate: string | null | undefined): string[] {
	const told = logicalDate ?? /^(?:scheduled|manual|backfill)__(\d{4}-\d\d-\d\dT.+)$/.exec(run)?.[1];
	return told === undefined ? [] : [told.replace(/Z$/, '+00:00').replace(/\.0+(?=\+)/, '')];
}

/** What a worker said of itself, and what tasks on it said at WARNING and above. */
export function workerLines(place: Place, host: string, frame: Frame): string {
	return all(
		environment(place),
		logs('airflow-worker', 'airflow-k8s-worker'),
		within(frame),
		`labels.worker_id=${quoted(host)}`,
		any(WARNING, 'NOT labels."task-id":*'),
	);
}

/** Scheduler lines that name the run, and everything at WARNING or above. */
export function schedulerLines(place: Place, { dag, run }: Pick<Try, 'dag' | 'run'>, frame: Frame): string {
	return all(
		environment(place),
		logs('airflow-scheduler'),
		within(frame),
		any(`(${names(run)} AND ${names(dag)})`, WARNING),
	);
}

export function triggererLines(place: Place, { dag, task }: Pick<Try, 'dag' | 'task'>, frame: Frame): string {
	return all(
		environment(place),
		logs('airflow-triggerer'),
		within(frame),
		any(`(${names(dag)} AND ${names(task)})`, WARNING),
	);
}

export function dagProcessorLines(place: Place, { dag }: Pick<Try, 'dag'>, frame: Frame): string {
	return all(environment(place), logs('dag-processor-manager'), within(frame), any(names(dag), WARNING));
}

/** Composer's own agent, which carries updates out. */
export function agentLines(place: Place, frame: Frame): string {
	return all(environment(place), logs('composer-agent'), within(frame), WARNING);
}

/** Events of Composer 2's cluster about a pod, a worker or the namespace of users. Composer 3 hides its cluster. */
export function kubernetesEvents(
	place: Place & { cluster: string },
	about: { pod?: string | undefined; host?: string | undefined; namespace?: string | undefined },
	frame: Frame,
): string {
	const pods = [about.pod, about.host].flatMap((name) =>
		name === undefined ? [] : [`resource.labels.pod_name=${quoted(name)}`],
	);
	return all(
		`resource.type=${any('"k8s_pod"', '"k8s_node"', '"k8s_cluster"')}`,
		`resource.labels.cluster_name=${quoted(place.cluster)}`,
		logs('events'),
		within(frame),
		any(
			...pods,
			`resource.labels.namespace_name=${quoted(about.namespace ?? 'composer-user-workloads')}`,
			// A node that runs out takes its pods along; its event names no pod.
			`(resource.type="k8s_node" AND ${WARNING})`,
		),
	);
}

/** Why Composer 2's cluster got no more nodes. Source: the checks of gcpdiag. */
export function autoscalerLines(place: Place & { cluster: string }, frame: Frame): string {
	return all(
		'resource.type="gce_cluster_autoscaler"',
		`resource.labels.cluster_name=${quoted(place.cluster)}`,
		within(frame),
		any(
			'jsonPayload.resultInfo.results.errorMsg.messageId:*',
			'jsonPayload.resultError.errorId:*',
			'jsonPayload.noDecisionStatus.noScaleUp:*',
			'jsonPayload.noScaleUp:*',
			WARNING,
		),
	);
}

/** Policies set on the environment's service account and on its project. */
export function policyEntries(account: string | undefined, from: string): string {
	const project = '(resource.type="project" AND protoPayload.methodName="SetIamPolicy")';
	const own =
		account === undefined
			? []
			: [
					`(resource.type="service_account" AND protoPayload.methodName="google.iam.admin.v1.SetIAMPolicy" AND resource.labels.email_id=${quoted(account)})`,
				];
	return all(logs('cloudaudit.googleapis.com/activity'), `timestamp>=${quoted(from)}`, any(...own, project));
}

/** APIs switched off, the account disabled or deleted, changes of the environment and what Composer refused; refusals at a perimeter. */
export function auditEntries(place: Place, account: string | undefined, from: string, frame: Frame): string {
	const resource = `projects/${place.project}/locations/${place.location}/environments/${place.name}`;
	const states = ['DisableServiceAccount', 'DeleteServiceAccount', 'EnableServiceAccount', 'UndeleteServiceAccount'];
	const own =
		account === undefined
			? []
			: [
					`(resource.type="service_account" AND protoPayload.methodName=${any(...states.map((name) => quoted(`google.iam.admin.v1.${name}`)))} AND resource.labels.email_id=${quoted(account)})`,
				];
	const activity = any(
		`(protoPayload.serviceName="composer.googleapis.com" AND protoPayload.resourceName:${quoted(resource)})`,
		'protoPayload.methodName:"DisableService"',
		...own,
	);
	return any(
		`(${logs('cloudaudit.googleapis.com/activity')} AND timestamp>=${quoted(from)} AND ${activity})`,
		`(${logs('cloudaudit.googleapis.com/policy')} AND ${within(frame).replace(' ', ' AND ')})`,
	);
}

/** What the watch follows: lines that say of a failure before Airflow's API does. One tail an environment. */
export function failureLines(place: Place): string {
	return all(environment(place), logs('airflow-scheduler', 'airflow-worker', 'airflow-k8s-worker'), 'severity>=ERROR');
}
