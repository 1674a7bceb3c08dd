import { needs, type Need } from '../../src/domain/needs.ts';
import { SCOPES } from '../../src/domain/scopes.ts';
import { may } from '../../src/sandbox/world/may.ts';
import { take } from '../../src/sandbox/world/policy.ts';
import { BOT, placeOf, singleRole, type Ground } from './house.ts';

/** One thing that is not as it should be, and what the doctor must say of it: `what`, and a line for each. */
export type Breakage = {
	name: string;
	/** Parts that have nothing to do with each other are said beside each other, all of them. */
	part: 'slack' | 'redis' | 'lab' | 'prod' | 'google';
	breakIt: (ground: Ground) => void | Promise<void>;
	says: (ground: Ground) => readonly [what: string, line: RegExp][];
	/** What must be named also where something of the same part is broken besides: permissions, hosts, scopes. */
	names?: (ground: Ground) => readonly RegExp[];
	/** Nothing works there: ❌, else ⚠️. */
	fatal?: boolean;
};

const GOOGLE = 'Google Cloud prod';
const STORAGE = /switched off in the settings, and this environment keeps its task logs there alone/;
const literal = (text: string): RegExp => new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));

/** What the bot lacks by the simulated project's own reckoning. */
function lacking({ world, environment }: Ground): string[] {
	const wanted = needs().filter(([, { optional, generation }]) => !optional && generation === undefined);
	return [
		...new Set(
			wanted
				.filter(([, { permission, on }]) => !may(world, BOT, permission, placeOf(on, environment)))
				.map(([, { permission }]) => permission),
		),
	];
}

/** Its API is asked at all: not switched off, the permission there, and what it is about is known. */
function isAsked(ground: Ground, api: string): boolean {
	const composer = ground.config.environments.find(({ name }) => name === 'prod')?.composer;
	if (api === 'logging.googleapis.com' && composer?.evidence?.logging === false) return false;
	const of = needs().filter(([, need]) => need.api === api && !need.optional && need.generation === undefined);
	if (of.some(([, { on }]) => on !== 'project') && !isReadable(ground)) return false;
	return of.some(([, { permission }]) => !lacking(ground).includes(permission));
}

function isReadable({ world }: Ground): boolean {
	return (
		world.environments.has('prod') &&
		world.project.enabledApis.has('composer.googleapis.com') &&
		may(world, BOT, 'composer.environments.get', { kind: 'project' })
	);
}

const hostOf = (ground: Ground, api: string): RegExp[] => (isAsked(ground, api) ? [literal(api)] : []);

const permissions = new Map(
	needs().flatMap(([, need]) =>
		need.optional || need.permission === 'composer.environments.get' ? [] : [[need.permission, need] as const],
	),
);

const withoutPermission = [...permissions].map(([permission, { on, api }]): Breakage => ({
	name: `without ${permission}`,
	part: 'google',
	breakIt: ({ world, environment }) =>
		take(world, placeOf(on, environment), singleRole(permission), `serviceAccount:${BOT}`),
	says: () => [[GOOGLE, literal(`lacks ${permission}. So `)]],
	names: (ground) =>
		(on === 'project' || isReadable(ground)) &&
		(api !== 'logging.googleapis.com' || isSwitchedOn(ground)) &&
		isTellable(ground, { on, api })
			? [literal(permission)]
			: [],
}));

/** Each API tells what is held on its own resources; one that is off does not. Of a project a refused call tells it too. */
const isTellable = ({ world }: Ground, { on, api }: Pick<Need, 'on' | 'api'>): boolean =>
	world.project.enabledApis.has(api) ||
	(on === 'project' && world.project.enabledApis.has('cloudresourcemanager.googleapis.com'));

const isSwitchedOn = ({ config }: Ground): boolean =>
	config.environments.every(({ composer }) => composer?.evidence?.logging !== false);

const apiOff = [
	'logging.googleapis.com',
	'monitoring.googleapis.com',
	'storage.googleapis.com',
	'serviceusage.googleapis.com',
	'iam.googleapis.com',
	'cloudresourcemanager.googleapis.com',
].map((api): Breakage => ({
	name: `${api} off`,
	part: 'google',
	breakIt: ({ world }) => void world.project.enabledApis.delete(api),
	says: () => [[GOOGLE, literal(`${api} is not enabled in acme-data-prod`)]],
	names: (ground) => hostOf(ground, api),
}));

const route = (['unavailable', 'rate-limited'] as const).map((kind): Breakage => ({
	name: `Cloud Monitoring ${kind}`,
	part: 'google',
	breakIt: ({ google }) => void google.faults({ op: 'monitoring.timeSeries.list', kind }),
	says: () => [
		[
			GOOGLE,
			kind === 'unavailable'
				? /monitoring\.googleapis\.com gave no usable answer \(503\)/
				: /quota of monitoring\.googleapis\.com/,
		],
	],
	names: (ground) => hostOf(ground, 'monitoring.googleapis.com'),
}));

const google: readonly Breakage[] = [
	...withoutPermission,
	...apiOff,
	...route,
	{
		name: 'Cloud Logging behind a perimeter',
		part: 'google',
		breakIt({ world }) {
			world.project.perimeter = { services: new Set(['logging.googleapis.com']), members: new Set() };
		},
		says: () => [[GOOGLE, /VPC Service Controls keep the bot from the logs of prod/]],
		names: (ground) => (isAsked(ground, 'logging.googleapis.com') ? [/the logs of prod/] : []),
	},
	{
		name: 'Cloud Logging switched off, and task logs are nowhere else',
		part: 'google',
		breakIt(ground) {
			ground.environment.settings.logStorage = 'CLOUD_LOGGING_ONLY';
			ground.config = {
				...ground.config,
				environments: ground.config.environments.map((one) =>
					one.composer
						? { ...one, composer: { ...one.composer, evidence: { logging: false, monitoring: true, iam: true } } }
						: one,
				),
			};
		},
		says: () => [[GOOGLE, STORAGE]],
		names: (ground) => (isReadable(ground) ? [STORAGE] : []),
	},
];

const changes: readonly Breakage[] = [
	{
		name: 'advice may be applied, and the account may not',
		part: 'google',
		breakIt(ground) {
			ground.config = { ...ground.config, scaling: { ...ground.config.scaling, apply: true } };
		},
		says: () => [
			[GOOGLE, /lacks composer\.environments\.update\. So a suggestion is shown/],
			[GOOGLE, /lacks iam\.serviceAccounts\.actAs\. So an update is refused/],
		],
		names: (ground) => [
			/composer\.environments\.update|cloudresourcemanager\.googleapis\.com/,
			...(isReadable(ground) ? [/serviceAccounts\.actAs|iam\.googleapis\.com/] : []),
		],
	},
];

/** Where the environment cannot be read, its Airflow is not found either. */
const blind: readonly Breakage[] = [
	{
		name: 'without composer.environments.get',
		part: 'google',
		fatal: true,
		breakIt: ({ world }) =>
			take(world, { kind: 'project' }, singleRole('composer.environments.get'), `serviceAccount:${BOT}`),
		says: () => [
			['Airflow prod', /may not see the Composer environment prod/],
			[GOOGLE, /lacks composer\.environments\.get\. So nothing works there/],
		],
		names: () => [/composer\.environments\.get/],
	},
	{
		name: 'composer.googleapis.com off',
		part: 'google',
		fatal: true,
		breakIt: ({ world }) => void world.project.enabledApis.delete('composer.googleapis.com'),
		says: () => [
			['Airflow prod', /composer\.googleapis\.com is not enabled/],
			[GOOGLE, /composer\.googleapis\.com is not enabled/],
			[GOOGLE, /composer\.googleapis\.com is not enabled/],
		],
		names: () => [/composer\.googleapis\.com/],
	},
	{
		name: 'a wrong environment name',
		part: 'google',
		fatal: true,
		breakIt: ({ world, environment }) => {
			world.environments.delete('prod');
			world.environments.set('other', { ...environment, name: 'other' });
		},
		says: () => [
			['Airflow prod', /There is no Composer environment prod in europe-west1/],
			[GOOGLE, /There is no Composer environment prod in europe-west1/],
		],
		names: (ground) =>
			lacking(ground).includes('composer.environments.get') ||
			!ground.world.project.enabledApis.has('composer.googleapis.com')
				? []
				: [/There is no Composer environment prod/],
	},
];

const slack: readonly Breakage[] = [
	...SCOPES.flatMap(({ names, must }) =>
		names.map((scope): Breakage => ({
			name: `without the scope ${scope}`,
			part: 'slack',
			...(must ? { fatal: true } : {}),
			breakIt(ground) {
				ground.scopes = ground.scopes.filter((one) => one !== scope);
			},
			names: () => [literal(`\`${scope}\``)],
			says: () => [['Slack', literal(`The bot token lacks \`${scope}\``)]],
		})),
	),
	{
		name: 'a wrong bot token',
		part: 'slack',
		fatal: true,
		breakIt(ground) {
			ground.config = { ...ground.config, slack: { ...ground.config.slack, botToken: 'xoxb-wrong' } };
		},
		says: () => [['Slack', /./]],
	},
];

const redis: readonly Breakage[] = [
	{
		name: 'Redis that evicts',
		part: 'redis',
		fatal: true,
		breakIt: async (ground) => void (await ground.redis.config('SET', 'maxmemory-policy', 'allkeys-lru')),
		says: () => [['Redis', /maxmemory-policy is allkeys-lru/]],
	},
];

const airflow: readonly Breakage[] = [
	{
		name: 'an Airflow 2 role that may not read the event log',
		part: 'lab',
		breakIt(ground) {
			ground.lab.user = 'op';
		},
		says: () => [['Airflow lab', /role is too small for: The event log.*So who ended a task by hand/]],
	},
	{
		name: 'an Airflow 2 Viewer',
		part: 'lab',
		breakIt(ground) {
			ground.lab.user = 'viewer';
		},
		says: () => [
			['Airflow lab', /too small for: The event log/],
			['Airflow lab', /too small for: Starting, rerunning.*So no DAG run can be started/],
			['Airflow lab', /too small for: The configuration/],
		],
	},
	{
		name: 'a hidden configuration',
		part: 'lab',
		breakIt(ground) {
			ground.lab.options = {};
		},
		says: () => [['Airflow lab', /does not show its configuration\. So worker_concurrency/]],
	},
	{
		name: 'logs that stay on Celery workers',
		part: 'lab',
		breakIt(ground) {
			ground.lab.options = { config: { 'core-executor': 'CeleryExecutor', 'logging-remote_logging': 'False' } };
		},
		says: () => [['Airflow lab', /remote_logging.*is off\). So a worker that is lost/]],
	},
	{
		name: 'no way to the Airflow',
		part: 'lab',
		fatal: true,
		breakIt(ground) {
			ground.lab.url = 'http://127.0.0.1:9';
		},
		says: () => [['Airflow lab', /127\.0\.0\.1/]],
	},
	{
		name: 'an Airflow whose API lets nobody in',
		part: 'lab',
		fatal: true,
		breakIt(ground) {
			ground.lab.options = { ...ground.lab.options, auth: 'deny_all' };
		},
		says: () => [['Airflow lab', /./]],
	},
	{
		name: 'a bot that Composer’s Airflow did not register',
		part: 'prod',
		fatal: true,
		breakIt(ground) {
			ground.bot.registered = false;
		},
		says: () => [['Airflow prod', /./]],
	},
	{
		name: 'a bot that is only a Viewer in Composer’s Airflow',
		part: 'prod',
		breakIt(ground) {
			ground.bot.role = 'Viewer';
		},
		says: () => [['Airflow prod', /too small for: Starting, rerunning/]],
	},
];

export const breakages: readonly Breakage[] = [...slack, ...redis, ...airflow, ...google, ...changes, ...blind];

/** Of one part: each must still be named. A part that has only one state at a time is broken in one way at a time. */
export type Pair = { one: Breakage; two: Breakage; samePart: boolean };

export const pairs: readonly Pair[] = breakages.flatMap((one, i) =>
	breakages.slice(i + 1).flatMap((two) => {
		const samePart = one.part === two.part || [one, two].every(({ part }) => part === 'google' || part === 'prod');
		return samePart && !(one.names && two.names) ? [] : [{ one, two, samePart }];
	}),
);
