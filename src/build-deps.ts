import { muteOf } from './alerts/mutes.ts';
import { destinations } from './alerts/routes.ts';
import type { WatchOptions } from './alerts/watch-options.ts';
import { audit } from './clients/audit.ts';
import type { Redis } from './clients/base/redis.ts';
import { airflow } from './clients/airflow.ts';
import { budget } from './clients/base/budget.ts';
import type { Budget } from './clients/base/budget.ts';
import { applicationDefault, fixedToken } from './clients/base/google.ts';
import type { GoogleToken } from './clients/base/google.ts';
import { http } from './clients/base/http.ts';
import { evictionPolicy } from './clients/base/redis.ts';
import { followed } from './clients/followed.ts';
import { incidents } from './clients/incidents.ts';
import type { Incidents } from './clients/incidents.ts';
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
import type { Asker, Checkup, Deps, Log } from './deps.ts';
import { startDiagnoser } from './diagnosis/thread.ts';
import type { Airflow } from './domain/airflow.ts';
import { Trouble } from './domain/errors.ts';
import { airflowSources } from './sources/airflow.ts';
import { composerSources } from './sources/composer.ts';
import { googleClients } from './sources/google-clients.ts';
import type { GoogleClients } from './sources/google-clients.ts';
import { googleSources } from './sources/google.ts';

/** What the worker and the Slack process have beside what the verbs see. */
export type BotDeps = Deps & {
	incidents: Incidents;
	measure: Metrics;
	slack: Slack;
	store: Store;
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
		incidents: incidents(redis, now),
		watches: heard,
		audit: audit(redis, { days: config.alerts.audit.keepDays, most: config.alerts.audit.most }, now),
		async person(idOrHandle) {
			if (!/^[UW][A-Z0-9]{2,20}$/.test(idOrHandle)) return chat.findPerson(idOrHandle);
			const { user, name } = await deps.asker(idOrHandle, PERSON_MS);
			return { user, name };
		},
		plans: plans(redis),
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
			const checks = [
				slackCheckup(deps, config),
				redisCheckup(redis, kept),
				...deps.environments.map((env) => airflowCheckup(env, deps.airflow(env))),
			];
			return Promise.all(checks);
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

async function slackCheckup(deps: BotDeps, config: Config): Promise<Checkup> {
	try {
		const { teamName, scopes } = await deps.identity();
		const lacking = ['chat:write', 'commands', 'users:read'].filter((s) => scopes.length > 0 && !scopes.includes(s));
		if (lacking.length > 0)
			return {
				what: 'Slack',
				ok: false,
				found: {
					en: `The bot token lacks ${lacking.join(', ')}.`,
					ja: `ボットトークンに ${lacking.join('、')} がありません。`,
				},
				mend: {
					en: 'Add the scopes under OAuth & Permissions and install the app again.',
					ja: 'OAuth & Permissions でスコープを追加し、アプリを再インストールしてください。',
				},
			};
		const blind = scopes.length > 0 && !scopes.some((s) => s.endsWith(':history'));
		if (blind)
			return {
				what: 'Slack',
				ok: true,
				found: {
					en: `Signed in to ${teamName}. Without a \`…:history\` scope a message whose reply was lost is sent again unseen: it may stand twice.`,
					ja: `${teamName} に接続しています。\`…:history\` スコープがないため、応答が失われたメッセージは確認せずに再送され、重複する場合があります。`,
				},
			};
		if (config.slack.appId === undefined)
			return {
				what: 'Slack',
				ok: true,
				found: {
					en: `Signed in to ${teamName}. The app id of what comes in is not checked.`,
					ja: `${teamName} に接続しています。受信内容のアプリ ID は確認していません。`,
				},
				mend: { en: 'Set SLACK_APP_ID to check it.', ja: '確認するには SLACK_APP_ID を設定してください。' },
			};
		return {
			what: 'Slack',
			ok: true,
			found: { en: `Signed in to ${teamName}.`, ja: `${teamName} に接続しています。` },
		};
	} catch (error) {
		return failed('Slack', error);
	}
}

async function redisCheckup(redis: Redis, kept: Store): Promise<Checkup> {
	try {
		if (redis.status !== 'ready') throw new Trouble('upstream', 'redis unreachable', 'Redis does not answer.');
		const policy = await evictionPolicy(redis);
		const { blindPosts = '0', doubled = '0' } = await kept.counts();
		const aside = Object.keys(await kept.quarantined()).length;
		if (policy !== undefined && policy !== 'noeviction')
			return {
				what: 'Redis',
				ok: false,
				found: {
					en: `maxmemory-policy is ${policy}: when memory is short, accepted commands may vanish.`,
					ja: `maxmemory-policy が ${policy} のため、メモリ不足時に受け付けたコマンドが失われる可能性があります。`,
				},
				mend: { en: 'Set it to noeviction.', ja: 'noeviction に設定してください。' },
			};
		return {
			what: 'Redis',
			ok: aside === 0,
			found: {
				en: `Answers. Set aside: ${aside}. Messages sent again unseen: ${blindPosts}; known to stand twice: ${doubled}.`,
				ja: `応答しています。隔離済み: ${aside} 件。未確認での再送: ${blindPosts} 件、重複を確認: ${doubled} 件。`,
			},
		};
	} catch (error) {
		return failed('Redis', error);
	}
}

async function airflowCheckup(env: string, airflow: Airflow): Promise<Checkup> {
	const what = `Airflow ${env}`;
	try {
		const { version } = await airflow.version();
		const who = await airflow.whoAmI();
		return {
			what,
			ok: true,
			found: {
				en: `Airflow ${version}${who === undefined ? '' : `, signed in as ${who}`}.`,
				ja: `Airflow ${version}${who === undefined ? '' : `、${who} として接続しています`}。`,
			},
		};
	} catch (error) {
		return failed(what, error);
	}
}

function failed(what: string, error: unknown): Checkup {
	if (!(error instanceof Trouble)) {
		const name = error instanceof Error ? error.name : 'Error';
		return {
			what,
			ok: false,
			found: { en: `Not reachable (${name}).`, ja: `接続できません（${name}）。` },
		};
	}
	const { message, hint, ja } = error;
	return {
		what,
		ok: false,
		found: { en: message, ja: ja?.message ?? message },
		...(hint === undefined ? {} : { mend: { en: hint, ja: ja?.hint ?? hint } }),
	};
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
