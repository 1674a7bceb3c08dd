import type { AuditEntry, KubernetesEvent, LogLine } from '../domain/evidence.ts';
import { Trouble } from '../domain/errors.ts';
import { NEEDS } from '../domain/needs.ts';
import type { PolicyRecord } from '../domain/policy.ts';
import type { Budget } from './base/budget.ts';
import { quota, unreadable, type Asking } from './base/google-trouble.ts';
import { askGoogle, type GoogleToken } from './base/google.ts';
import { readPage, toAudit, toEvent, toLine, toPolicyRecord, type Entry } from './logging/entries.ts';
import { generated, type Generated } from './logging/generated.ts';
import { tails } from './logging/tail.ts';

export type LoggingOptions = {
	project: string;
	/** Name of the environment, for what people are told. */
	name: string;
	/** `host:port` of a stand-in, spoken to without TLS. */
	loggingEndpoint?: string | undefined;
	/** For one call; 7,500. */
	timeoutMs?: number | undefined;
};

export type Logging = {
	/**
	 * Entries that fit, the newest `limit` of them (default 200, at most 2,000), oldest first, masked. One call for each 1,000,
	 * and another for each page that came empty, at most four.
	 * Throws Trouble: `google quota` also when our own budget of the minute is used up. Source: LoggingServiceV2.ListLogEntries.
	 */
	lines(filter: string, limit?: number): Promise<LogLine[]>;
	/** The same as Kubernetes events. */
	events(filter: string, limit?: number): Promise<KubernetesEvent[]>;
	/** The same as audit entries, newest first. */
	audit(filter: string, limit?: number): Promise<AuditEntry[]>;
	/** Audit entries of policies that were set, newest first. */
	policies(filter: string, limit?: number): Promise<PolicyRecord[]>;
	/**
	 * New entries as they arrive, a few seconds late. Everybody with the same filter shares one session: a project has ten. `onEnd`
	 * comes once, with the Trouble that ended it, or undefined when Google ended it (after an hour); never after it was stopped.
	 * Returns what stops it.
	 */
	tail(filter: string, onLines: (lines: LogLine[]) => void, onEnd: (why: Trouble | undefined) => void): () => void;
	/** Ends its connection; the next call opens one again. */
	close(): Promise<void>;
};

const CALL_MS = 7500;
/** A diagnosis is waited for: rather a gap that says so. */
const QUOTA_WAIT_MS = 2500;
const PAGE = 1000;
/** A page may come without entries while Google is still searching. */
const PAGES = 4;

/** Cloud Logging of one project. The SDK is loaded with the first call: many processes never make one. */
export function logging(options: LoggingOptions, google: GoogleToken, budget: Budget): Logging {
	let opened: Promise<Generated> | undefined;
	const { api, permission, role } = NEEDS.logs;
	const asking: Asking = {
		api,
		permission,
		role,
		project: options.project,
		what: { en: `the logs of ${options.name}`, ja: ` ${options.name} のログ` },
	};
	const resourceNames = [`projects/${options.project}`];
	const sessions = tails(resourceNames, asking, () =>
		askGoogle(google, asking, async (token) =>
			(await client()).tailLogEntries({ otherArgs: callOptions(token, undefined).otherArgs }),
		),
	);

	function client(): Promise<Generated> {
		opened ??= generated(options.loggingEndpoint).catch((error: unknown) => {
			opened = undefined;
			throw error;
		});
		return opened;
	}

	async function list(filter: string, limit: number): Promise<Entry[]> {
		const found: Entry[] = [];
		let pageToken: string | undefined;
		for (let turn = 0; turn < PAGES && found.length < limit; turn++) {
			if (!(await budget.take(QUOTA_WAIT_MS))) throw quota(asking);
			const request = {
				resourceNames,
				filter,
				orderBy: 'timestamp desc',
				pageSize: Math.min(PAGE, limit - found.length),
				...(pageToken === undefined ? {} : { pageToken }),
			};
			const [, , answer] = await askGoogle(google, asking, async (token) =>
				(await client()).listLogEntries(request, callOptions(token, options.timeoutMs)),
			).catch((error: unknown) => {
				if (error instanceof Trouble && error.label === 'google quota') budget.spent();
				throw error;
			});
			const read = readPage(answer);
			if (!read) throw unreadable(asking);
			found.push(...read.entries);
			pageToken = read.nextPageToken || undefined;
			if (pageToken === undefined) break;
		}
		return found.slice(0, limit);
	}

	return {
		lines: async (filter, limit = 200) => (await list(filter, limit)).map(toLine).reverse(),
		events: async (filter, limit = 200) => (await list(filter, limit)).map(toEvent).reverse(),
		audit: async (filter, limit = 100) => (await list(filter, limit)).flatMap(toAudit),
		policies: async (filter, limit = 100) => (await list(filter, limit)).flatMap(toPolicyRecord),
		tail: (filter, onLines, onEnd) => sessions.join(filter, { onLines, onEnd }),
		async close() {
			sessions.stopAll();
			const closing = opened;
			opened = undefined;
			// Whoever asked through a client that never opened was told why; there is nothing to close.
			await (await closing?.catch(() => undefined))?.close();
		},
	};
}

/** Its retries are switched off: they would spend the quota behind our back. */
function callOptions(token: string, timeoutMs = CALL_MS) {
	return {
		autoPaginate: false,
		timeout: timeoutMs,
		maxRetries: 0,
		retry: { retryCodes: [] },
		otherArgs: { headers: { authorization: [`Bearer ${token}`] } },
	};
}
