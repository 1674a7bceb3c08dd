import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { isMap, isPair, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { Document } from 'yaml';
import { z } from 'zod';
import type { Grant, Role } from './access/roles.ts';
import { alertsSchema } from './alerts/options.ts';
import type { AlertsOptions } from './alerts/options.ts';
import { watchSchema } from './alerts/watch-options.ts';
import type { WatchOptions } from './alerts/watch-options.ts';
import { airflowOptions } from './clients/airflow.ts';
import type { AirflowOptions } from './clients/airflow.ts';
import { parseRedisAddress, REDIS_FORMS } from './clients/base/redis-address.ts';
import { composerOptions } from './clients/composer.ts';
import type { ComposerOptions } from './clients/composer.ts';
import type { Lang } from './domain/text.ts';
import { scalingSchema } from './scaling/options.ts';
import type { ScalingOptions } from './scaling/options.ts';

/** One environment as the settings name it: a plain Airflow, or Composer, whose Airflow address is asked for. */
const environmentSchema = z
	.strictObject({
		...airflowOptions.shape,
		auth: airflowOptions.shape.auth.optional().describe('How the bot signs in. Left out on Composer.'),
		composer: composerOptions
			.optional()
			.describe('The Composer environment; address and version are read from the Composer API.'),
	})
	.superRefine((value, context) => {
		const issue = (message: string, path: string[] = []): void => {
			context.addIssue({ code: 'custom', message, path });
		};
		if (value.composer && value.url) issue('name either `composer` or `url`, not both', ['url']);
		if (!value.composer && !value.url) issue('needs `composer` (project, location, name), or `url` and `auth`');
		if (value.url && !value.auth) issue('needs `auth` (kind: basic, jwt or google)');
		if (value.composer && value.auth && value.auth.kind !== 'google')
			issue('Composer takes Google credentials only: leave `auth` out', ['auth']);
	});

const slackId = (what: string, letters: string) =>
	z.string().regex(new RegExp(`^[${letters}][A-Z0-9]{2,20}$`), `must be ${what}, such as ${letters[0] ?? ''}0123ABCD`);

const grantSchema = z.strictObject({
	role: z.enum(['viewer', 'operator', 'admin']).describe('What the people named below may do.'),
	users: z.array(slackId('a Slack user id', 'UW')).optional().describe('Slack user ids.'),
	groups: z.array(slackId('a Slack user group id', 'S')).optional().describe('Slack user group ids.'),
	channels: z.array(slackId('a Slack channel id', 'CGD')).optional().describe('Slack channels where it holds.'),
	environments: z.array(z.string()).optional().describe('Names of environments above.'),
	dags: z.array(z.string().min(1)).optional().describe('DAG ids; `*` stands for any characters.'),
});

/** `concertmaster.yaml`. Described once here; the settings table of the manual is made from it. */
export const fileSchema = z.strictObject({
	language: z
		.enum(['en', 'ja'])
		.default('en')
		.describe("Language where a person's Slack locale is neither English nor Japanese."),
	environments: z
		.record(
			z.string().regex(/^[\p{L}\p{N}_-]{1,40}$/u, 'names are letters, digits, `_` and `-`, at most 40'),
			environmentSchema,
		)
		.refine((value) => Object.keys(value).length > 0, 'name at least one environment')
		.describe('The Airflow environments by name; the first is the one in force where nothing else was chosen.'),
	roles: z.array(grantSchema).default([]).describe('Who may do what. Without any, everyone is what `everyone` says.'),
	everyone: z
		.enum(['viewer', 'operator', 'admin'])
		.default('viewer')
		.describe('What everyone is while `roles` is empty.'),
	outsiders: z
		.enum(['refuse', 'allow'])
		.default('refuse')
		.describe('Guests and people of other workspaces (Slack Connect).'),
	follow: z
		.strictObject({
			giveUpAfterDays: z
				.number()
				.positive()
				.max(30)
				.default(7)
				.describe('A run that lasts longer is no longer followed; its message says so.'),
		})
		.prefault({})
		.describe('Following runs to their end.'),
	retry: z
		.strictObject({
			giveUpAfterMinutes: z
				.number()
				.min(0.1)
				.max(120)
				.default(15)
				.describe('How long a command is tried while Airflow does not answer; then the asker is told.'),
		})
		.prefault({})
		.describe('Commands that Airflow does not take.'),
	alerts: alertsSchema,
	scaling: scalingSchema,
	watch: watchSchema,
});

/** Environment variables. Empty counts as not set. */
export const variables = {
	SLACK_BOT_TOKEN: "Bot token, `xoxb-…` (OAuth & Permissions in the app's settings).",
	SLACK_APP_TOKEN: 'App-level token, `xapp-…`, for Socket Mode. Needs no public address.',
	SLACK_SIGNING_SECRET: 'Signing secret, for HTTP in place of Socket Mode.',
	PORT: 'Port for HTTP; 3000.',
	SLACK_API_URL: "Base of a Slack-compatible Web API; Slack's own.",
	SLACK_APP_ID: "The app's id, `A…`; checked on everything that comes in. Else taken from SLACK_APP_TOKEN.",
	REDIS_URL: `${REDIS_FORMS}. Needs \`maxmemory-policy noeviction\`. A private CA: NODE_EXTRA_CA_CERTS.`,
	CONCERTMASTER_CONFIG: 'Path of the settings file; `concertmaster.yaml` in the working directory.',
	GOOGLE_OAUTH_ACCESS_TOKEN:
		'An access token for Google, for short trials (`gcloud auth print-access-token`); else application default credentials.',
	CONCERTMASTER_BREAK:
		'For `npm run chaos` alone: switches one protection off (`dedup`, `intent`, `adopt`, `watermark`, `seen`, `join`) to show that the run would see it.',
	HEALTH_PORT:
		'Port where each process answers `/healthz`, `/readyz` and `/metrics`, for probes and Prometheus inside the cluster; none.',
	PUBLIC_URL:
		'Where the outside reaches this bot over HTTPS, such as `https://concertmaster.example.com`: the queue page and pushes of failures; none.',
	PUBLIC_PORT: 'Port behind PUBLIC_URL; with HTTP from Slack its own PORT serves as well.',
	LOG_LEVEL: '`debug`, `info`, `warn` or `error`; `info`.',
} as const;
type Variable = keyof typeof variables;

export type EnvironmentOptions = { name: string; airflow: AirflowOptions; composer: ComposerOptions | undefined };

export type Config = {
	slack: {
		botToken: string;
		/** Socket Mode when set. */
		appToken: string | undefined;
		/** HTTP when set and there is no app token. */
		signingSecret: string | undefined;
		port: number;
		apiUrl: string | undefined;
		/** Undefined: not checked. */
		appId: string | undefined;
	};
	redisUrl: string;
	googleToken: string | undefined;
	logLevel: string;
	/** Undefined: no probes. */
	healthPort: number | undefined;
	/** Undefined: nothing is served but Slack's requests. Without a slash at its end. */
	publicUrl: string | undefined;
	publicPort: number | undefined;
	environments: readonly EnvironmentOptions[];
	lang: Lang;
	grants: readonly Grant[];
	everyone: Role;
	allowOutsiders: boolean;
	followGiveUpMs: number;
	retryGiveUpMs: number;
	alerts: AlertsOptions;
	scaling: ScalingOptions;
	watch: WatchOptions;
	broken: Protection | undefined;
};

/** What keeps a command or a failure from being lost, carried out or told twice; see CONCERTMASTER_BREAK. */
export const PROTECTIONS = ['dedup', 'intent', 'adopt', 'watermark', 'seen', 'join'] as const;
export type Protection = (typeof PROTECTIONS)[number];

export type Problem = {
	/** `concertmaster.yaml:12:3`, or the variable's name. */
	where: string;
	what: string;
};

export type Loaded =
	{ kind: 'none' } | { kind: 'problems'; problems: readonly Problem[] } | { kind: 'config'; config: Config };

/**
 * Settings of the environment and the file, every problem at once. `none`: there are none at all, which is the demo.
 * `needs: 'worker'` asks for no way in (SLACK_APP_TOKEN, SLACK_SIGNING_SECRET).
 */
export function loadConfig(
	needs: 'all' | 'worker' = 'all',
	environment: Readonly<Record<string, string | undefined>> = process.env,
	folder: string = process.cwd(),
): Loaded {
	const dotEnv = resolve(folder, '.env');
	const merged = {
		...(existsSync(dotEnv) ? parseEnv(readFileSync(dotEnv, 'utf8')) : {}),
		...Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== '')),
	};
	const get = (name: string): string | undefined => merged[name] || undefined;
	const variable = (name: Variable): string | undefined => get(name);

	const path = variable('CONCERTMASTER_CONFIG');
	const file = resolve(folder, path ?? 'concertmaster.yaml');
	const slackSet = Object.keys(merged).some((name) => name.startsWith('SLACK_') && name in variables);
	if (!slackSet && path === undefined && !existsSync(file)) return { kind: 'none' };

	const problems: Problem[] = [];
	const missing = (name: Variable, why = ''): void => {
		problems.push({ where: name, what: `is not set${why}. ${variables[name]}` });
	};
	const bad = (name: Variable, what: string): void => {
		problems.push({ where: name, what });
	};

	const botToken = variable('SLACK_BOT_TOKEN');
	const appToken = variable('SLACK_APP_TOKEN');
	const signingSecret = variable('SLACK_SIGNING_SECRET');
	const apiUrl = variable('SLACK_API_URL');
	const appId = variable('SLACK_APP_ID');
	const redisUrl = variable('REDIS_URL');
	const port = Number(variable('PORT') ?? 3000);
	const healthPort = variable('HEALTH_PORT') === undefined ? undefined : Number(variable('HEALTH_PORT'));
	const publicPort = variable('PUBLIC_PORT') === undefined ? undefined : Number(variable('PUBLIC_PORT'));
	const publicUrl = variable('PUBLIC_URL')?.replace(/\/+$/, '');
	const logLevel = variable('LOG_LEVEL') ?? 'info';
	if (botToken === undefined) missing('SLACK_BOT_TOKEN');
	if (needs === 'all' && appToken === undefined && signingSecret === undefined)
		missing('SLACK_APP_TOKEN', ', and SLACK_SIGNING_SECRET is not either: one of them is needed');
	if (appToken !== undefined && !appToken.startsWith('xapp-')) bad('SLACK_APP_TOKEN', 'does not begin with `xapp-`');
	if (apiUrl !== undefined && !/^https?:\/\//.test(apiUrl)) bad('SLACK_API_URL', 'must be an http(s) address');
	if (appId !== undefined && !/^A[A-Z0-9]{5,}$/.test(appId)) bad('SLACK_APP_ID', 'must look like `A0123ABCD`');
	if (redisUrl === undefined) missing('REDIS_URL');
	else if (!parseRedisAddress(redisUrl)) bad('REDIS_URL', `must be ${REDIS_FORMS}`);
	if (!Number.isInteger(port) || port < 0 || port > 65_535) bad('PORT', 'must be a number from 0 to 65535');
	if (healthPort !== undefined && (!Number.isInteger(healthPort) || healthPort < 0 || healthPort > 65_535))
		bad('HEALTH_PORT', 'must be a number from 0 to 65535');
	if (publicPort !== undefined && (!Number.isInteger(publicPort) || publicPort < 0 || publicPort > 65_535))
		bad('PUBLIC_PORT', 'must be a number from 0 to 65535');
	// The links to it are for one use: they must not travel in the clear, but on this machine.
	if (publicUrl !== undefined && !/^(?:https:\/\/|http:\/\/(?:127\.0\.0\.1|localhost)[:/])/.test(`${publicUrl}/`))
		bad('PUBLIC_URL', 'must be an https address');
	if (!['debug', 'info', 'warn', 'error', 'silent'].includes(logLevel))
		bad('LOG_LEVEL', 'must be `debug`, `info`, `warn` or `error`');
	// A protection may only be missing where nothing real can be doubled or lost.
	if (
		variable('CONCERTMASTER_BREAK') !== undefined &&
		!/^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])[:/]/.test(apiUrl ?? '')
	)
		bad('CONCERTMASTER_BREAK', 'is for the fault run alone, against a Slack on loopback: take it out');

	const name = path ?? 'concertmaster.yaml';
	const settings = existsSync(file) ? readFile(file, name, get, problems) : undefined;
	if (!existsSync(file))
		problems.push({
			where: name,
			what: `does not exist (looked in ${dirname(file)}). It names the Airflow environments; see concertmaster.example.yaml.`,
		});

	if (problems.length > 0 || !settings || botToken === undefined || redisUrl === undefined)
		return { kind: 'problems', problems };
	return {
		kind: 'config',
		config: {
			slack: {
				botToken,
				appToken,
				signingSecret,
				port,
				apiUrl: apiUrl === undefined || apiUrl.endsWith('/') ? apiUrl : `${apiUrl}/`,
				// xapp-1-A0123ABCD-…: the app-level token names its app.
				appId: appId ?? /^xapp-\d+-(A[A-Z0-9]+)-/.exec(appToken ?? '')?.[1],
			},
			redisUrl,
			logLevel,
			healthPort,
			publicUrl,
			publicPort,
			googleToken: variable('GOOGLE_OAUTH_ACCESS_TOKEN'),
			environments: Object.entries(settings.environments).map(([envName, { composer, auth, ...airflow }]) => ({
				name: envName,
				airflow: { ...airflow, auth: auth ?? { kind: 'google' as const } },
				composer,
			})),
			lang: settings.language,
			grants: settings.roles,
			everyone: settings.everyone,
			allowOutsiders: settings.outsiders === 'allow',
			followGiveUpMs: settings.follow.giveUpAfterDays * 24 * 3600_000,
			retryGiveUpMs: settings.retry.giveUpAfterMinutes * 60_000,
			alerts: settings.alerts,
			scaling: settings.scaling,
			watch: settings.watch,
			broken: PROTECTIONS.find((one) => one === variable('CONCERTMASTER_BREAK')),
		},
	};
}

/** What start-up prints. */
export function problemsText(problems: readonly Problem[]): string {
	const lines = problems.map(({ where, what }) => `  ${where}: ${what}`);
	return `Concertmaster cannot start, ${problems.length === 1 ? 'one setting is' : `${problems.length} settings are`} wrong or missing:\n${lines.join('\n')}\n`;
}

function readFile(
	file: string,
	name: string,
	get: (variable: string) => string | undefined,
	problems: Problem[],
): z.output<typeof fileSchema> | undefined {
	const lines = new LineCounter();
	const document = parseDocument(readFileSync(file, 'utf8'), { lineCounter: lines });
	const at = (offset: number): string => {
		const { line, col } = lines.linePos(offset);
		return `${name}:${line}:${col}`;
	};
	for (const error of document.errors)
		problems.push({ where: at(error.pos[0]), what: error.message.split('\n')[0] ?? error.message });
	if (document.errors.length > 0) return undefined;

	// ${NAME} in any value stands for an environment variable, so that no secret stands in the file.
	visit(document, {
		Scalar(key, node) {
			if (key === 'key' || typeof node.value !== 'string') return;
			node.value = node.value.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (written, variable: string) => {
				const value = get(variable);
				if (value === undefined)
					problems.push({ where: at(node.range?.[0] ?? 0), what: `the environment variable ${variable} is not set` });
				return value ?? written;
			});
		},
	});

	const parsed = fileSchema.safeParse(document.toJS() ?? {});
	if (!parsed.success) {
		for (const issue of parsed.error.issues)
			problems.push({
				where: at(offsetOf(document, issue.path)),
				what: `${issue.path.map(String).join('.') || 'the file'}: ${issue.message}`,
			});
		return undefined;
	}
	const names = Object.keys(parsed.data.environments);
	const unknown = (path: readonly PropertyKey[], env: string): void => {
		const what = `there is no environment ${env}; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`;
		problems.push({ where: at(offsetOf(document, path)), what });
	};
	for (const [index, grant] of parsed.data.roles.entries())
		for (const [inner, env] of (grant.environments ?? []).entries())
			if (!names.includes(env)) unknown(['roles', index, 'environments', inner], env);
	for (const [inner, env] of (parsed.data.watch.environments ?? []).entries())
		if (!names.includes(env)) unknown(['watch', 'environments', inner], env);
	for (const [inner, env] of (parsed.data.scaling.weekly?.environments ?? []).entries())
		if (!names.includes(env)) unknown(['scaling', 'weekly', 'environments', inner], env);
	for (const [index, route] of parsed.data.alerts.routes.entries())
		for (const [inner, env] of (route.environments ?? []).entries())
			if (!names.includes(env)) unknown(['alerts', 'routes', index, 'environments', inner], env);
	return parsed.data;
}

/** Where a value stands in the file; of one that is missing, where its parent stands. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
	for (let length = path.length; length > 0; length--) {
		const parent = document.getIn(path.slice(0, length - 1), true);
		const last = path[length - 1];
		if (isMap(parent)) {
			const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === last);
			if (pair && isScalar(pair.key)) return pair.key.range?.[0] ?? 0;
		}
		const node = document.getIn(path.slice(0, length), true);
		if (isScalar(node)) return node.range?.[0] ?? 0;
		if (isMap(node)) return node.range?.[0] ?? 0;
	}
	return 0;
}
