import type { SourceName } from '../../src/domain/evidence.ts';
import type { Status } from '../../src/domain/rule.ts';
import type { Scenario } from '../../src/sandbox/scenarios/index.ts';
import type { FillIn } from '../../src/sandbox/scenarios/repair.ts';
import type { Place, Stage } from '../../src/sandbox/scenarios/stage.ts';

/** One for all places, or by place; `plain` and `composer` stand for those that are not named. */
type By<T> = T | { [Where in Place | 'plain' | 'composer']?: T };

/** What causes.md says of such a state of the world; not what the code says today. */
export type Expected = {
	verdict: By<string>;
	status: By<Exclude<Status, 'unknown'>>;
	/** The line that decides, of the log or of a component. */
	line?: By<RegExp>;
	/** What the evidence says of it, on Composer, in its own words. */
	because?: By<RegExp | undefined>;
	/**
	 * A source it reads whose want leaves it as sure as it was, and the fact that says why. Any other one lowers it. Told is the want of
	 * each.
	 */
	stays?: By<Stays>;
	/** Each of them stands in the fix. */
	fix?: By<readonly RegExp[]>;
	/** None of them does: advice for the other generation. */
	not?: By<readonly RegExp[]>;
	repair?: Repair;
};

export type Stays = { readonly [Name in SourceName]?: string };

export type Repair = {
	fillIn?: FillIn;
	/** What no command can do: another team's work, a quota that is raised. Instead of the posted commands, or beside them. */
	hand?: (stage: Stage) => void;
	/** Only where a posted fix can be carried out here. */
	places?: readonly Place[];
	/** After the repair; default: the DAG is run again. Whether it went well. */
	again?: (stage: Stage, scenario: Scenario) => Promise<boolean>;
};

export function at<T>(by: By<T> | undefined, place: Place): T | undefined {
	if (typeof by !== 'object' || by === null || by instanceof RegExp || Array.isArray(by)) return by as T | undefined;
	const named = by as { [Where in Place | 'plain' | 'composer']?: T };
	if (
		!(
			['composer', 'plain', 'composer-2', 'composer-3', 'composer-3-airflow-2', 'airflow-2', 'airflow-3'] as const
		).some((key) => key in named)
	)
		return by as T;
	return named[place] ?? named[place.startsWith('composer') ? 'composer' : 'plain'];
}

const SA = 'composer-prod@acme-data\\.iam\\.gserviceaccount\\.com';
const AGENT = 'service-481516234200@cloudcomposer-accounts\\.iam\\.gserviceaccount\\.com';
const UPDATE = 'gcloud composer environments update prod --location=europe-west1 --project=acme-data';
const grant = (role: string, who = SA): RegExp =>
	new RegExp(
		`gcloud projects add-iam-policy-binding acme-data --member=serviceAccount:${who} --role=${role.replaceAll('.', '\\.')} --condition=None`,
	);
const V2EXT = new RegExp(`--member=serviceAccount:${AGENT} --role=roles/composer\\.ServiceAgentV2Ext`);
const MEMORY = {
	'composer-2': [/--worker-memory=3\.25GB/],
	composer: [/--worker-memory=4GB/],
	plain: [/AIRFLOW__CELERY__WORKER_CONCURRENCY=\d+/],
};
const KUBECTL = /kubectl /;

/** Facts that make the want of a source matter less. */
const SIZE: Stays = { workerMemoryQuota: "the environment's settings hold the same size" };
const BESIDE: Stays = { failures: 'who else failed there is told, and says nothing of why' };
const SAME_WORD: Stays = {
	eventLog: 'the scheduler writes the same of this try in its own log',
	schedulerLog: 'the scheduler writes the same of this try in the event log',
};
const SIGNAL: Stays = {
	exitCodes: "the try's own log names the signal",
	workerLog: "the try's own log names the signal",
	restarts: 'the log speaks of one process that was killed, not of its worker',
};
const NOW: Stays = { airflowHealth: 'it is how Airflow is now, not how it was then' };
const WHO: Stays = { audit: 'it only says who did it and when' };
const TAKEN: Stays = { policyChanges: 'the policies themselves lack the role; the changes only say who took it' };
const LISTED: By<Stays> = {
	'composer-2': { workloads: 'not every Composer 2 lists them, and the events of its cluster say the same' },
};

/** The environment's newest operation went well. */
const updated = async (stage: Stage): Promise<boolean> => stage.world.operations.at(-1)?.state === 'SUCCEEDED';

export const expected: Readonly<Record<string, Expected>> = {
	// seed traps
	'update-without-roles': {
		verdict: 'env-update-sa-permissions',
		status: 'confirmed',
		line: /No agent response published/,
		because: new RegExp(`roles/composer\\.worker.+${SA}`),
		fix: { 'composer-2': [grant('roles/composer.worker'), V2EXT], composer: [grant('roles/composer.worker')] },
		not: { 'composer-2': [/disable composer\.googleapis/], composer: [V2EXT] },
		repair: { again: repeatUpdate },
	},
	'logs-lost-with-worker': {
		verdict: {
			'composer-2': 'gcsfuse-mount-lost',
			composer: 'worker-oom-task-sigkill',
			// Without Google's evidence only the symptom is to be seen.
			'airflow-2': 'zombie-heartbeat-timeout',
			'airflow-3': 'zombie-heartbeat-timeout',
		},
		status: 'confirmed',
		stays: {
			'composer-2': SIZE,
			composer: {
				...SIZE,
				...BESIDE,
				eventLog: 'nobody who stops a task restarts its worker or fills its memory',
				exitCodes: 'the restart of the worker is as good a trace of the kill',
			},
			plain: BESIDE,
		},
		line: { 'composer-2': /Errno 107.+Transport endpoint is not connected/ },
		because: {
			'composer-2': /gcsfuse|2 of 2 GB/,
			composer: /2 of 2 GB of memory \(100 %\)/,
		},
		fix: {
			'composer-2': [/worker_concurrency=3/, /--worker-memory=3\.25GB/],
			composer: [/worker_concurrency=3/, /--worker-memory=4GB/],
		},
		repair: { places: ['composer-2', 'composer-3', 'composer-3-airflow-2'] },
	},
	'binding-overwritten': {
		verdict: 'workload-identity-binding-lost',
		status: 'confirmed',
		line: /IAM returned 403 Forbidden/,
		because: /terraform@acme-data\.iam\.gserviceaccount\.com.+removed/,
		fix: [
			/acme-data\.svc\.id\.goog\[composer-2-17-0-airflow-2-11-1-\w+\/default\]/,
			/\[composer-system\/default\]/,
			/\[composer-system\/custom-metrics-stackdriver-adapter\]/,
			/\[composer-user-workloads\/default\]/,
			/terraform state rm google_service_account_iam_binding\./,
		],
		not: [/terraform destroy/],
		repair: {
			fillIn: { NAME: 'runner' },
			// The next apply of Terraform must not take it away again.
			async again(stage) {
				await stage.pass(2 * 3_600_000);
				return (await stage.run('daily_ledger')).state === 'success';
			},
		},
	},
	'old-airflow-api': {
		verdict: 'api-endpoint-or-auth-changed',
		status: 'confirmed',
		because: {
			'composer-3': /`\/api\/v1` of this environment, which runs Airflow 3\.1\.7/,
			composer: /`\/api\/experimental` of this environment, which runs Airflow 2\.11\.1/,
		},
		line: {
			'composer-3': /405 Client Error: Method Not Allowed for url: \S+\/api\/v1\/dags\/reporting\/dagRuns/,
			composer: /404 Client Error: Not Found for url: \S+\/api\/experimental\/dags\/reporting\/dag_runs/,
		},
		fix: { 'composer-3': [/\/api\/v2\/dags/, /"logical_date": None/], composer: [/\/api\/v1\/dags/] },
		not: { 'composer-3': [/\/api\/v1\/dags\/DAG_ID/], composer: [/\/api\/v2\/dags\/DAG_ID/] },
		repair: {},
	},

	// workers
	'task-larger-than-worker': {
		verdict: 'worker-oom-task-sigkill',
		status: { composer: 'confirmed', plain: 'likely' },
		stays: {
			'composer-2': { ...SIZE, ...BESIDE, ...SIGNAL },
			composer: {
				...SIZE,
				...BESIDE,
				...SIGNAL,
				eventLog: "a stop by hand is SIGTERM first, and stands in the try's own log",
			},
		},
		line: {
			'composer-3': /Likely out of memory error \(OOM\)/,
			'airflow-3': /Likely out of memory error \(OOM\)/,
			composer: /Task exited with return code -9/,
			plain: /Task exited with return code -9/,
		},
		because: { composer: /of 2 GB of memory/ },
		fix: MEMORY,
		repair: { places: ['composer-2', 'composer-3', 'composer-3-airflow-2'] },
	},
	'files-larger-than-disk': {
		verdict: 'worker-pod-evicted-storage',
		status: 'confirmed',
		stays: SIZE,
		line: /Pod ephemeral local storage usage exceeds the total limit of containers/,
		because: /evict|storage/i,
		fix: [/--worker-storage=10GB/],
		repair: {},
	},
	'no-turn-for-heartbeats': {
		verdict: 'zombie-heartbeat-timeout',
		status: 'confirmed',
		stays: { 'composer-2': BESIDE, composer: { ...SAME_WORD, ...BESIDE }, plain: BESIDE },
		because: { composer: /heartbeats had stopped/ },
		fix: {
			'composer-2': [/scheduler-scheduler_zombie_task_threshold=600/],
			'composer-3-airflow-2': [/scheduler-scheduler_zombie_task_threshold=600/],
			'composer-3': [/scheduler-task_instance_heartbeat_timeout=600/],
			'airflow-2': [/AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD=600/],
			'airflow-3': [/AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT=600/],
		},
		repair: {},
	},
	'every-slot-taken': {
		verdict: 'task-stuck-queued',
		status: 'confirmed',
		// On Airflow 2 the bot may not read the event log, so the scheduler's own is all there is.
		stays: { 'composer-2': NOW, composer: { ...SAME_WORD, ...NOW } },
		because: /stuck in queued/,
		fix: [/--max-workers=\d/],
		repair: {},
	},
	'no-cpus-left': {
		verdict: 'gke-quota-exceeded',
		status: 'confirmed',
		stays: { kubernetesEvents: 'no pod of a task waits, so they say nothing of one' },
		because: /autoscaler got no more machines \(`CPUS`\)/,
		fix: [/gcloud compute regions describe europe-west1/],
		repair: { hand: ({ world }) => void world.project.quotas.set('CPUS', { limit: 72, usage: 23.8 }) },
	},
	'database-flooded': {
		verdict: 'db-overloaded',
		status: 'confirmed',
		stays: { ...NOW, ...BESIDE },
		line: {
			'composer-3': /API_SERVER_ERROR|Internal server error/,
			composer: /too many connections|heartbeat failed with error/,
		},
		because: /100 % of its CPU/,
		fix: [/--environment-size=medium/],
		repair: {},
	},
	'replaced-under-a-long-task': {
		verdict: 'worker-rollout-by-update',
		status: 'confirmed',
		stays: {
			...BESIDE,
			maintenance: 'another operation was read that replaces workers',
			workers: 'an operation was read that replaces workers',
		},
		line: { 'composer-3': /Process terminated by signal/, composer: /return code 143|SIGTERM/ },
		because: /UPDATE of the environment ran meanwhile/,
		fix: [/--maintenance-window-start=/, /"retries": 2/],
	},
	'package-not-installed': {
		verdict: 'dag-import-error',
		status: 'confirmed',
		fix: {},
		repair: { places: ['composer-2', 'composer-3'] },
	},

	// pods
	'pod-needs-more-memory': {
		verdict: 'kpo-oomkilled',
		status: 'confirmed',
		stays: LISTED,
		line: /OOMKilled/,
		because: /OOMKilled/,
		fix: [/limits=\{"memory": "\dGi"\}/],
		not: { 'composer-2': [/caps silently/], composer: [KUBECTL, /110 GiB/] },
		repair: {},
	},
	'no-such-image': {
		verdict: 'kpo-image-pull',
		status: 'confirmed',
		stays: LISTED,
		line: /Image cannot be pulled, unable to start: ErrImagePull/,
		because: /could not pull its image/,
		not: { 'composer-2': [], composer: [KUBECTL] },
		repair: {
			hand: ({ world }) => {
				const known = world.images.values().next().value;
				if (known) world.images.set('europe-west1-docker.pkg.dev/acme-images/services/scoring:1.4.3', known);
			},
		},
	},
	'image-not-ours-to-pull': {
		verdict: 'kpo-image-pull',
		status: 'confirmed',
		stays: LISTED,
		line: /ErrImagePull/,
		because: /could not pull its image/,
		fix: [
			new RegExp(
				`gcloud artifacts repositories add-iam-policy-binding services --location=europe-west1 --project=acme-images --member=serviceAccount:${SA} --role=roles/artifactregistry\\.reader`,
			),
		],
		repair: {},
	},
	'pod-larger-than-any-node': {
		verdict: 'kpo-unschedulable',
		status: 'confirmed',
		stays: LISTED,
		line: /took too long to be scheduled|nodes are available/,
		because: /0\/3 nodes are available|wouldn't fit|scale-up/,
		fix: [/110 GiB/, /requests=\{/],
		repair: {},
	},
	'pod-finds-no-quota': {
		verdict: 'gke-quota-exceeded',
		status: 'confirmed',
		because: /autoscaler got no more machines/,
		repair: { hand: ({ world }) => void world.project.quotas.set('CPUS', { limit: 72, usage: 22 }) },
	},
	'pod-asks-for-a-secret': {
		verdict: 'kpo-secret-or-config-missing',
		status: 'confirmed',
		stays: LISTED,
		line: /secret "crm-credentials" not found/,
		because: /crm-credentials/,
		fix: {
			'composer-2': [/kubectl create secret generic crm-credentials/],
			composer: [/gcloud composer environments user-workloads-secrets create --environment=prod/],
		},
		not: { 'composer-2': [/user-workloads-secrets/], composer: [KUBECTL] },
		repair: { fillIn: { KEY: 'token', VALUE: 'not-a-secret' } },
	},
	'no-right-to-make-pods': {
		verdict: 'kpo-pods-forbidden',
		status: 'confirmed',
		line: /pods is forbidden: User \S+composer-prod@acme-data/,
		because: /container\.pods\.create/,
		fix: [grant('roles/composer.worker')],
		not: { 'composer-2': [], composer: [KUBECTL] },
		repair: {},
	},
	'namespace-without-identity': {
		verdict: 'kpo-ksa-no-gcp-access',
		status: 'confirmed',
		stays: { accountPolicy: "no account but the environment's own is named, so there is none to look at" },
		line: /acme-data\.svc\.id\.goog\[scoring\/scorer\]/,
		because: /scoring\/scorer/,
		fix: [/kubectl annotate serviceaccount "\$KSA"/, /NAMESPACE=scoring/, /KSA=scorer/],
		repair: {},
	},

	// permissions
	'bucket-of-another-team': {
		verdict: 'gcs-permission-denied',
		status: { composer: 'confirmed', plain: 'likely' },
		line: /does not have storage\.objects\.get access/,
		because: { composer: /acme-partner-drop/ },
		fix: [
			new RegExp(
				`gcloud storage buckets add-iam-policy-binding gs://acme-partner-drop --member=serviceAccount:${SA} --role=roles/storage\\.objectViewer`,
			),
		],
		repair: {},
	},
	'no-right-to-query': {
		verdict: 'bigquery-access-denied',
		status: { composer: 'confirmed', plain: 'likely' },
		line: /bigquery\.jobs\.create/,
		because: { composer: /bigquery\.jobs\.create/ },
		fix: { composer: [grant('roles/bigquery.jobUser')], plain: [/--role=roles\/bigquery\.jobUser/] },
		// The next thing that is missing is another cause, and is told in turn.
		repair: {
			places: ['composer-2', 'composer-3', 'composer-3-airflow-2'],
			async again(stage) {
				const run = await stage.run('warehouse_export');
				const made = run.tasks.find(({ task }) => task.id === 'export_table')?.made?.ending;
				return typeof made !== 'object' || !('raises' in made) || !made.raises.message.includes('bigquery.jobs.create');
			},
		},
	},
	'no-right-to-read-the-dataset': {
		verdict: 'bigquery-access-denied',
		status: 'likely',
		line: /does not have permission to query table acme-data:ledger\.entries/,
		fix: [/GRANT `roles\/bigquery\.dataViewer` ON SCHEMA `acme-data`\.`ledger`/],
		repair: {},
	},
	'no-right-to-publish': {
		verdict: 'google-api-permission-denied',
		status: 'likely',
		line: /pubsub\.topics\.publish/,
		fix: [/gcloud projects add-iam-policy-binding acme-shops .+--role=roles\/pubsub\.publisher/],
		repair: {},
	},
	'no-right-to-become-another': {
		verdict: 'impersonation-denied',
		status: 'likely',
		line: /Unable to acquire impersonated credentials/,
		fix: [/--role=roles\/iam\.serviceAccountTokenCreator/],
		repair: { fillIn: { TARGET_SERVICE_ACCOUNT_EMAIL: 'finance@acme-data.iam.gserviceaccount.com' } },
	},
	'worker-role-taken': {
		verdict: 'env-sa-missing-worker-role',
		status: 'confirmed',
		because: new RegExp(`${SA}.+roles/composer\\.worker`),
		fix: [grant('roles/composer.worker')],
		repair: {},
	},
	'account-switched-off': {
		verdict: 'env-sa-disabled-or-deleted',
		status: 'confirmed',
		stays: WHO,
		because: /disabled/,
		fix: [new RegExp(`gcloud iam service-accounts enable ${SA}`), /--update-env-variables=TOUCH=1/],
		repair: {},
	},
	'agent-without-role': {
		verdict: 'composer-agent-role-missing',
		status: 'confirmed',
		stays: TAKEN,
		line: /Cloud Composer API Service Agent role is missing/,
		because: /roles\/composer\.serviceAgent/,
		fix: [grant('roles/composer.serviceAgent', AGENT)],
		not: { 'composer-2': [], composer: [/gcloud .+ServiceAgentV2Ext/] },
		repair: { again: repeatUpdate },
	},
	'agent-without-extension': {
		verdict: { 'composer-2': 'composer-agent-role-missing', composer: 'nothing failed' },
		status: 'confirmed',
		stays: TAKEN,
		line: /v2 API Service Agent Extension role might be missing/,
		because: { 'composer-2': /ServiceAgentV2Ext/ },
		fix: { 'composer-2': [V2EXT] },
		repair: { places: ['composer-2'], again: repeatUpdate },
	},
	'connection-in-a-closed-secret': {
		verdict: 'secret-manager-access',
		status: 'confirmed',
		line: /No access for Secret ID airflow-connections-crm_default/,
		because: /secretmanager\.versions\.access/,
		fix: [
			new RegExp(
				`gcloud secrets add-iam-policy-binding airflow-connections-crm_default --project=acme-data --member=serviceAccount:${SA} --role=roles/secretmanager\\.secretAccessor`,
			),
		],
		repair: {},
	},
	'connection-nowhere': {
		verdict: 'missing-connection-or-variable',
		status: { composer: 'confirmed', plain: 'likely' },
		because: { composer: /sets no secrets backend/ },
		stays: { composer: { workerLog: 'where no secrets backend is set, no worker asks one' } },
		line: /The conn_id `crm_default` isn't defined/,
		fix: { composer: [/connections add -- crm_default/], plain: [/airflow connections add crm_default/] },
		repair: {
			fillIn: {
				CONN_TYPE: 'http',
				HOST: 'crm.example',
				LOGIN: 'bot',
				PASSWORD: 'x',
				CONNECTION_URI: 'http://crm.example',
			},
		},
	},
	'api-switched-off': {
		verdict: 'api-not-enabled',
		status: 'confirmed',
		stays: { composer: WHO },
		line: /BigQuery API has not been used in project 481516234200 before or it is disabled/,
		because: { composer: /`owner@acme\.example` switched it off/ },
		fix: [/gcloud services enable bigquery\.googleapis\.com/],
		repair: {},
	},
	'outside-the-perimeter': {
		verdict: 'vpc-sc-denied',
		// The sentence names it, and nothing else prints it.
		status: 'confirmed',
		line: /Request is prohibited by organization's policy/,
		because: { composer: new RegExp(`VPC Service Controls refused .${SA}`) },
		fix: [/gcloud logging read .*VpcServiceControlAuditMetadata/],
		repair: {
			hand: ({ world, environment }) =>
				void world.project.perimeter?.members.add(`serviceAccount:${environment.serviceAccount}`),
		},
	},
	'too-many-queries': {
		verdict: 'bigquery-quota-or-rate-limit',
		status: 'confirmed',
		line: /Quota exceeded: Your project and region exceeded quota for max number of jobs/,
		fix: [/retry_exponential_backoff=True/],
		repair: { hand: ({ world }) => void world.project.quotas.set('bigquery-queued-jobs', { limit: 1000, usage: 40 }) },
	},
	'packages-that-clash': {
		verdict: 'pypi-dependency-conflict',
		status: 'confirmed',
		line: /has requirement pandas<2,>=0\.23\.0/,
		fix: [new RegExp(`${UPDATE} --update-pypi-package='great-expectations`)],
		repair: { fillIn: { LOWER: '1.4', UPPER: '2' }, again: updated },
	},

	// look-alikes
	'full-worker-own-mistake': {
		verdict: 'user-code-exception',
		status: 'confirmed',
		line: /ValueError: feature days_since_order/,
	},
	'ended-by-a-person': {
		verdict: 'task-externally-set-state',
		status: { 'composer-3': 'confirmed', 'airflow-2': 'confirmed', 'airflow-3': 'confirmed', composer: 'likely' },
		line: {
			'composer-3': /Server indicated the task shouldn't be running anymore/,
			'airflow-3': /Server indicated the task shouldn't be running anymore/,
			composer: /externally set to failed/,
			plain: /externally set to failed/,
		},
	},
	'probe-on-another-worker': { verdict: 'user-code-exception', status: 'confirmed', line: /ValueError: feature/ },
	'harmless-update-meanwhile': { verdict: 'user-code-exception', status: 'confirmed', line: /ValueError: feature/ },
	'file-not-delivered': {
		verdict: 'data-object-not-found',
		status: { composer: 'confirmed', plain: 'likely' },
		because: { composer: /holds `roles\/storage\.objectViewer` on the bucket `acme-sales`/ },
		stays: { composer: { projectPolicy: "the bucket's own policy lets the account see it" } },
		line: /No such object: acme-sales\/sales\/2026-11-17\.csv/,
	},
	'words-of-a-ticket': {
		verdict: 'user-code-exception',
		status: 'confirmed',
		line: /ValueError: ticket 4413 has no owner/,
	},
	'zombie-of-another-dag': { verdict: 'user-code-exception', status: 'confirmed', line: /ValueError: feature/ },
	'policy-touched-beside': { verdict: 'bigquery-job-failed', status: 'likely', line: /'reason': 'invalidQuery'/ },
	'refusal-that-was-handled': { verdict: 'network-egress-failure', status: 'likely', line: /ConnectTimeout/ },
	'error-below-many-lines': { verdict: 'user-code-exception', status: 'confirmed', line: /ValueError: feature/ },
	'well-again-after-a-retry': { verdict: 'nothing failed', status: 'confirmed' },
	'own-mistake-after-a-failed-update': {
		verdict: 'user-code-exception',
		status: 'confirmed',
		line: /ValueError: feature/,
	},
	'all-is-well': { verdict: 'nothing failed', status: 'confirmed' },
};

/** What was asked of the environment when it failed, once more. */
async function repeatUpdate(stage: Stage, scenario: Scenario): Promise<boolean> {
	await scenario.happens?.(stage);
	return updated(stage);
}
