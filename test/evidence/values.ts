import type { EventLog, TaskInstance } from '../../src/domain/airflow.ts';
import type { Environment } from '../../src/domain/environment.ts';
import type {
	AuditEntry,
	Failed,
	KubernetesEvent,
	LogLine,
	PolicyChange,
	Seen,
	Series,
} from '../../src/domain/evidence.ts';

/** A Composer environment of which everything is known; the failed try of `failed()` ran in it from 10:00 to 10:05. */
export function environment(generation: 'composer-2' | 'composer-3', more: Partial<Environment> = {}): Environment {
	const two = generation === 'composer-2';
	return {
		generation,
		airflowVersion: two ? '2.10.5' : '3.1.7',
		imageVersion: two ? 'composer-2.17.1-airflow-2.10.5' : 'composer-3-airflow-3.1.7-build.9',
		name: 'prod',
		project: 'acme-data',
		projectNumber: '773021456600',
		location: 'europe-west1',
		environment: 'etl',
		serviceAccount: 'etl@acme-data.iam.gserviceaccount.com',
		bucket: 'europe-west1-etl-3f2a1b9c-bucket',
		...(two
			? { cluster: 'europe-west1-etl-3f2a1b9c-gke' }
			: { dagProcessor: { cpu: 1, memoryGb: 4, storageGb: 1, count: 1 } }),
		worker: { cpu: 1, memoryGb: 4, storageGb: 2, minCount: 1, maxCount: 3 },
		workerConcurrency: 12,
		scheduler: { cpu: 0.5, memoryGb: 2, storageGb: 1, count: 1 },
		triggerer: { cpu: 0.5, memoryGb: 1, count: 1 },
		webServer: { cpu: 1, memoryGb: 4, storageGb: 1, count: 1 },
		size: 'small',
		overrides: {},
		environmentVariables: [],
		logsInBucket: two,
		isPrivate: false,
		...more,
	};
}

export const SA = 'serviceAccount:etl@acme-data.iam.gserviceaccount.com';
export const AGENT = 'serviceAccount:service-773021456600@cloudcomposer-accounts.iam.gserviceaccount.com';
export const GB = 1024 ** 3;

export const at = (clock: string): string => `2026-11-24T${clock.length === 5 ? `${clock}:00` : clock}Z`;

/** `'10:03=3.9 10:04=4'`, in units of `unit`. */
export const series = (of: string, points: string, unit = 1): Series => ({
	of,
	points: points.split(' ').map((point) => {
		const [clock = '', value = ''] = point.split('=');
		return { at: at(clock), value: Number(value) * unit };
	}),
});

export const line = (
	clock: string,
	text: string,
	labels: Record<string, string> = {},
	severity = 'ERROR',
): LogLine => ({
	at: at(clock),
	severity,
	text,
	labels,
});
export const event = (clock: string, object: string, reason: string, message: string): KubernetesEvent => ({
	at: at(clock),
	object,
	reason,
	message,
});
export const airflowEvent = (clock: string, name: string, more: Partial<EventLog> = {}): EventLog => ({
	at: at(clock),
	event: name,
	dag: 'daily',
	run: 'manual__1',
	task: 'load',
	...more,
});
export const entry = (clock: string, method: string, target: string, more: Partial<AuditEntry> = {}): AuditEntry => ({
	at: at(clock),
	actor: 'terraform@acme-ci.iam.gserviceaccount.com',
	method,
	target,
	code: 0,
	...more,
});
export const removed = (clock: string, on: PolicyChange['on'], role: string, ...members: string[]): PolicyChange => ({
	at: at(clock),
	on,
	actor: 'terraform@acme-ci.iam.gserviceaccount.com',
	added: [],
	removed: members.map((member) => ({ role, member })),
});
export const other = (clock: string, hostname: string, task = 'other'): TaskInstance => ({
	dag: 'hourly',
	run: 'scheduled__1',
	task,
	mapIndex: -1,
	tryNumber: 1,
	maxTries: 0,
	state: 'failed',
	endedAt: at(clock),
	hostname,
});

/** Cause, status, facts. */
export type Told = readonly [string, 'confirmed' | 'likely' | 'possible', Readonly<Record<string, string>>?];

export type Case = {
	name: string;
	/** What the log told; empty: it is there and names nothing. Undefined: there is no log. */
	told?: readonly Told[];
	env?: Environment;
	failed?: Partial<Failed>;
	seen: Seen;
	/** Cause and status. */
	is: readonly [string, string];
	/** A part of the sentence that decides. */
	says?: string;
	ruledOut?: readonly string[];
	beside?: readonly string[];
	/** Texts that the fix's code holds. */
	fix?: readonly string[];
};
