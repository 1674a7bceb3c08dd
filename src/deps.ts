import type { AuditEntry, Refusal } from './access/audit.ts';
import type { Grant } from './access/roles.ts';
import type { About, Destination } from './alerts/about.ts';
import type { Mute } from './alerts/mutes.ts';
import type { AlertsOptions } from './alerts/options.ts';
import type { Tickets } from './clients/tickets.ts';
import type { Applies } from './clients/applies.ts';
import type { Composer } from './clients/composer.ts';
import type { Followed } from './clients/followed.ts';
import type { Logging } from './clients/logging.ts';
import type { Monitoring } from './clients/monitoring.ts';
import type { Plans } from './clients/plans.ts';
import type { Incidents } from './clients/incidents.ts';
import type { Watches } from './clients/watches.ts';
import type { Sources } from './collect.ts';
import type { Question } from './diagnosis/thread.ts';
import type { Airflow } from './domain/airflow.ts';
import type { Log } from './domain/log.ts';
import type { Measure } from './domain/measure.ts';
import type { Diagnosis } from './domain/rule.ts';
import type { Lang } from './domain/text.ts';
import type { AdviseOptions } from './scaling/advise.ts';
import type { Advised } from './scaling/apart.ts';
import type { History } from './scaling/history.ts';
import type { KeptHistory } from './scaling/kept-history.ts';
import type { ScalingOptions } from './scaling/options.ts';

export type { Asker, Typed } from './domain/asking.ts';
export type { Log } from './domain/log.ts';

/** The clients and the clock in one object. `commands/` and `worker/` see the outside world only through it. */
export type Deps = {
	/** Epoch milliseconds. */
	now: () => number;
	log: Log;
	/** Names as in the settings, in their order. Never empty. */
	environments: readonly string[];
	/** Trouble `user` when there is no such environment. */
	airflow(env: string): Airflow;
	/** Undefined where the environment is no Composer environment. */
	composer(env: string): Composer | undefined;
	/** The same; undefined too where the settings switch it off. */
	logging(env: string): Logging | undefined;
	monitoring(env: string): Monitoring | undefined;
	/** Every source of evidence that environment has. */
	sources(env: string): Sources;
	/** Names the cause of a log, in a thread of its own. Rejects with an Error when that takes too long. */
	readLog(log: Uint8Array, question: Question): Promise<Diagnosis>;
	grants: readonly Grant[];
	/** With no grants configured: what everyone is. `operator` in the demo, else `viewer`. */
	everyone: 'viewer' | 'operator' | 'admin';
	/** Language where the person's Slack locale names none we speak. */
	lang: Lang;
	/** What people and channels chose with `/dag env`. */
	choices: {
		environment(at: {
			channel: string;
			user: string;
		}): Promise<{ channel?: string | undefined; user?: string | undefined }>;
		choose(scope: { channel: string } | { user: string }, env: string | undefined): Promise<void>;
	};
	/** Who hears of it, by the settings' routes and the channels' watches; a channel once. Empty: nobody. */
	routes(about: About): Promise<readonly Destination[]>;
	/** The mute that keeps it from being said just now. */
	mutedBy(about: About): Promise<Mute | undefined>;
	/** `alerts:` of the settings. */
	alerts: AlertsOptions;
	/** `scaling:` of the settings. */
	scaling: ScalingOptions;
	/** Works out the advice on a history, apart from everything else. Rejects with an Error when that takes too long. */
	advise(history: History, options: AdviseOptions): Promise<Advised>;
	/** What of past days need not be read again. */
	keptHistory: KeptHistory;
	/** Changes of an environment that were asked for in Slack. */
	applies: Applies;
	/** Failures with one cause, as they stand: what the cards show. */
	incidents: Pick<Incidents, 'get' | 'open' | 'between' | 'idsSince' | 'tries' | 'stillBad' | 'act' | 'byTry'>;
	/** Which failures the channels hear of, how, and what is muted. */
	watches: Watches;
	/** Who changed what. */
	audit: {
		/** Keeps an entry, in place of an earlier one of the same key. Throws when Redis refuses. */
		note(entry: AuditEntry): Promise<void>;
		/** Keeps what a role did not allow, alike ones of a day as one. How often it was so far. Throws when Redis refuses. */
		refused(refusal: Refusal): Promise<number>;
		/** Newest first, what is older than the settings keep left out. */
		list(limit: number): Promise<readonly AuditEntry[]>;
	};
	/** Operations of environments that are told about just now. */
	followed: Followed;
	/** Somebody in Slack: by id, or by the handle as it is typed (`@ken`). Undefined: nobody. Throws Trouble. */
	person(idOrHandle: string): Promise<{ user: string; name: string } | undefined>;
	/** What was shown before somebody is asked to confirm, and whether it was done. */
	plans: Plans;
	measure: Measure;
	/** Where the outside reaches the bot; undefined: nowhere. */
	publicUrl: string | undefined;
	tickets: Tickets;
	/** What each client can and cannot do, one line each; for `/dag doctor`. Never throws. */
	checkups(): Promise<readonly Checkup[]>;
};

export type Checkup = {
	/** `Slack`, `Redis`, `Airflow prod` … */
	what: string;
	ok: boolean;
	/** With `ok`: it works, and something is not seen or not offered. */
	partly?: true | undefined;
	/** What was seen, or what is missing and what that costs; both languages. */
	found: { en: string; ja: string };
	/** Who can mend it, and how. */
	mend?: { en: string; ja: string } | undefined;
};
