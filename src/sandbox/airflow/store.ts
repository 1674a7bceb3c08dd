import { HOST } from './logs.ts';
import type {
	AirflowOptions,
	Beneath,
	BrokenFile,
	ComposerLogs,
	SimDag,
	SimRun,
	SimTask,
	SimTaskInstance,
	Started,
} from './types.ts';

/** What the stand-in knows: DAGs, runs, the audit log, and its own count of what was started. */
export type Store = {
	now: () => number;
	speed: number;
	dags: Map<string, SimDag & { paused: boolean; parsedAt: number }>;
	broken: readonly BrokenFile[];
	/** By DAG, in the order they came into being. */
	runs: Map<string, Map<string, SimRun>>;
	started: Started[];
	events: AuditEvent[];
	bootedAt: number;
	api: 1 | 2;
	beneath: Beneath | undefined;
	config: AirflowOptions['config'];
	logs: (() => ComposerLogs) | undefined;
};

export type AuditEvent = {
	id: number;
	at: number;
	event: string;
	dag: string | undefined;
	run: string | undefined;
	task: string | undefined;
	mapIndex: number | undefined;
	tryNumber: number | undefined;
	owner: string | undefined;
	extra: string | undefined;
};

export function openStore(options: AirflowOptions, dags: readonly SimDag[], random: () => number): Store {
	const now = options.now ?? Date.now;
	const bootedAt = now();
	const store: Store = {
		now,
		speed: options.speed ?? 1,
		dags: new Map(),
		broken: options.broken ?? [],
		runs: new Map(),
		started: [],
		events: [],
		bootedAt,
		api: options.api,
		beneath: options.beneath,
		config: options.config,
		logs: options.logs,
	};
	for (const dag of dags) {
		setDag(store, dag);
		addPast(store, dag, random);
	}
	return store;
}

export function setDag(store: Store, dag: SimDag): void {
	const before = store.dags.get(dag.id);
	store.dags.set(dag.id, { ...dag, paused: before?.paused ?? dag.paused ?? false, parsedAt: store.now() });
}

export function runsOf(store: Store, dag: string): Map<string, SimRun> {
	let runs = store.runs.get(dag);
	if (!runs) store.runs.set(dag, (runs = new Map()));
	return runs;
}

export function findRun(store: Store, dag: string, run: string): SimRun | undefined {
	return store.runs.get(dag)?.get(run);
}

export type NewRun = Pick<SimRun, 'dag' | 'run' | 'runType' | 'logicalDate' | 'conf' | 'note' | 'by'> & {
	runAfter?: number;
};

/** A queued run with its task instances. The caller has made sure that its id and logical date are free. */
export function createRun(store: Store, wanted: NewRun): SimRun {
	const now = store.now();
	const dag = store.dags.get(wanted.dag);
	const run: SimRun = {
		...wanted,
		runAfter: wanted.runAfter ?? now,
		state: 'queued',
		queuedAt: now,
		startedAt: undefined,
		endedAt: undefined,
		tasks: (dag?.tasks ?? []).flatMap((task) =>
			task.mapped === undefined
				? [newInstance(task, -1)]
				: Array.from({ length: task.mapped }, (_, index) => newInstance(task, index)),
		),
	};
	runsOf(store, wanted.dag).set(wanted.run, run);
	return run;
}

function newInstance(task: SimTask, mapIndex: number): SimTaskInstance {
	return {
		task,
		mapIndex,
		state: 'none',
		tryNumber: 0,
		maxTries: task.retries ?? 0,
		scheduledAt: undefined,
		queuedAt: undefined,
		startedAt: undefined,
		endedAt: undefined,
		host: undefined,
		said: [],
		dueAt: 0,
		past: [],
	};
}

export function audit(store: Store, event: Partial<AuditEvent> & { event: string }): void {
	store.events.push({
		id: store.events.length + 1,
		at: store.now(),
		dag: undefined,
		run: undefined,
		task: undefined,
		mapIndex: undefined,
		tryNumber: undefined,
		owner: undefined,
		extra: undefined,
		...event,
	});
}

/** The runs of the days before, each task as long as usual give or take a fifth. */
function addPast(store: Store, dag: SimDag, random: () => number): void {
	const { history } = dag;
	if (!history) return;
	const after = history.afterMs ?? 0;
	const newest = Math.floor((store.bootedAt - after) / history.everyMs) * history.everyMs + after;
	for (let age = history.runs - 1; age >= 0; age--) {
		const at = newest - age * history.everyMs;
		const failed = history.failed?.includes(age) ?? false;
		const scheduled = dag.schedule !== undefined;
		const run = createRun(store, {
			dag: dag.id,
			run: `${scheduled ? 'scheduled' : 'manual'}__${new Date(at).toISOString().replace(/\.\d+Z$/, '+00:00')}`,
			runType: scheduled ? 'scheduled' : 'manual',
			logicalDate: at,
			conf: {},
			note: null,
			by: scheduled ? undefined : 'admin',
			runAfter: at,
		});
		run.queuedAt = at;
		run.startedAt = at + 500 / store.speed;
		let end = run.startedAt;
		const endOf = new Map<string, number>();
		const fails = run.tasks.findIndex(
			({ task }) => (task.endings?.[0] ?? 'success') !== 'success' && task.retries === undefined,
		);
		const breaksAt = failed ? (fails >= 0 ? fails : run.tasks.length - 1) : Infinity;
		for (const [place, one] of run.tasks.entries()) {
			const begin =
				Math.max(run.startedAt, ...(one.task.after ?? []).map((id) => endOf.get(id) ?? 0)) + 300 / store.speed;
			if (place > breaksAt) {
				one.state = 'upstream_failed';
				one.endedAt = end;
				continue;
			}
			const breaks = place === breaksAt;
			one.tryNumber = 1;
			one.host = HOST;
			one.maxTries = breaks ? 0 : one.maxTries;
			one.scheduledAt = one.queuedAt = begin - 200 / store.speed;
			one.startedAt = begin;
			one.endedAt = begin + (one.task.ms * (0.8 + 0.4 * random())) / store.speed;
			one.state = breaks ? 'failed' : 'success';
			one.made = {
				tryNumber: 1,
				ending:
					breaks && fails < 0
						? (history.because ?? 'killed')
						: breaks
							? (one.task.endings?.[0] ?? 'killed')
							: 'success',
			};
			endOf.set(one.task.id, Math.max(endOf.get(one.task.id) ?? 0, one.endedAt));
			end = Math.max(end, one.endedAt);
		}
		run.endedAt = end + 200 / store.speed;
		run.state = failed ? 'failed' : 'success';
	}
}
