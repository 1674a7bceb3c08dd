import { muteOf } from './alerts/mutes.ts';
import { destinations } from './alerts/routes.ts';
import type { WatchOptions } from './alerts/watch-options.ts';
import { airflowCheckups } from './checkups/airflow.ts';
import { googleCheckups } from './checkups/google.ts';
import { redisCheckup } from './checkups/redis.ts';
import { slackCheckups } from './checkups/slack.ts';
import { applies } from './clients/applies.ts';
import { audit } from './clients/audit.ts';
import type { Redis } from './clients/base/redis.ts';
import { airflow } from './clients/airflow.ts';
import { budget } from './clients/base/budget.ts';
import type { Budget } from './clients/base/budget.ts';
import { applicationDefault, fixedToken } from './clients/base/google.ts';
import type { GoogleToken } from './clients/base/google.ts';
import { http } from './clients/base/http.ts';
import { followed } from './clients/followed.ts';
import { incidents } from './clients/incidents.ts';
import type { Incidents } from './clients/incidents.ts';
import { storms } from './clients/storms.ts';
import type { Storms } from './clients/storms.ts';
import { digests } from './clients/digests.ts';
import type { Digests } from './clients/digests.ts';
import { plans } from './clients/plans.ts';
import { metrics } from './clients/metrics.ts';
import type { Metrics } from './clients/metrics.ts';
import { slack } from './clients/slack.ts';
import type { Slack } from './clients/slack.ts';
import { store } from './clients/store.ts';
import type { Store } from './clients/store.ts';
import { tickets } from './clients/tickets.ts';
import { watchStore } from './clients/watch-store.ts';
import type { WatchStore } from './clients/watch-store.ts';
import { watches } from './clients/watches.ts';
import type { Config } from './config.ts';
import type { Asker, Deps, Log } from './deps.ts';
import { startDiagnoser } from './diagnosis/thread.ts';
import type { Airflow } from './domain/airflow.ts';
import { Trouble } from './domain/errors.ts';
import { advisedApart } from './scaling/apart.ts';
import { keptHistory } from './scaling/kept-history.ts';
import { airflowSources } from './sources/airflow.ts';
import { composerSources } from './sources/composer.ts';
import { googleClients } from './sources/google-clients.ts';
import type { GoogleClients } from './sources/google-clients.ts';
import { googleSources } from './sources/google.ts';

/** What the worker and the Slack process have beside what the verbs see. */
export type BotDeps = Deps & {
	incidents: Incidents;
	storms: Storms;
	measure: Metrics;
	slack: Slack;
	store: Store;
	digests: Digests;
	/** Who the bot is in Slack; asked once. Throws Trouble. */
	identity(): Promise<Awaited<ReturnType<Slack['whoAmI']>>>;
	/** The person, read from Slack at most `maxAgeMs` ago. Throws Trouble. */
	asker(user: string, maxAgeMs: number): Promise<Asker>;
	/** Whether the bot is in the conversation; undefined when it may not ask. A yes is kept for ten minutes. Throws Trouble. */
	isMember(channel: string): Promise<boolean | undefined>;
	forgetMember(channel: string): void;
	followGiveUpMs: number;
	retryGiveUpMs: number;
	/** What noticing failures remembers, and `watch:` of the settings. */
	watching: WatchStore;
	watch: WatchOptions;
};

/** A name may be as old as this. */
const PERSON_MS = 3600_000;
const MEMBER_MS = 10 * 60_000;
const GROUPS_MS = 60_000;
const PEOPLE_KEPT = 5000;

/** The clients, made from the settings. Nothing is asked of anybody yet. `redis` is the patient connection. */
export function buildDeps(config: Config, redis: Redis, log: Log, now: () => number = Date.now): BotDeps {
	const kept = store(redis);
	const heard = watches(redis, now);
	const chat = slack({ botToken: config.slack.botToken, apiUrl: config.slack.apiUrl, lang: config.lang, now });
	const google = config.googleToken === undefined ? applicationDefault() : fixedToken(config.googleToken);
	const clouds = openClouds(config, google, now);
	const diagnoser = startDiagnoser({ limitMs: 20_000 });
	const airflows = new Map<string, Airflow>(
		config.environments.map((environment) => {
			const home = clouds.get(environment.name)?.composer;
			const whereabouts = home && ((options?: { fresh?: boolean }) => home.whereabouts(options));
			return [environment.name, airflow(environment.airflow, http, { google, now, whereabouts })];
		}),
	);

	const identity = once(() => chat.whoAmI());
	const wantsGroups = config.grants.some((grant) => (grant.groups?.length ?? 0) > 0);
	const groups = cached(GROUPS_MS, now, () => chat.groups());
	const people = new Map<string, { at: number; asker: Promise<Asker> }>();

	async function readAsker(user: string): Promise<Asker> {
		const { team } = await identity();
		const [person, byGroup] = await Promise.all([chat.person(user, team), wantsGroups ? groups() : new Map()]);
		return {
			...person,
			outsider: person.outsider && !config.allowOutsiders,
			groups: [...byGroup].filter(([, members]) => members.includes(user)).map(([id]) => id),
		};
	}

	const members = new Map<string, number>();

	const deps: BotDeps = {
		now,
		log,
		environments: config.environments.map(({ name }) => name),
		airflow(env) {
			const found = airflows.get(env);
			if (found) return found;
			throw new Trouble('user', 'environment unknown', `There is no environment ${env}.`, {
				ja: { message: `環境 ${env} はありません。` },
			});
		},
		composer: (env) => clouds.get(env)?.composer,
		logging: (env) => clouds.get(env)?.logging,
		monitoring: (env) => clouds.get(env)?.monitoring,
		sources(env) {
			const cloud = clouds.get(env);
			return {
				...airflowSources(deps.airflow(env)),
				...(cloud ? { ...composerSources(cloud.composer, cloud.keep), ...googleSources(cloud) } : {}),
			};
		},
		readLog: (log, question) => diagnoser.diagnose({ bytes: log }, question),
		grants: config.grants,
		everyone: config.everyone,
		lang: config.lang,
		choices: kept.choices,
		async routes(about) {
			return destinations(about, config.alerts, await heard.heard(), { lang: config.lang, now: now() });
		},
		mutedBy: async (about) => muteOf(about, (await heard.heard()).mutes, now()),
		alerts: config.alerts,
		scaling: config.scaling,
		advise: (history, options) => advisedApart(history, options),
		keptHistory: keptHistory(),
		applies: applies(redis),
		incidents: incidents(redis, now),
		storms: storms(redis, now),
		watches: heard,
		audit: audit(redis, { days: config.alerts.audit.keepDays, most: config.alerts.audit.most }, now),
		async person(idOrHandle) {
			if (!/^[UW][A-Z0-9]{2,20}$/.test(idOrHandle)) return chat.findPerson(idOrHandle);
			const { user, name } = await deps.asker(idOrHandle, PERSON_MS);
			return { user, name };
		},
		plans: plans(redis),
		digests: digests(redis),
		followed: followed(redis),
		measure: metrics(),
		publicUrl: config.publicUrl,
		tickets: tickets(redis),
		slack: chat,
		store: kept,
		watching: watchStore(redis),
		watch: config.watch,
		identity,
		asker(user, maxAgeMs) {
			const known = people.get(user);
			if (known && now() - known.at < maxAgeMs) return known.asker;
			const asker = readAsker(user);
			people.delete(user);
			people.set(user, { at: now(), asker });
			// A failed look-up is no knowledge; the older one stays out too, since it may have been wider.
			asker.catch(() => people.get(user)?.asker === asker && people.delete(user));
			const [oldest] = people.keys();
			if (people.size > PEOPLE_KEPT && oldest !== undefined) people.delete(oldest);
			return asker;
		},
		async isMember(channel) {
			if (now() - (members.get(channel) ?? -Infinity) < MEMBER_MS) return true;
			const answer = await chat.isMember(channel);
			if (answer === true) members.set(channel, now());
			if (members.size > PEOPLE_KEPT) members.clear();
			return answer;
		},
		forgetMember(channel) {
			members.delete(channel);
		},
		followGiveUpMs: config.followGiveUpMs,
		retryGiveUpMs: config.retryGiveUpMs,
		async checkups() {
			// Only a name for the commands that are posted. Credentials that give no token are told by each environment's own check.
			const bot = clouds.size === 0 ? undefined : await google.who().catch(() => undefined);
			const checks = await Promise.all([
				slackCheckups(identity, config.slack),
				redisCheckup(redis, kept),
				...deps.environments.map((env) => airflowCheckups(env, deps.airflow(env), clouds.has(env))),
				...[...clouds].map(([env, cloud]) =>
					googleCheckups({ env, cloud, bot, changes: config.scaling.apply, now: now() }),
				),
			]);
			return checks.flat();
		},
	};
	return deps;
}

/** Cloud Logging allows a project 60 reads a minute; what people do in the console counts too. */
const LOG_READS = 50;

/** By environment; those of one project spend from one budget. */
function openClouds(config: Config, google: GoogleToken, now: () => number): Map<string, GoogleClients> {
	const budgets = new Map<string, Budget>();
	return new Map(
		config.environments.flatMap(({ name, composer }) => {
			if (composer === undefined) return [];
			const logReads = budgets.get(composer.project) ?? budget(LOG_READS, now);
			budgets.set(composer.project, logReads);
			return [[name, googleClients(composer, google, { now, logReads })] as const];
		}),
	);
}

/** Asked until it was answered once. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
	let answer: Promise<T> | undefined;
	return () => {
		answer ??= ask().catch((error: unknown) => {
			answer = undefined;
			throw error;
		});
		return answer;
	};
}

function cached<T>(keepMs: number, now: () => number, ask: () => Promise<T>): () => Promise<T> {
	let held: { at: number; value: Promise<T> } | undefined;
	return () => {
		if (held && now() - held.at < keepMs) return held.value;
		const value = ask();
		const mine = { at: now(), value };
		held = mine;
		value.catch(() => {
			if (held === mine) held = undefined;
		});
		return value;
	};
}
