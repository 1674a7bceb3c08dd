/**
 * What no reading of the environment and no log of the rule's cases can tell: what the person wants, whose network it is, a name
 * that the message leaves out. Everything else in capitals is a defect where the environment is known.
 */
export const onlyAPersonKnows: Readonly<Record<string, readonly string[]>> = {
	// The value they want.
	'airflow-config-blocked': ['VALUE'],
	// The message of a handled error names none.
	'missing-connection-or-variable': ['CONNECTION_URI', 'CONN_TYPE', 'HOST', 'LOGIN', 'NAME', 'PASSWORD', 'VALUE'],
	'secret-manager-access': ['VALUE', 'SECRET_ID'],
	'kpo-secret-or-config-missing': ['KEY', 'NAME', 'VALUE'],
	'kpo-unschedulable': ['NEW_LIMIT'],
	// Who called, from where.
	'api-endpoint-or-auth-changed': ['CALLER_SERVICE_ACCOUNT', 'DAG_ID'],
	'api-user-not-registered': ['CALLER_IPV4', 'CALLER_IPV6', 'CALLER_SERVICE_ACCOUNT', 'NUMERIC_ID', 'UNIQUE'],
	'caller-permission-denied': ['CALLER_EMAIL'],
	'billing-disabled': ['BILLING_ACCOUNT_ID'],
	// Google's sentence leaves it out.
	'api-not-enabled': ['SERVICE'],
	'bigquery-access-denied': ['DATASET', 'POLICY_TAG_ID', 'TAXONOMY_ID', 'TAXONOMY_LOCATION'],
	'bigquery-job-failed': ['JOB_ID'],
	'bigquery-quota-or-rate-limit': ['JOB_ID', 'REGION'],
	'data-object-not-found': ['BUCKET_NAME'],
	'env-in-error-or-busy': ['OPERATION'],
	'env-sa-disabled-or-deleted': ['NUMERIC_UNIQUE_ID'],
	'external-job-failed': ['JOB_ID', 'JOB_SERVICE_ACCOUNT_EMAIL'],
	'impersonation-denied': ['TARGET_SERVICE_ACCOUNT_EMAIL'],
	'kpo-image-pull': ['IMAGE', 'REPOSITORY', 'REPOSITORY_LOCATION'],
	'kpo-ksa-no-gcp-access': ['OTHER_ACCOUNT'],
	'kpo-pods-forbidden': ['CLUSTER_PROJECT', 'SERVICE_ACCOUNT_EMAIL'],
	'workload-identity-binding-lost': ['NAMESPACE_OF_THE_ENVIRONMENT'],
	// Which file of theirs, which version they choose.
	'dag-import-error': ['FILE'],
	'dag-not-synced': ['FILE'],
	'pypi-dependency-conflict': ['IMAGE_VERSION', 'LOWER', 'PACKAGE', 'REPOSITORY', 'REPOSITORY_LOCATION'],
	'version-or-build-known-bad': ['IMAGE_VERSION'],
	// Their network and their own clusters.
	'env-network-unreachable': ['NAT', 'NETWORK', 'OTHER_SUBNETWORK', 'ROUTER', 'SUBNETWORK'],
	'gke-quota-exceeded': ['CLUSTER', 'NODE_POOL'],
	'kpo-cluster-config': ['CLUSTER', 'CLUSTER_LOCATION', 'EXISTING_CIDRS', 'WORKERS_CIDR'],
	'network-egress-failure': ['ATTACHMENT', 'DESTINATION_CIDR', 'NETWORK', 'SUBNETWORK'],
	'pypi-build-no-network': ['NETWORK', 'SUBNETWORK'],
};

/** Words in capitals that belong to the tools: SQL, flags, states, names of variables. */
export const words: ReadonlySet<string> = new Set(
	`A8 AIR3 ALL ALLOW AND AS BY BYDAY COUNT CURRENT_TIMESTAMP DAY DESC EGRESS ERROR FR FROM GOOGLE_APPLICATION_CREDENTIALS GROUP HOUR
	HTTPS_PROXY HTTP_PROXY INTERVAL IS KUBECONFIG LIMIT NOT NO_PROXY NULL ON OR ORDER POST PYPI RUNNING SA SCHEMA SIGKILL SIGTERM
	TIMESTAMP_SUB TIMESTAMP_TRUNC TO TOUCH UPDATE WEEKLY WHERE`.split(/\s+/),
);

/** Rules whose advice differs between Composer 2 and 3, and what the catalogue of causes says about it. */
export const flips: ReadonlyMap<string, string> = new Map([
	['airflow-config-blocked', 'Composer 3 has ranges: worker_concurrency 1–24, dag_file_processor_timeout at most 600'],
	['composer-agent-role-missing', 'ServiceAgentV2Ext is for Composer 2 only'],
	['composer-api-disabled', 'Composer 3 does not need artifactregistry, cloudbuild, container, pubsub and sqladmin'],
	['env-network-unreachable', 'Composer 2 needs egress port 19090, Composer 3 a network attachment'],
	['env-update-sa-permissions', 'ServiceAgentV2Ext, and who built the PyPI image, differ'],
	['gcsfuse-mount-lost', 'worker memory: 1–6.5 GB for each vCPU, or 1–8'],
	['gke-quota-exceeded', 'Composer 3: the quota of the customer is mostly not involved'],
	['kpo-cluster-config', 'Composer 2: kubernetes_default and composer_kube_config; Composer 3 has no cluster in sight'],
	['kpo-container-failed', 'keep_pod to inspect on Composer 2'],
	['kpo-image-pull', 'events on Composer 2, airflow-k8s-operator and workloads on Composer 3'],
	['kpo-ksa-no-gcp-access', 'Composer 3: custom namespaces do not exist'],
	['kpo-oomkilled', 'exit 137 on Composer 3 can mean that the peer VM was shut down'],
	['kpo-pod-lost', 'Autopilot drains nodes of Composer 2; Composer 3 has VMs'],
	['kpo-pods-forbidden', 'roots by generation'],
	['kpo-secret-or-config-missing', 'kubectl on Composer 2, user-workloads-secrets on Composer 3'],
	['kpo-startup-timeout', 'Composer 3 boots a VM for each pod'],
	['kpo-unschedulable', 'limits of Autopilot on Composer 2; Composer 3 never shows FailedScheduling'],
	['network-egress-failure', 'Cloud NAT for the cluster, or the attached VPC'],
	['pypi-build-no-network', 'private builds only on Composer 3'],
	['scheduler-overloaded', 'Composer 3 has a DAG processor, and a scheduler of 1 vCPU at most'],
	['task-log-missing-worker-lost', 'events on Composer 2, workloads on Composer 3; worker memory'],
	['triggerer-overloaded', 'memory: 1–6.5 GB for each vCPU, or 1–8 in all'],
	['vpc-sc-denied', 'Composer 2 in a perimeter has no public PyPI'],
	['worker-oom-task-sigkill', 'worker memory: 1–6.5 GB for each vCPU, or 1–8; worker_concurrency 1–24 on Composer 3'],
	['worker-pod-evicted-storage', 'Composer 2 at most 10 GB, Composer 3 at most 100 GB'],
	['workload-identity-binding-lost', 'Composer 3 hides the binding'],
]);
