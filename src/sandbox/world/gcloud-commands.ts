import { dataset, repository, type At, type Call } from './gcloud-calls.ts';
import { readChange, UPDATE } from './gcloud-update.ts';
import { Malformed, type Given, type Spec } from './gcloud-words.ts';

/** `make` is absent where the command only looks. */
export type Command = Spec & { make?: (given: Given) => Call };

const at = ({ words, flags }: Given): At => ({
	environment: words['environment'] ?? flags['environment'] ?? '',
	location: flags['location'] ?? '',
	project: flags['project'],
});
const grant =
	(
		verb: 'grant' | 'revoke',
		on: (given: Given) => Extract<Call, { do: 'grant' | 'revoke' }>['on'],
		inProject?: string,
	) =>
	(given: Given): Call => ({
		do: verb,
		on: on(given),
		project: inProject === undefined ? given.flags['project'] : given.words[inProject],
		member: given.flags['member'] ?? '',
		role: given.flags['role'] ?? '',
	});

const BINDING = { member: 'member!', role: 'role!', condition: 'text' } as const;
const account = (given: Given) => ({ kind: 'serviceAccount', email: given.words['account'] ?? '' }) as const;
const bucketOf = (given: Given) =>
	({ kind: 'bucket', name: (given.words['bucket'] ?? '').slice('gs://'.length).replace(/\/.*/, '') }) as const;
const project = () => ({ kind: 'project' }) as const;
const ACCOUNT = { words: ['account'], kinds: { account: 'email' } } as const;
const PROJECT = { words: ['project'], kinds: { project: 'name' } } as const;
const ENVIRONMENT = { words: ['environment'], kinds: { environment: 'name' } } as const;
const HERE = { location: 'name!' } as const;
const BUCKET = { words: ['bucket'], kinds: { bucket: 'bucket' } } as const;

/** What is posted of gcloud, under its own names. Anything else is an error. */
export const GCLOUD: Readonly<Record<string, Command>> = {
	'projects add-iam-policy-binding': { ...PROJECT, flags: BINDING, make: grant('grant', project, 'project') },
	'projects remove-iam-policy-binding': { ...PROJECT, flags: BINDING, make: grant('revoke', project, 'project') },
	'projects get-iam-policy': PROJECT,
	'projects describe': PROJECT,
	'iam service-accounts add-iam-policy-binding': { ...ACCOUNT, flags: BINDING, make: grant('grant', account) },
	'iam service-accounts remove-iam-policy-binding': { ...ACCOUNT, flags: BINDING, make: grant('revoke', account) },
	'iam service-accounts get-iam-policy': ACCOUNT,
	'iam service-accounts describe': ACCOUNT,
	'iam service-accounts list': {},
	'iam service-accounts create': {
		words: ['name'],
		kinds: { name: 'name' },
		flags: { 'display-name': 'text' },
		make: ({ words, flags }) => ({ do: 'account', act: 'create', who: words['name'] ?? '', project: flags['project'] }),
	},
	'iam service-accounts enable': {
		...ACCOUNT,
		make: ({ words, flags }) => ({
			do: 'account',
			act: 'enable',
			who: words['account'] ?? '',
			project: flags['project'],
		}),
	},
	'iam service-accounts disable': {
		...ACCOUNT,
		make: ({ words, flags }) => ({
			do: 'account',
			act: 'disable',
			who: words['account'] ?? '',
			project: flags['project'],
		}),
	},
	'iam service-accounts undelete': {
		words: ['id'],
		kinds: { id: 'number' },
		make: ({ words, flags }) => ({ do: 'account', act: 'undelete', who: words['id'] ?? '', project: flags['project'] }),
	},
	'iam roles describe': { words: ['role'] },
	'beta services identity create': {
		flags: { service: 'name!' },
		make: ({ flags }) => ({ do: 'agent', service: flags['service'] ?? '', project: flags['project'] }),
	},
	'services enable': {
		words: ['api…'],
		kinds: { api: 'name' },
		flags: { async: 'flag' },
		make: ({ all, flags }) => ({ do: 'enable', apis: all, project: flags['project'] }),
	},
	'services list': { flags: { enabled: 'flag', available: 'flag' } },
	'storage buckets add-iam-policy-binding': { ...BUCKET, flags: BINDING, make: grant('grant', bucketOf) },
	'storage buckets remove-iam-policy-binding': { ...BUCKET, flags: BINDING, make: grant('revoke', bucketOf) },
	'storage buckets get-iam-policy': BUCKET,
	'storage buckets describe': BUCKET,
	'storage objects describe': { words: ['object'], kinds: { object: 'bucket' } },
	'storage ls': {
		words: ['bucket'],
		kinds: { bucket: 'bucket' },
		flags: { long: 'flag', recursive: 'flag', l: 'flag', r: 'flag' },
	},
	'storage du': {
		words: ['bucket…'],
		kinds: { bucket: 'bucket' },
		flags: { 'readable-sizes': 'flag', summarize: 'flag' },
	},
	'storage cat': { words: ['object…'], kinds: { object: 'bucket' } },
	'storage cp': {
		words: ['from', 'to'],
		flags: { recursive: 'flag' },
		make: ({ words }) => ({ do: 'upload', from: words['from'] ?? '', to: words['to'] ?? '' }),
	},
	'secrets add-iam-policy-binding': {
		words: ['secret'],
		flags: BINDING,
		make: grant('grant', ({ words }) => ({ kind: 'secret', id: words['secret'] ?? '' })),
	},
	'secrets get-iam-policy': { words: ['secret'] },
	'secrets describe': { words: ['secret'] },
	'secrets list': {},
	'secrets create': {
		words: ['secret'],
		flags: { 'data-file': 'text', 'replication-policy': 'text' },
		make: ({ words, flags }) => ({ do: 'secret', id: words['secret'] ?? '', project: flags['project'] }),
	},
	'composer environments update': {
		...UPDATE,
		make: (given) => ({ do: 'update', at: at(given), change: readChange(given) }),
	},
	'composer environments describe': { ...ENVIRONMENT, flags: HERE },
	'composer environments list': { flags: { locations: 'list!' } },
	'composer environments list-packages': { ...ENVIRONMENT, flags: { ...HERE, tree: 'flag' } },
	'composer environments list-upgrades': { ...ENVIRONMENT, flags: HERE },
	'composer environments list-workloads': { ...ENVIRONMENT, flags: HERE },
	'composer environments check-upgrade': {
		...ENVIRONMENT,
		flags: { ...HERE, 'image-version': 'name', 'airflow-version': 'name' },
	},
	'composer environments run': {
		words: ['environment', 'group', 'subcommand?'],
		kinds: { environment: 'name' },
		flags: HERE,
		passes: true,
		make: (given) => ({ do: 'airflow', at: at(given), words: [...given.all.slice(1), ...given.passed] }),
	},
	'composer environments user-workloads-secrets list': { flags: { environment: 'name!', ...HERE } },
	'composer environments user-workloads-secrets create': {
		flags: { environment: 'name!', ...HERE, 'secret-file-path': 'text!' },
		make: (given) => ({ do: 'user-secret', at: at(given), file: given.flags['secret-file-path'] ?? '' }),
	},
	'composer environments user-workloads-config-maps list': { flags: { environment: 'name!', ...HERE } },
	'composer environments user-workloads-config-maps create': {
		flags: { environment: 'name!', ...HERE, 'config-map-file-path': 'text!' },
		make: (given) => ({ do: 'user-secret', at: at(given), file: given.flags['config-map-file-path'] ?? '' }),
	},
	'composer operations list': { flags: { locations: 'list!' } },
	'composer operations describe': { words: ['operation'], flags: HERE },
	'composer operations wait': { words: ['operation'], flags: HERE },
	'container clusters get-credentials': {
		words: ['cluster'],
		kinds: { cluster: 'name' },
		flags: { location: 'name', region: 'name', zone: 'name', 'internal-ip': 'flag', 'dns-endpoint': 'flag' },
		make: ({ words, flags }) => ({
			do: 'credentials',
			cluster: words['cluster'] ?? '',
			location: flags['location'] ?? flags['region'] ?? flags['zone'] ?? '',
		}),
	},
	'container clusters describe': {
		words: ['cluster'],
		kinds: { cluster: 'name' },
		flags: { location: 'name', region: 'name' },
	},
	'logging read': { words: ['filter?'], flags: { freshness: 'text', order: 'text', 'log-filter': 'text' } },
	'logging buckets describe': { words: ['bucket'], flags: { location: 'name!' } },
	'builds list': { flags: { region: 'name', ongoing: 'flag' } },
	'builds log': { words: ['build'], flags: { region: 'name' } },
	'billing projects describe': PROJECT,
	'billing accounts list': {},
	'billing projects link': {
		...PROJECT,
		flags: { 'billing-account': 'text!' },
		make: ({ words, flags }) => ({
			do: 'billing',
			project: words['project'] ?? '',
			account: flags['billing-account'] ?? '',
		}),
	},
	'artifacts docker images describe': { words: ['image'] },
	'artifacts docker tags list': { words: ['image'] },
	'artifacts repositories describe': { words: ['repository'], flags: HERE },
	'artifacts repositories add-iam-policy-binding': {
		words: ['repository'],
		flags: { ...BINDING, ...HERE },
		make: grant('grant', ({ words, flags }) =>
			repository(flags['project'] ?? '', flags['location'] ?? '', words['repository'] ?? ''),
		),
	},
	'artifacts repositories create': {
		words: ['repository'],
		flags: {
			...HERE,
			'repository-format': 'text!',
			mode: 'text',
			'remote-python-repo': 'text',
			'remote-docker-repo': 'text',
		},
		make: ({ words, flags }) => ({
			do: 'repository',
			name: words['repository'] ?? '',
			location: flags['location'] ?? '',
			project: flags['project'],
		}),
	},
	'compute regions describe': { words: ['region'], kinds: { region: 'name' } },
	'compute networks subnets describe': { words: ['subnet'], flags: { region: 'name!' } },
	'compute routers create': {
		words: ['name'],
		flags: { network: 'text!', region: 'name!' },
		make: ({ words, flags }) => ({ do: 'network', what: 'router', name: words['name'] ?? '', flags }),
	},
	'compute routers nats create': {
		words: ['name'],
		flags: {
			router: 'name!',
			region: 'name!',
			'auto-allocate-nat-external-ips': 'flag',
			'nat-all-subnet-ip-ranges': 'flag',
			'nat-custom-subnet-ip-ranges': 'list',
		},
		make: ({ words, flags }) => ({ do: 'network', what: 'nat', name: words['name'] ?? '', flags }),
	},
	'compute firewall-rules create': {
		words: ['name'],
		flags: {
			network: 'text!',
			direction: 'text',
			action: 'text!',
			rules: 'list!',
			'destination-ranges': 'list',
			'source-ranges': 'list',
			priority: 'number',
		},
		make: ({ words, flags }) => ({ do: 'network', what: 'firewall', name: words['name'] ?? '', flags }),
	},
	'resource-manager org-policies describe': { words: ['constraint'], flags: { effective: 'flag' } },
	'policy-intelligence troubleshoot-policy iam': {
		words: ['resource'],
		flags: { 'principal-email': 'email!', permission: 'text!' },
	},
	'dataproc jobs list': { flags: { region: 'name!', 'state-filter': 'text' } },
	'dataproc jobs wait': { words: ['job'], flags: { region: 'name!' } },
	'dataflow jobs list': { flags: { region: 'name', status: 'text' } },
	'run jobs executions list': { flags: { region: 'name!', job: 'name' } },
	'auth list': {},
	'auth print-access-token': {},
	'auth application-default login': {},
	'config get-value': { words: ['name'] },
};

const NAMESPACE = { namespace: 'name', n: 'name', A: 'flag', 'all-namespaces': 'flag' } as const;
const LOOKS = {
	...NAMESPACE,
	o: 'text',
	l: 'text',
	'field-selector': 'text',
	'sort-by': 'text',
	containers: 'flag',
	'all-containers': 'flag',
	since: 'text',
	kubeconfig: 'text',
} as const;
const MAKES = { ...NAMESPACE, 'dry-run': 'text', o: 'text' } as const;
const namespaceOf = ({ flags }: Given): string => flags['namespace'] ?? flags['n'] ?? 'default';

/** What is posted of kubectl. */
export const KUBECTL: Readonly<Record<string, Command>> = {
	get: { words: ['what', 'name?'], flags: LOOKS },
	describe: { words: ['what', 'name?'], flags: LOOKS },
	logs: { words: ['pod?'], flags: LOOKS },
	top: { words: ['what', 'name?'], flags: LOOKS },
	'auth can-i': { words: ['verb', 'what'], flags: { ...LOOKS, as: 'text' } },
	'config get-contexts': { flags: LOOKS },
	/** A pod that ends with the command and is taken away. */
	run: {
		words: ['name'],
		flags: { ...NAMESPACE, rm: 'flag', it: 'flag', restart: 'text', image: 'text!', overrides: 'text' },
		passes: true,
	},
	apply: { flags: { ...NAMESPACE, f: 'text!' } },
	'create namespace': {
		words: ['name'],
		kinds: { name: 'name' },
		flags: MAKES,
		make: ({ words }) => ({ do: 'namespace', name: words['name'] ?? '' }),
	},
	'create serviceaccount': {
		words: ['name'],
		flags: MAKES,
		make: (given) => ({ do: 'ksa', name: given.words['name'] ?? '', namespace: namespaceOf(given) }),
	},
	'create secret generic': {
		words: ['name'],
		flags: { ...MAKES, 'from-literal': 'pairs*', 'from-file': 'text*' },
		make: (given) => ({
			do: 'kubernetes-secret',
			name: given.words['name'] ?? '',
			namespace: namespaceOf(given),
			keys: [...(given.many['from-literal'] ?? []), ...(given.many['from-file'] ?? [])].map(
				(pair) => pair.split('=', 1)[0] ?? '',
			),
		}),
	},
	'create role': {
		words: ['name'],
		flags: { ...MAKES, verb: 'list!', resource: 'list!' },
		make: (given) => ({
			do: 'kubernetes-role',
			name: given.words['name'] ?? '',
			namespace: namespaceOf(given),
			verbs: given.flags['verb']?.split(',') ?? [],
			resources: given.flags['resource']?.split(',') ?? [],
		}),
	},
	'create rolebinding': {
		words: ['name'],
		flags: { ...MAKES, role: 'text!', serviceaccount: 'text!' },
		make: (given) => ({
			do: 'kubernetes-binding',
			name: given.words['name'] ?? '',
			namespace: namespaceOf(given),
			role: given.flags['role'] ?? '',
			ksa: given.flags['serviceaccount'] ?? '',
		}),
	},
	annotate: {
		words: ['what', 'name', 'annotation…'],
		flags: { ...NAMESPACE, overwrite: 'flag' },
		make: (given) => {
			const [what, ksa = '', ...pairs] = given.all;
			if (what !== 'serviceaccount' && what !== 'sa')
				throw new Malformed(`kubectl annotate: only service accounts here, not ${what}`);
			if (!pairs.every((pair) => pair.includes('='))) throw new Malformed('kubectl annotate: NAME=VALUE is missing');
			return {
				do: 'annotate',
				ksa,
				namespace: namespaceOf(given),
				annotations: Object.fromEntries(
					pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
				),
			};
		},
	},
};

/** What is posted of bq to look; a GRANT in SQL is read by `readGrant`. */
export const BQ: Readonly<Record<string, Command>> = {
	query: {
		words: ['sql?'],
		kinds: { sql: 'sql' },
		flags: { use_legacy_sql: 'text', project_id: 'name', dry_run: 'flag', format: 'text' },
	},
	show: { words: ['what'], flags: { format: 'text', project_id: 'name', j: 'flag' } },
};

const GRANT = /^GRANT `(roles\/[\w.]+)` ON SCHEMA `([^`]+)`\.`([^`]+)` TO "([^"]+)"$/;

/** A role on a dataset, as BigQuery's SQL gives it. Throws Malformed. */
export function readGrant(sql: string): Call {
	const [, role, project, name, member] = GRANT.exec(sql) ?? [];
	if (role === undefined || project === undefined || name === undefined || member === undefined)
		throw new Malformed(`bq query: no GRANT that BigQuery reads: ${sql.slice(0, 80)}`);
	return { do: 'grant', on: dataset(project, name), project, member, role };
}

/** Airflow's command line: what of it only looks. Source: `airflow --help` of 2.11 and 3.1. */
export const AIRFLOW_LOOKS: ReadonlySet<string> = new Set([
	'config get-value',
	'connections get',
	'connections list',
	'dags list',
	'dags list-import-errors',
	'dags details',
	'db check',
	'jobs check',
	'pools list',
	'pools get',
	'tasks list',
	'tasks test',
	'users list',
	'variables get',
	'variables list',
]);
export const AIRFLOW_CHANGES: ReadonlySet<string> = new Set([
	'connections add',
	'connections delete',
	'dags pause',
	'dags trigger',
	'dags unpause',
	'db clean',
	'db trim',
	'pools delete',
	'pools set',
	'users add-role',
	'users create',
	'users delete',
	'variables delete',
	'variables set',
	'triggerer',
]);

/** Programs that only look, whatever their words. */
export const LOOK_PROGRAMS: ReadonlySet<string> = new Set([
	'celery',
	'cat',
	'date',
	'df',
	'dmesg',
	'du',
	'echo',
	'grep',
	'head',
	'hostname',
	'jq',
	'printf',
	'psql',
	'python',
	'python3',
	'read',
	'redis-cli',
	'sort',
	'tail',
]);
