import { Redis } from 'ioredis';
import { alertsSchema } from '../../src/alerts/options.ts';
import { scalingSchema } from '../../src/scaling/options.ts';
import { watchSchema } from '../../src/alerts/watch-options.ts';
import { buildDeps } from '../../src/build-deps.ts';
import { composerOptions } from '../../src/clients/composer.ts';
import type { Config } from '../../src/config.ts';
import type { Checkup } from '../../src/deps.ts';
import { needs } from '../../src/domain/needs.ts';
import { SCOPES } from '../../src/domain/scopes.ts';
import { startAirflow, type AirflowOptions, type SandboxAirflow } from '../../src/sandbox/airflow/index.ts';
import { startGoogle, type SandboxGoogle } from '../../src/sandbox/google/index.ts';
import { startRedis, type SandboxRedis } from '../../src/sandbox/redis.ts';
import { startSlack } from '../../src/sandbox/slack/index.ts';
import type { SandboxSlack } from '../../src/sandbox/slack/types.ts';
import { addCaller, addEnvironment } from '../../src/sandbox/world/environments.ts';
import { give } from '../../src/sandbox/world/policy.ts';
import type { ComposerEnvironment, Place } from '../../src/sandbox/world/types.ts';
import { openWorld, type World } from '../../src/sandbox/world/world.ts';
import { people } from '../faults/workspace.ts';
import { quiet } from '../loop/wires.ts';

const NOW = Date.parse('2026-11-24T12:00:00Z');
export const BOT = 'concertmaster@acme-data-prod.iam.gserviceaccount.com';
const ALL_SCOPES = SCOPES.flatMap(({ names }) => names);

/** What may be broken of one set-up before it is looked at. */
export type Ground = {
	world: World;
	google: SandboxGoogle;
	environment: ComposerEnvironment;
	slack: SandboxSlack;
	redis: Redis;
	config: Config;
	/** What the bot token was given. */
	scopes: string[];
	/** Where the plain Airflow is looked for. */
	lab: { options: Omit<AirflowOptions, 'api'>; user: 'admin' | 'op' | 'viewer'; url?: string };
	/** Who the bot is to Composer's Airflow. */
	bot: { email: string; role: 'Op' | 'Viewer'; registered?: boolean };
};

export type House = {
	/** A healthy set-up, broken as told, and what the doctor says of it. `predefined`: with the roles that domain/needs.ts names. */
	examine(
		breakIt: (ground: Ground) => void | Promise<void>,
		grants?: 'single' | 'predefined',
	): Promise<{ checks: readonly Checkup[]; ground: Ground }>;
	close(): Promise<void>;
};

/** A role with this one permission: predefined ones carry each other's, and taking one away would take nothing. */
export const singleRole = (permission: string): string =>
	`projects/acme-data-prod/roles/${permission.replaceAll('.', '_')}`;

/** Where a need's role is granted. */
export function placeOf(on: 'project' | 'serviceAccount' | 'bucket', environment: ComposerEnvironment): Place {
	if (on === 'serviceAccount') return { kind: 'serviceAccount', email: environment.serviceAccount };
	return on === 'bucket' ? { kind: 'bucket', name: environment.bucket } : { kind: 'project' };
}

/** Slack, Redis, a plain Airflow 2 `lab` and a Composer 3 `prod`, with exactly the rights that the lists in src/domain name. */
export async function openHouse(): Promise<House> {
	const [slack, redis] = await Promise.all([startSlack({ workspace: people() }), startRedis()]);
	const client = new Redis(redis.url, { maxRetriesPerRequest: null });
	return {
		async examine(breakIt, grants = 'single') {
			await client.config('SET', 'maxmemory-policy', 'noeviction');
			const world = openWorld({ project: 'acme-data-prod', number: '481516234200', now: () => NOW });
			const environment = addEnvironment(world, {
				name: 'prod',
				imageVersion: 'composer-3-airflow-3.1.7-build.7',
				airflowUri: 'http://127.0.0.1:9',
			});
			addCaller(world, 'bot', BOT);
			addCaller(world, 'owner', 'owner@acme.example', ['roles/owner']);
			for (const [, { optional, permission, role, on, grantOn }] of needs()) {
				if (optional) continue;
				world.project.customRoles.set(singleRole(permission), [permission]);
				const [given, where] = grants === 'single' ? [singleRole(permission), on] : [role, grantOn ?? on];
				give(world, placeOf(where, environment), given, `serviceAccount:${BOT}`);
			}
			const google = await startGoogle(world);
			const ground: Ground = {
				world,
				google,
				environment,
				slack,
				redis: client,
				config: configOf({ slack, redis, google }),
				scopes: [...ALL_SCOPES],
				lab: { options: { config: { 'core-executor': 'LocalExecutor' } }, user: 'admin' },
				bot: { email: BOT, role: 'Op' },
			};
			await breakIt(ground);
			const { lab, bot, scopes } = ground;
			slack.setScopes(scopes);
			const airflows = await Promise.all([
				startAirflow({ api: 1, schedules: false, dags: [], ...lab.options }),
				startAirflow({ api: 2, schedules: false, dags: [], auth: 'google', google: { bot } }),
			]);
			const [plain, composers] = airflows;
			environment.airflowUri = composers.url;
			const environments = ground.config.environments.map((one) =>
				one.name === 'lab' ? { ...one, airflow: labOptions(lab, plain) } : one,
			);
			try {
				const deps = buildDeps({ ...ground.config, environments }, client, quiet, () => NOW);
				const checks = await deps.checkups();
				await deps.logging('prod')?.close();
				return { checks, ground };
			} finally {
				await Promise.all([google.close(), ...airflows.map((one) => one.close())]);
			}
		},
		async close() {
			client.disconnect();
			await Promise.all([slack.close(), redis.stop()]);
		},
	};
}

const labOptions = ({ user, url }: Ground['lab'], plain: SandboxAirflow) => ({
	url: url ?? plain.url,
	auth: { kind: 'basic' as const, username: user, password: user },
	timeoutMs: 15_000,
});

function configOf({
	slack,
	redis,
	google,
}: {
	slack: SandboxSlack;
	redis: SandboxRedis;
	google: SandboxGoogle;
}): Config {
	const { rootUrl, loggingEndpoint } = google;
	return {
		slack: {
			botToken: slack.botToken,
			appToken: undefined,
			signingSecret: 'x',
			port: 0,
			apiUrl: slack.apiUrl,
			appId: 'A0APP',
		},
		redisUrl: redis.url,
		googleToken: 'bot',
		logLevel: 'silent',
		healthPort: undefined,
		publicUrl: undefined,
		publicPort: undefined,
		environments: [
			{ name: 'lab', airflow: { auth: { kind: 'basic', username: 'u', password: 'p' } }, composer: undefined },
			{
				name: 'prod',
				airflow: { auth: { kind: 'google' }, timeoutMs: 15_000 },
				composer: composerOptions.parse({
					project: 'acme-data-prod',
					location: 'europe-west1',
					name: 'prod',
					rootUrl,
					loggingEndpoint,
				}),
			},
		],
		lang: 'en',
		grants: [],
		everyone: 'operator',
		allowOutsiders: false,
		followGiveUpMs: 60_000,
		retryGiveUpMs: 60_000,
		alerts: alertsSchema.parse({}),
		scaling: scalingSchema.parse({}),
		watch: watchSchema.parse({}),
		broken: undefined,
	};
}
