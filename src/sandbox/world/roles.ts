/**
 * Role → permissions, as far as anything here asks for them; `*` stands for any run of characters, a minus takes away. Read in Google's pages of
 * roles (docs.cloud.google.com/iam/docs/roles-permissions/…) and in the published dumps of `gcloud iam roles describe`.
 */
const READ_PROJECT = ['resourcemanager.projects.get', 'resourcemanager.projects.list'];
const READ_SERVICES = ['serviceusage.quotas.get', 'serviceusage.services.get', 'serviceusage.services.list'];
const READ_COMPOSER = [
	'composer.dags.get',
	'composer.dags.getSourceCode',
	'composer.dags.list',
	'composer.environments.get',
	'composer.environments.list',
	'composer.imageversions.list',
	'composer.operations.get',
	'composer.operations.list',
	'composer.userworkloadsconfigmaps.get',
	'composer.userworkloadsconfigmaps.list',
	'composer.userworkloadssecrets.get',
	'composer.userworkloadssecrets.list',
];
const READ_LOGS = [
	'logging.buckets.get',
	'logging.buckets.list',
	'logging.logEntries.list',
	'logging.logs.list',
	'logging.views.get',
	'logging.views.list',
	'resourcemanager.projects.get',
];
const WRITE_OBJECTS = [
	'storage.objects.create',
	'storage.objects.delete',
	'storage.objects.get',
	'storage.objects.list',
	'storage.objects.update',
];

export const ROLES: Readonly<Record<string, readonly string[]>> = {
	'roles/owner': ['*'],
	'roles/editor': [
		'*.get',
		'*.list',
		'*.create',
		'*.update',
		'*.delete',
		'*.use',
		'artifactregistry.*',
		'cloudbuild.*',
		'composer.*',
		'container.*',
		'bigquery.jobs.create',
		'iam.serviceAccounts.actAs',
		'iam.serviceAccounts.disable',
		'iam.serviceAccounts.enable',
		'logging.logEntries.*',
		'monitoring.*',
		'pubsub.*',
		'serviceusage.services.disable',
		'serviceusage.services.enable',
		'storage.objects.*',
	],
	'roles/viewer': ['*.get', '*.list', 'composer.dags.getSourceCode', '-logging.privateLogEntries.list'],
	'roles/browser': [...READ_PROJECT, 'resourcemanager.projects.getIamPolicy'],

	'roles/composer.user': [...READ_COMPOSER, 'composer.dags.execute', ...READ_SERVICES, ...READ_PROJECT],
	'roles/composer.environmentAndStorageObjectViewer': [
		...READ_COMPOSER,
		...READ_PROJECT,
		'storage.objects.get',
		'storage.objects.list',
	],
	'roles/composer.environmentAndStorageObjectUser': [
		...READ_COMPOSER,
		'composer.dags.execute',
		...READ_PROJECT,
		...WRITE_OBJECTS,
	],
	'roles/composer.environmentAndStorageObjectAdmin': [
		'composer.*',
		...READ_SERVICES,
		...READ_PROJECT,
		'storage.objects.*',
	],
	'roles/composer.admin': ['composer.*', ...READ_SERVICES, ...READ_PROJECT],
	'roles/composer.worker': [
		'artifactregistry.*',
		'cloudbuild.builds.*',
		'composer.environments.get',
		'container.*',
		'logging.logEntries.create',
		'logging.logEntries.list',
		'logging.privateLogEntries.list',
		'monitoring.metricDescriptors.*',
		'monitoring.timeSeries.*',
		'orgpolicy.policy.get',
		'pubsub.*',
		...READ_PROJECT,
		...READ_SERVICES,
		'storage.buckets.get',
		'storage.buckets.list',
		'storage.objects.*',
	],
	'roles/composer.serviceAgent': [
		'artifactregistry.repositories.delete',
		'cloudbuild.*',
		'cloudsql.*',
		'compute.*',
		'container.*',
		'iam.serviceAccounts.actAs',
		'iam.serviceAccounts.get',
		'iam.serviceAccounts.getAccessToken',
		'iam.serviceAccounts.list',
		'logging.*',
		'monitoring.*',
		'pubsub.*',
		...READ_PROJECT,
		'resourcemanager.projects.getIamPolicy',
		'serviceusage.services.*',
		'storage.*',
	],
	'roles/composer.ServiceAgentV2Ext': ['iam.serviceAccounts.getIamPolicy', 'iam.serviceAccounts.setIamPolicy'],
	'roles/composer.sharedVpcAgent': ['compute.networks.*', 'compute.subnetworks.*'],

	'roles/logging.viewer': READ_LOGS,
	'roles/logging.privateLogViewer': [...READ_LOGS, 'logging.privateLogEntries.list', 'logging.views.access'],
	'roles/logging.viewAccessor': ['logging.logEntries.download', 'logging.views.access', 'logging.views.listLogs'],
	'roles/logging.admin': ['logging.*', ...READ_PROJECT],
	'roles/logging.logWriter': ['logging.logEntries.create', 'logging.logEntries.route'],
	'roles/monitoring.viewer': ['monitoring.*.get', 'monitoring.*.list', ...READ_PROJECT, 'stackdriver.projects.get'],
	'roles/monitoring.metricWriter': ['monitoring.metricDescriptors.*', 'monitoring.timeSeries.create'],

	// Its lists include log entries, private ones too, and time series.
	'roles/iam.securityReviewer': ['*.getIamPolicy', '*.list', 'iam.roles.get', 'iam.serviceAccounts.get'],
	'roles/iam.securityAdmin': ['*.getIamPolicy', '*.setIamPolicy', '*.list', 'resourcemanager.projects.get'],
	'roles/iam.serviceAccountViewer': [
		'iam.serviceAccounts.get',
		'iam.serviceAccounts.getIamPolicy',
		'iam.serviceAccounts.list',
		...READ_PROJECT,
	],
	'roles/iam.serviceAccountAdmin': [
		'iam.serviceAccounts.create',
		'iam.serviceAccounts.delete',
		'iam.serviceAccounts.disable',
		'iam.serviceAccounts.enable',
		'iam.serviceAccounts.get',
		'iam.serviceAccounts.getIamPolicy',
		'iam.serviceAccounts.list',
		'iam.serviceAccounts.setIamPolicy',
		'iam.serviceAccounts.undelete',
		'iam.serviceAccounts.update',
		...READ_PROJECT,
	],
	'roles/iam.serviceAccountUser': [
		'iam.serviceAccounts.actAs',
		'iam.serviceAccounts.get',
		'iam.serviceAccounts.list',
		...READ_PROJECT,
	],
	'roles/iam.serviceAccountTokenCreator': [
		'iam.serviceAccounts.get',
		'iam.serviceAccounts.getAccessToken',
		'iam.serviceAccounts.getOpenIdToken',
		'iam.serviceAccounts.implicitDelegation',
		'iam.serviceAccounts.list',
		'iam.serviceAccounts.signBlob',
		'iam.serviceAccounts.signJwt',
	],
	'roles/iam.workloadIdentityUser': [
		'iam.serviceAccounts.get',
		'iam.serviceAccounts.getAccessToken',
		'iam.serviceAccounts.getOpenIdToken',
		'iam.serviceAccounts.list',
	],
	'roles/resourcemanager.projectIamAdmin': [
		...READ_PROJECT,
		'resourcemanager.projects.getIamPolicy',
		'resourcemanager.projects.setIamPolicy',
	],
	'roles/serviceusage.serviceUsageViewer': [
		'monitoring.timeSeries.list',
		'serviceusage.operations.get',
		'serviceusage.operations.list',
		...READ_SERVICES,
	],
	'roles/serviceusage.serviceUsageConsumer': [
		'monitoring.timeSeries.list',
		'serviceusage.operations.get',
		'serviceusage.operations.list',
		...READ_SERVICES,
		'serviceusage.services.use',
	],
	'roles/serviceusage.serviceUsageAdmin': ['monitoring.timeSeries.list', 'serviceusage.*'],

	'roles/storage.bucketViewer': ['storage.buckets.get', 'storage.buckets.list'],
	'roles/storage.objectViewer': [...READ_PROJECT, 'storage.objects.get', 'storage.objects.list'],
	'roles/storage.objectCreator': [...READ_PROJECT, 'storage.objects.create'],
	'roles/storage.objectUser': [...READ_PROJECT, ...WRITE_OBJECTS],
	'roles/storage.objectAdmin': [...READ_PROJECT, 'storage.objects.*'],
	'roles/storage.legacyBucketReader': ['storage.buckets.get', 'storage.objects.list'],
	'roles/storage.legacyBucketWriter': [
		'storage.buckets.get',
		'storage.objects.create',
		'storage.objects.delete',
		'storage.objects.list',
	],
	'roles/storage.legacyBucketOwner': [
		'storage.buckets.get',
		'storage.buckets.getIamPolicy',
		'storage.buckets.setIamPolicy',
		'storage.buckets.update',
		'storage.objects.create',
		'storage.objects.delete',
		'storage.objects.list',
	],
	'roles/storage.admin': [...READ_PROJECT, 'storage.*'],

	'roles/bigquery.jobUser': ['bigquery.config.get', 'bigquery.jobs.create', ...READ_PROJECT],
	'roles/bigquery.user': [
		'bigquery.jobs.create',
		'bigquery.jobs.list',
		'bigquery.datasets.create',
		'bigquery.datasets.get',
		...READ_PROJECT,
	],
	'roles/bigquery.readSessionUser': ['bigquery.readsessions.*', ...READ_PROJECT],
	'roles/bigquery.metadataViewer': [
		'bigquery.datasets.get',
		'bigquery.datasets.list',
		'bigquery.tables.get',
		'bigquery.tables.list',
	],
	'roles/bigquery.dataViewer': [
		'bigquery.datasets.get',
		'bigquery.tables.export',
		'bigquery.tables.get',
		'bigquery.tables.getData',
		'bigquery.tables.list',
	],
	'roles/bigquery.dataEditor': [
		'bigquery.datasets.create',
		'bigquery.datasets.get',
		'bigquery.tables.create',
		'bigquery.tables.delete',
		'bigquery.tables.export',
		'bigquery.tables.get',
		'bigquery.tables.getData',
		'bigquery.tables.list',
		'bigquery.tables.update',
		'bigquery.tables.updateData',
	],
	'roles/bigquery.admin': ['bigquery.*', ...READ_PROJECT],
	'roles/secretmanager.secretAccessor': [...READ_PROJECT, 'secretmanager.versions.access'],
	'roles/secretmanager.viewer': [
		...READ_PROJECT,
		'secretmanager.secrets.get',
		'secretmanager.secrets.getIamPolicy',
		'secretmanager.secrets.list',
		'secretmanager.versions.get',
		'secretmanager.versions.list',
	],
	'roles/secretmanager.admin': [...READ_PROJECT, 'secretmanager.*'],

	// Not in `container.viewer`: container.pods.getLogs.
	'roles/container.viewer': ['container.*.get', 'container.*.list', 'container.*.getStatus', ...READ_PROJECT],
	'roles/container.clusterViewer': ['container.clusters.get', 'container.clusters.list', ...READ_PROJECT],
	'roles/container.developer': [
		'container.*.get',
		'container.*.list',
		'container.configMaps.*',
		'container.deployments.*',
		'container.events.*',
		'container.jobs.*',
		'container.namespaces.*',
		'container.pods.*',
		'container.secrets.*',
		'container.serviceAccounts.*',
		'container.services.*',
		...READ_PROJECT,
	],
	'roles/container.admin': ['container.*', ...READ_PROJECT],
	'roles/container.hostServiceAgentUser': ['compute.firewalls.get', 'container.hostServiceAgent.use'],
	'roles/artifactregistry.reader': [
		'artifactregistry.dockerimages.get',
		'artifactregistry.dockerimages.list',
		'artifactregistry.repositories.downloadArtifacts',
		'artifactregistry.repositories.get',
		'artifactregistry.repositories.list',
	],
	'roles/artifactregistry.writer': [
		'artifactregistry.repositories.downloadArtifacts',
		'artifactregistry.repositories.get',
		'artifactregistry.repositories.list',
		'artifactregistry.repositories.uploadArtifacts',
	],
	'roles/artifactregistry.admin': ['artifactregistry.*'],
	'roles/cloudbuild.builds.editor': ['cloudbuild.builds.*', ...READ_PROJECT],
	'roles/cloudbuild.builds.builder': [
		'artifactregistry.repositories.*',
		'cloudbuild.builds.*',
		'logging.logEntries.create',
		'storage.objects.*',
	],
	'roles/pubsub.subscriber': [
		'pubsub.snapshots.seek',
		'pubsub.subscriptions.consume',
		'pubsub.topics.attachSubscription',
	],
	'roles/pubsub.publisher': ['pubsub.topics.publish'],
	'roles/pubsub.viewer': ['pubsub.*.get', 'pubsub.*.list', ...READ_PROJECT],
	'roles/pubsub.editor': [
		'pubsub.*.get',
		'pubsub.*.list',
		'pubsub.*.create',
		'pubsub.*.update',
		'pubsub.*.delete',
		'pubsub.subscriptions.consume',
		'pubsub.topics.publish',
	],
	'roles/cloudsql.client': ['cloudsql.instances.connect', 'cloudsql.instances.get'],
	'roles/dataflow.worker': [
		'dataflow.jobs.get',
		'dataflow.workItems.*',
		'storage.objects.get',
		'logging.logEntries.create',
	],
	'roles/compute.networkUser': ['compute.networks.use', 'compute.subnetworks.use'],
};

/** Whether a role with these permissions carries this one. A minus takes away what a pattern gave. */
export function carries(permissions: readonly string[], permission: string): boolean {
	return (
		permissions.some((pattern) => fits(pattern, permission)) &&
		!permissions.some((pattern) => pattern.startsWith('-') && fits(pattern.slice(1), permission))
	);
}

const fits = (pattern: string, permission: string): boolean =>
	pattern === permission || (pattern.includes('*') && toPattern(pattern).test(permission));

const patterns = new Map<string, RegExp>();
function toPattern(pattern: string): RegExp {
	let made = patterns.get(pattern);
	if (!made) {
		made = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
		patterns.set(pattern, made);
	}
	return made;
}
