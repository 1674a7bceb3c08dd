import type { AuditEvent } from './store.ts';
import type { LoggedTry } from './logs.ts';
import type { BrokenFile, ComposerLogs, SimDag, SimRun, SimTaskInstance, SimTry } from './types.ts';

export type Reply = { status: number; headers?: Readonly<Record<string, string>>; body: string };

export type KnownDag = SimDag & { paused: boolean; parsedAt: number };

/** What a trigger asks for, read and checked by its generation. */
export type Trigger = {
	run: string | undefined;
	logicalDate: number | null | undefined;
	conf: Readonly<Record<string, unknown>>;
	note: string | null;
};

export type Clear = {
	dryRun: boolean;
	run: string | undefined;
	tasks: readonly string[] | undefined;
	/** Single mapped task instances of them, Airflow 3 only. */
	mapped?: readonly (readonly [task: string, mapIndex: number])[];
	onlyFailed: boolean;
	downstream: boolean;
};

export type Batch = {
	dags: readonly string[] | undefined;
	runs: readonly string[] | undefined;
	tasks: readonly string[] | undefined;
	states: readonly string[] | undefined;
	endGte: number | undefined;
	endLte: number | undefined;
	startGte: number | undefined;
	limit: number;
	offset: number;
};

/** How one generation writes what the stand-in knows, and how it says no. Bodies are what a real server sent. */
export type Dialect = {
	root: '/api/v1/' | '/api/v2/';
	version: string;
	/** Page size without a limit. */
	fallbackLimit: number;
	healthPath: string;
	dag: (dag: KnownDag) => object;
	details: (dag: KnownDag) => object;
	run: (run: SimRun, dag: KnownDag | undefined) => object;
	task: (run: SimRun, one: SimTaskInstance) => object;
	oneTry: (run: SimRun, one: SimTaskInstance, past: SimTry) => object;
	cleared: (run: SimRun, one: SimTaskInstance) => object;
	importError: (file: BrokenFile, id: number, at: number) => object;
	event: (event: AuditEvent) => object;
	log: (
		one: LoggedTry | undefined,
		accept: string,
		asked: { tryNumber: number; composer: ComposerLogs | undefined },
	) => Reply;
	/** Throws the Reply that refuses. */
	readTrigger: (body: unknown) => Trigger;
	readClear: (body: unknown) => Clear;
	readBatch: (body: unknown) => Batch;
	readState: (body: unknown) => 'queued' | 'success' | 'failed';
	readPaused: (body: unknown) => boolean;
	noDag: (dag: string, doing: 'read' | 'trigger' | 'patch') => Reply;
	noRun: (dag: string, run: string, doing: 'read' | 'tasks' | 'patch' | 'clear') => Reply;
	noTask: (dag: string, run: string, task: string) => Reply;
	/** The DAG has no such task. */
	noPlan: (task: string) => Reply;
	noPath: Reply;
	wrongMethod: Reply;
	notJson: (contentType: string) => Reply;
	forbidden: Reply;
	/** The same, of a run of a DAG that is not there. */
	forbiddenNowhere: Reply;
	brokenDag: (dag: string) => Reply;
	badRequest: (detail: string) => Reply;
	/** Undefined: not let out. */
	config: (settings: Readonly<Record<string, string>> | undefined) => Reply;
	runExists: (dag: string, run: string, same: 'id' | 'date', logicalDate: string) => Reply;
	reservedId: (run: string) => Reply;
	malformedId: (run: string) => Reply;
	/** Roles that may do it, beside Admin. */
	mayRead: (role: string, what: string) => boolean;
};

export function json(status: number, body: unknown): Reply {
	return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** Thrown by readers and handlers: a reply that ends the call. */
export class Refused extends Error {
	readonly reply: Reply;
	constructor(reply: Reply) {
		super(`refused with ${reply.status}`);
		this.reply = reply;
	}
}

export function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function texts(value: unknown): string[] | undefined {
	return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : undefined;
}

/** In Airflow's own order of things: sections, then options. */
export function configBody(settings: Readonly<Record<string, string>>): object {
	const sections = new Map<string, { key: string; value: string }[]>();
	for (const [name, value] of Object.entries(settings)) {
		const dash = name.indexOf('-');
		const section = name.slice(0, dash);
		sections.set(section, [...(sections.get(section) ?? []), { key: name.slice(dash + 1), value }]);
	}
	return { sections: [...sections].map(([name, options]) => ({ name, options })) };
}

/** Both generations say it in these words. */
export const HIDDEN_CONFIG =
	'Your Airflow administrator chose not to expose the configuration, most likely for security reasons.';
