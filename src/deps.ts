import type { Composer } from './clients/composer.ts';
import type { Sources } from './collect.ts';
import type { Question } from './diagnosis/thread.ts';
import type { Airflow } from './domain/airflow.ts';
import type { Log } from './domain/log.ts';
import type { Diagnosis } from './domain/rule.ts';
import type { Lang } from './domain/text.ts';
import type { Grant } from './access/roles.ts';

export type { Asker, Typed } from './domain/asking.ts';
export type { Log } from './domain/log.ts';

/** The clients and the clock in one object. `commands/` and `worker/` see the outside world only through it. */
export type Deps = {
	/** Epoch milliseconds. */
	now(): number;
	log: Log;
	/** Names as in the settings, in their order. Never empty. */
	environments: readonly string[];
	/** Trouble `user` when there is no such environment. */
	airflow(env: string): Airflow;
	/** Undefined where the environment is no Composer environment. */
	composer(env: string): Composer | undefined;
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
	/** What each client can and cannot do, one line each; for `/dag doctor`. Never throws. */
	checkups(): Promise<readonly Checkup[]>;
};

export type Checkup = {
	/** `Slack`, `Redis`, `Airflow prod` … */
	what: string;
	ok: boolean;
	/** What was seen, or what is missing and what that costs; both languages. */
	found: { en: string; ja: string };
	/** Who can mend it, and how. */
	mend?: { en: string; ja: string } | undefined;
};
