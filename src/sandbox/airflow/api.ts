import type { Callers } from './callers.ts';
import { changedWithin, runChangedAt, taskChangedAt } from './changed.ts';
import { loggedTry } from './logs.ts';
import { isRecord, json, Refused, type Batch, type Dialect, type Reply } from './dialect.ts';
import { paramError } from './params.ts';
import { clearTasks, markRun, type Scheduler } from './scheduler.ts';
import { audit, createRun, findRun, runsOf, type Store } from './store.ts';
import type { Op, PartHealth, SimRun, SimTaskInstance } from './types.ts';

export type Ask = {
	store: Store;
	scheduler: Scheduler;
	dialect: Dialect;
	callers: Callers;
	health: Readonly<Record<string, PartHealth>>;
	caller: { name: string; role: string };
	dag: string;
	run: string;
	task: string;
	mapIndex: number;
	tryNumber: number;
	query: URLSearchParams;
	accept: string;
	body: unknown;
};

type Route = {
	op: Op;
	method: string;
	/** Below the root; `:dag`, `:run`, `:task`, `:map` and `:try` are segments. */
	path: string;
	/** No sign-in: version and health. */
	open?: boolean;
	/** Changes something: not for Viewer. */
	writes?: boolean;
	handle(ask: Ask): Reply;
};

const TASK = 'dags/:dag/dagRuns/:run/taskInstances/:task';

/** What both generations offer of what the bot asks; the more exact path comes first. */
export const routes: readonly Route[] = [
	{
		op: 'version',
		method: 'GET',
		path: 'version',
		open: true,
		handle: ({ dialect }) => json(200, { version: dialect.version, git_version: null }),
	},
	{ op: 'health', method: 'GET', path: 'health', open: true, handle: health },
	{ op: 'health', method: 'GET', path: 'monitor/health', open: true, handle: health },
	{ op: 'dags', method: 'GET', path: 'dags', handle: listDags },
	{ op: 'dag', method: 'GET', path: 'dags/:dag', handle: (ask) => json(200, ask.dialect.dag(needDag(ask))) },
	{ op: 'pause', method: 'PATCH', path: 'dags/:dag', writes: true, handle: patchDag },
	{
		op: 'details',
		method: 'GET',
		path: 'dags/:dag/details',
		handle: (ask) => json(200, ask.dialect.details(needDag(ask))),
	},
	{ op: 'details', method: 'GET', path: 'dags/:dag/tasks/:task', handle: taskPlan },
	{ op: 'dagTasks', method: 'GET', path: 'dags/:dag/tasks', handle: dagTasks },
	{ op: 'clear', method: 'POST', path: 'dags/:dag/clearTaskInstances', writes: true, handle: clear },
	{ op: 'trigger', method: 'POST', path: 'dags/:dag/dagRuns', writes: true, handle: trigger },
	{ op: 'runs', method: 'GET', path: 'dags/:dag/dagRuns', handle: listRuns },
	{ op: 'run', method: 'GET', path: 'dags/:dag/dagRuns/:run', handle: (ask) => runReply(ask, needRun(ask, 'read')) },
	{ op: 'change-run', method: 'PATCH', path: 'dags/:dag/dagRuns/:run', writes: true, handle: patchRun },
	{ op: 'change-run', method: 'PATCH', path: 'dags/:dag/dagRuns/:run/setNote', writes: true, handle: noteRun },
	{ op: 'delete-run', method: 'DELETE', path: 'dags/:dag/dagRuns/:run', writes: true, handle: deleteRun },
	{ op: 'tasks', method: 'GET', path: 'dags/:dag/dagRuns/:run/taskInstances', handle: listTasks },
	{ op: 'tasks', method: 'POST', path: 'dags/~/dagRuns/~/taskInstances/list', handle: batchTasks },
	{ op: 'log', method: 'GET', path: `${TASK}/logs/:try`, handle: log },
	{ op: 'tries', method: 'GET', path: `${TASK}/tries`, handle: tries },
	{ op: 'tries', method: 'GET', path: `${TASK}/:map/tries`, handle: tries },
	{ op: 'task', method: 'GET', path: TASK, handle: (ask) => taskReply(ask) },
	{ op: 'task', method: 'GET', path: `${TASK}/:map`, handle: (ask) => taskReply(ask) },
	{ op: 'importErrors', method: 'GET', path: 'importErrors', handle: importErrors },
	{ op: 'eventLogs', method: 'GET', path: 'eventLogs', handle: eventLogs },
	{ op: 'pools', method: 'GET', path: 'pools', handle: pools },
	{ op: 'config', method: 'GET', path: 'config', handle: ({ dialect, store }) => dialect.config(store.config) },
];

/** The route of a path, its segments decoded; `wrong-method` when the path is known but not with this method. */
export function findRoute(
	method: string,
	path: string,
): { route: Route; at: Record<string, string> } | 'wrong-method' | undefined {
	const segments = path.split('/');
	let known = false;
	for (const route of routes) {
		const at = match(route.path.split('/'), segments);
		if (!at) continue;
		if (route.method === method) return { route, at };
		known = true;
	}
	return known ? 'wrong-method' : undefined;
}

function match(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
	if (pattern.length !== segments.length) return undefined;
	const at: Record<string, string> = {};
	for (const [place, part] of pattern.entries()) {
		const segment = segments[place] ?? '';
		if (!part.startsWith(':')) {
			if (part !== segment) return undefined;
			continue;
		}
		try {
			at[part.slice(1)] = decodeURIComponent(segment);
		} catch {
			return undefined;
		}
		if (part === ':map' && !/^-?\d+$/.test(segment)) return undefined;
	}
	return at;
}

/** A task as its DAG says it. */
function taskPlan(ask: Ask): Reply {
	const dag = needDag(ask);
	const task = dag.tasks.find(({ id }) => id === ask.task);
	if (!task) return ask.dialect.noPlan(ask.task);
	const delay = task.retryDelayMs ?? 300_000;
	return json(200, {
		class_ref: { class_name: task.operator, module_path: 'airflow.operators' },
		depends_on_past: false,
		downstream_task_ids: dag.tasks.filter(({ after }) => after?.includes(task.id)).map(({ id }) => id),
		extra_links: [],
		is_mapped: task.mapped !== undefined,
		operator_name: task.operator,
		owner: dag.owner,
		retries: task.retries ?? 0,
		retry_delay: {
			__type: 'TimeDelta',
			days: Math.floor(delay / 86_400_000),
			seconds: Math.floor(delay / 1000) % 86_400,
			microseconds: (delay % 1000) * 1000,
		},
		retry_exponential_backoff: false,
		task_id: task.id,
		trigger_rule: 'all_success',
		wait_for_downstream: false,
	});
}

function needDag({ store, dialect, dag }: Ask, doing: 'read' | 'patch' = 'read') {
	const found = store.dags.get(dag);
	if (!found) throw new Refused(dialect.noDag(dag, doing));
	return found;
}

function needRun({ store, dialect, dag, run }: Ask, doing: 'read' | 'tasks' | 'patch'): SimRun {
	const found = findRun(store, dag, run);
	if (!found) throw new Refused(dialect.noRun(dag, run, doing));
	return found;
}

function needTask(ask: Ask): { run: SimRun; one: SimTaskInstance } {
	const { dialect, dag, run: id, task, mapIndex } = ask;
	const run = findRun(ask.store, dag, id);
	const one = run?.tasks.find((each) => each.task.id === task && each.mapIndex === mapIndex);
	if (!run || !one) throw new Refused(dialect.noTask(dag, id, task));
	return { run, one };
}

/** The page of a list, with the server's own cap of 100. */
function paged<T>({ query, dialect }: Ask, all: readonly T[]): T[] {
	const limit = Math.min(Number(query.get('limit') ?? dialect.fallbackLimit), 100);
	const offset = Number(query.get('offset') ?? 0);
	return all.slice(offset, offset + limit);
}

function health({ health: parts, store, dialect }: Ask): Reply {
	const at = (name: string): string =>
		new Date(parts[name]?.heartbeatAt ?? store.now()).toISOString().replace('Z', '000+00:00');
	const part = (name: string): Record<string, string | null> => ({
		status: parts[name]?.status ?? 'healthy',
		[`latest_${name}_heartbeat`]: at(name),
	});
	return json(200, {
		metadatabase: { status: parts['metadatabase']?.status ?? 'healthy' },
		scheduler: part('scheduler'),
		triggerer: part('triggerer'),
		// Airflow 2 parses inside its scheduler unless told otherwise.
		dag_processor:
			dialect.root === '/api/v1/' ? { status: null, latest_dag_processor_heartbeat: null } : part('dag_processor'),
	});
}

function listDags(ask: Ask): Reply {
	const { store, query, dialect } = ask;
	const pattern = query.get('dag_id_pattern');
	const like = pattern === null ? undefined : ilike(pattern);
	const paused = query.get('paused');
	const tags = query.getAll('tags').flatMap((one) => one.split(','));
	const found = [...store.dags.values()]
		.filter(
			(dag) =>
				(!like || like.test(dag.id)) &&
				(paused === null || String(dag.paused) === paused.toLowerCase()) &&
				(tags.length === 0 || dag.tags.some((tag) => tags.includes(tag))),
		)
		.sort((a, b) => (a.id < b.id ? -1 : 1));
	return json(200, { dags: paged(ask, found).map(dialect.dag), total_entries: found.length });
}

/** Postgres' ILIKE of `%pattern%`. */
function ilike(pattern: string): RegExp {
	const source = pattern
		.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
		.replaceAll('%', '.*')
		.replaceAll('_', '.');
	return new RegExp(source, 'iu');
}

function patchDag(ask: Ask): Reply {
	const dag = needDag(ask, 'patch');
	dag.paused = ask.dialect.readPaused(ask.body);
	audit(ask.store, { event: 'patch_dag', dag: dag.id, owner: ask.caller.name, extra: JSON.stringify(ask.body) });
	for (const run of runsOf(ask.store, dag.id).values()) if (run.state === 'queued') ask.scheduler.wake(run);
	return json(200, ask.dialect.dag(dag));
}

function trigger(ask: Ask): Reply {
	const { store, dialect, scheduler, caller } = ask;
	// Airflow 3 looks at the body first, Airflow 2 at the DAG.
	const early = dialect.root === '/api/v2/' ? dialect.readTrigger(ask.body) : undefined;
	const dag = store.dags.get(ask.dag);
	if (!dag) return dialect.noDag(ask.dag, 'trigger');
	if (dag.importError !== undefined) return dialect.brokenDag(ask.dag);
	const wanted = early ?? dialect.readTrigger(ask.body);
	const now = store.now();
	const runs = runsOf(store, dag.id);
	const logicalDate = wanted.logicalDate === undefined ? unused(runs, now) : wanted.logicalDate;
	const id = wanted.run ?? `manual__${new Date(logicalDate ?? now).toISOString().replace('Z', '000+00:00')}`;
	const iso = new Date(logicalDate ?? now).toISOString().replace(/(\.000)?Z$/, '+00:00');
	const early409 = dialect.root === '/api/v1/' ? taken(runs, id, logicalDate) : undefined;
	if (early409) return dialect.runExists(dag.id, id, early409, iso);
	if (/^(scheduled|backfill|asset_triggered|dataset_triggered)__/.test(id)) return dialect.reservedId(id);
	if (!/^[A-Za-z0-9_.~:+-]+$/.test(id)) return dialect.malformedId(id);
	const wrong = paramError(dag.params ?? {}, wanted.conf);
	if (wrong !== undefined) return dialect.badRequest(wrong);
	const same = taken(runs, id, logicalDate);
	if (same) return dialect.runExists(dag.id, id, same, iso);
	const run = createRun(store, {
		dag: dag.id,
		run: id,
		runType: 'manual',
		logicalDate,
		conf: wanted.conf,
		note: wanted.note,
		by: caller.name,
	});
	store.started.push({ dag: dag.id, run: id, note: wanted.note, by: caller.name, at: now });
	audit(store, { event: 'trigger_dag_run', dag: dag.id, run: id, owner: caller.name, extra: JSON.stringify(ask.body) });
	scheduler.wake(run);
	return runReply(ask, run);
}

/** Airflow counts microseconds here and the stand-in milliseconds: two triggers in one of them are no conflict. */
function unused(runs: ReadonlyMap<string, SimRun>, now: number): number {
	const dates = new Set([...runs.values()].map(({ logicalDate }) => logicalDate));
	let date = now;
	while (dates.has(date)) date++;
	return date;
}

function taken(runs: ReadonlyMap<string, SimRun>, id: string, logicalDate: number | null): 'id' | 'date' | undefined {
	if (runs.has(id)) return 'id';
	if (logicalDate === null) return undefined;
	for (const run of runs.values()) if (run.logicalDate === logicalDate) return 'date';
	return undefined;
}

function runReply({ store, dialect }: Ask, run: SimRun): Reply {
	return json(200, dialect.run(run, store.dags.get(run.dag)));
}

function listRuns(ask: Ask): Reply {
	const { store, query, dialect, dag } = ask;
	if (dag !== '~') needDag(ask);
	const states = query.getAll('state');
	const bound = (name: string): number | undefined => {
		const value = query.get(name);
		return value === null ? undefined : Date.parse(value);
	};
	const [endGte, endLte, startGte] = [bound('end_date_gte'), bound('end_date_lte'), bound('start_date_gte')];
	const all = (dag === '~' ? [...store.runs.values()] : [runsOf(store, dag)]).flatMap((runs) => [...runs.values()]);
	const within = changedWithin(query);
	const now = store.now();
	const found = all.filter(
		(run) =>
			(states.length === 0 || states.includes(run.state)) &&
			within(runChangedAt(run, now)) &&
			(endGte === undefined || (run.endedAt !== undefined && run.endedAt >= endGte)) &&
			(endLte === undefined || (run.endedAt !== undefined && run.endedAt <= endLte)) &&
			(startGte === undefined || (run.startedAt !== undefined && run.startedAt >= startGte)),
	);
	const order = query.get('order_by');
	if (order === '-start_date')
		found.sort((a, b) => (b.startedAt ?? Infinity) - (a.startedAt ?? Infinity) || b.queuedAt - a.queuedAt);
	else if (order === '-run_after') found.sort((a, b) => b.runAfter - a.runAfter);
	else if (order === '-end_date') found.sort((a, b) => (b.endedAt ?? Infinity) - (a.endedAt ?? Infinity));
	return json(200, {
		dag_runs: paged(ask, found).map((run) => dialect.run(run, store.dags.get(run.dag))),
		total_entries: found.length,
	});
}

function noteIn(body: unknown): string | undefined {
	const note = isRecord(body) ? body['note'] : undefined;
	return typeof note === 'string' && note.length <= 1000 ? note : undefined;
}

/** Airflow 2's own path for it. */
function noteRun(ask: Ask): Reply {
	if (ask.dialect.root === '/api/v2/') return ask.dialect.noPath;
	const run = needRun(ask, 'patch');
	run.note = noteIn(ask.body) ?? null;
	return runReply(ask, run);
}

function patchRun(ask: Ask): Reply {
	const note = ask.dialect.root === '/api/v2/' ? noteIn(ask.body) : undefined;
	if (note !== undefined) {
		const noted = needRun(ask, 'patch');
		noted.note = note;
		if (!isRecord(ask.body) || ask.body['state'] === undefined) return runReply(ask, noted);
	}
	const state = ask.dialect.readState(ask.body);
	const run = needRun(ask, 'patch');
	const now = ask.store.now();
	if (state === 'queued') {
		clearTasks(run, run.tasks, now);
		ask.scheduler.wake(run);
	} else markRun(run, state, now);
	audit(ask.store, {
		event: 'patch_dag_run',
		dag: run.dag,
		run: run.run,
		owner: ask.caller.name,
		extra: JSON.stringify(ask.body),
	});
	return runReply(ask, run);
}

function deleteRun(ask: Ask): Reply {
	const run = needRun(ask, 'read');
	// Airflow 3 refuses while it runs.
	if (run.state === 'running' && ask.dialect.root === '/api/v2/')
		return json(409, {
			detail: `The DagRun with dag_id: \`${run.dag}\` and run_id: \`${run.run}\` cannot be deleted in running state`,
		});
	runsOf(ask.store, run.dag).delete(run.run);
	return { status: 204, body: '' };
}

function listTasks(ask: Ask): Reply {
	if (ask.dag === '~') return changedTasks(ask);
	const run = needRun(ask, 'tasks');
	return json(200, {
		task_instances: paged(ask, run.tasks).map((one) => ask.dialect.task(run, one)),
		total_entries: run.tasks.length,
	});
}

/** Over all DAGs, by the time of their last change. */
function changedTasks(ask: Ask): Reply {
	const { store, query, dialect } = ask;
	const states = query.getAll('state');
	const within = changedWithin(query);
	const now = store.now();
	const found: { run: SimRun; one: SimTaskInstance }[] = [];
	for (const runs of store.runs.values())
		for (const run of runs.values())
			for (const one of run.tasks)
				if ((states.length === 0 || states.includes(one.state)) && within(taskChangedAt(one, now, store.api)))
					found.push({ run, one });
	if (query.get('order_by') === '-try_number') found.sort((a, b) => b.one.tryNumber - a.one.tryNumber);
	return json(200, {
		task_instances: paged(ask, found).map(({ run, one }) => dialect.task(run, one)),
		total_entries: found.length,
	});
}

function batchTasks(ask: Ask): Reply {
	const batch: Batch = ask.dialect.readBatch(ask.body);
	const found: { run: SimRun; one: SimTaskInstance }[] = [];
	for (const [dag, runs] of ask.store.runs)
		for (const run of runs.values())
			for (const one of run.tasks)
				if (
					(batch.dags?.includes(dag) ?? true) &&
					(batch.runs?.includes(run.run) ?? true) &&
					(batch.tasks?.includes(one.task.id) ?? true) &&
					(batch.states?.includes(one.state) ?? true) &&
					(batch.endGte === undefined || (one.endedAt !== undefined && one.endedAt >= batch.endGte)) &&
					(batch.endLte === undefined || (one.endedAt !== undefined && one.endedAt <= batch.endLte)) &&
					(batch.startGte === undefined || (one.startedAt !== undefined && one.startedAt >= batch.startGte))
				)
					found.push({ run, one });
	return json(200, {
		task_instances: found
			.slice(batch.offset, batch.offset + batch.limit)
			.map(({ run, one }) => ask.dialect.task(run, one)),
		total_entries: found.length,
	});
}

function taskReply(ask: Ask): Reply {
	const { run, one } = needTask(ask);
	return json(200, ask.dialect.task(run, one));
}

function tries(ask: Ask): Reply {
	const { run, one } = needTask(ask);
	const present =
		one.tryNumber === 0
			? []
			: [
					{
						tryNumber: one.tryNumber,
						state: one.state,
						queuedAt: one.queuedAt,
						startedAt: one.startedAt,
						endedAt: one.endedAt,
						ending: undefined,
						host: one.host,
						said: one.said,
					},
				];
	// A cleared task instance that has not begun again has its last try in the history already.
	const past = one.past.filter(({ tryNumber }) => tryNumber !== one.tryNumber);
	const all = [...past, ...present].map((each) => ask.dialect.oneTry(run, one, each));
	return json(200, { task_instances: paged(ask, all), total_entries: all.length });
}

function log(ask: Ask): Reply {
	const { query, tryNumber } = ask;
	const { run, one } = needTask({ ...ask, mapIndex: Number(query.get('map_index') ?? -1) });
	const dag = ask.store.dags.get(run.dag);
	const at =
		one.past.find((each) => each.tryNumber === tryNumber) ??
		(one.tryNumber === tryNumber && tryNumber > 0 ? one : undefined);
	const logged = at && dag ? loggedTry(dag, run, one, at) : undefined;
	return ask.dialect.log(logged, ask.accept, { tryNumber, composer: ask.store.logs?.() });
}

function clear(ask: Ask): Reply {
	const { store, dialect, scheduler } = ask;
	const wanted = dialect.readClear(ask.body);
	const dag = needDag(ask);
	const run = wanted.run === undefined ? undefined : findRun(store, dag.id, wanted.run);
	if (!run) return dialect.noRun(dag.id, wanted.run ?? '', 'clear');
	const ids = new Set(wanted.tasks ?? dag.tasks.map(({ id }) => id));
	const mapped = new Map(wanted.mapped);
	if (wanted.downstream)
		for (let grew = true; grew;) {
			grew = false;
			for (const task of dag.tasks)
				if (!ids.has(task.id) && task.after?.some((id) => ids.has(id))) {
					ids.add(task.id);
					grew = true;
				}
		}
	const hit = run.tasks.filter(
		({ task, mapIndex, state }) =>
			ids.has(task.id) &&
			(mapped.get(task.id) ?? mapIndex) === mapIndex &&
			(!wanted.onlyFailed || state === 'failed' || state === 'upstream_failed'),
	);
	if (!wanted.dryRun && hit.length > 0) {
		clearTasks(run, hit, store.now());
		scheduler.wake(run);
		audit(store, {
			event: 'clear',
			dag: run.dag,
			run: run.run,
			owner: ask.caller.name,
			extra: JSON.stringify(ask.body),
		});
	}
	const named = hit.map((one) => dialect.cleared(run, one));
	return json(
		200,
		dialect.root === '/api/v1/' ? { task_instances: named } : { task_instances: named, total_entries: named.length },
	);
}

/** The tasks of a DAG by their ids; both generations write nearly the same. */
function dagTasks(ask: Ask): Reply {
	const dag = needDag(ask);
	const tasks = dag.tasks
		.toSorted((a, b) => (a.id < b.id ? -1 : 1))
		.map((one) => ({
			class_ref: { class_name: one.operator, module_path: 'airflow.providers.standard.operators' },
			depends_on_past: false,
			doc_md: null,
			downstream_task_ids: dag.tasks.filter(({ after }) => after?.includes(one.id)).map(({ id }) => id),
			end_date: null,
			execution_timeout: null,
			extra_links: [],
			is_mapped: false,
			owner: dag.owner,
			pool: 'default_pool',
			pool_slots: 1,
			priority_weight: 1,
			queue: 'default',
			retries: one.retries ?? 0,
			retry_exponential_backoff: false,
			start_date: '2026-01-01T00:00:00+00:00',
			task_display_name: one.id,
			task_id: one.id,
			template_fields: [],
			trigger_rule: 'all_success',
			ui_color: '#ffefeb',
			ui_fgcolor: '#000',
			wait_for_downstream: false,
			weight_rule: 'downstream',
		}));
	return json(200, { tasks, total_entries: tasks.length });
}

function importErrors(ask: Ask): Reply {
	const { store, dialect } = ask;
	const broken = [
		...store.broken,
		...[...store.dags.values()].flatMap(({ file, importError }) =>
			importError === undefined ? [] : [{ file, stackTrace: importError }],
		),
	];
	const all = broken.map((file, index) => dialect.importError(file, index + 1, store.bootedAt));
	return json(200, { import_errors: paged(ask, all), total_entries: all.length });
}

function eventLogs(ask: Ask): Reply {
	const { store, query, dialect } = ask;
	const after = query.get('after');
	const fits = (value: string | undefined, name: string): boolean =>
		query.get(name) === null || query.get(name) === value;
	const found = store.events
		.filter(
			(event) =>
				fits(event.dag, 'dag_id') &&
				fits(event.run, 'run_id') &&
				fits(event.task, 'task_id') &&
				fits(event.event, 'event') &&
				(after === null || event.at > Date.parse(after)),
		)
		.sort((a, b) => b.id - a.id);
	return json(200, { event_logs: paged(ask, found).map(dialect.event), total_entries: found.length });
}

function pools({ store }: Ask): Reply {
	const count = { running: 0, queued: 0, scheduled: 0 };
	for (const runs of store.runs.values())
		for (const run of runs.values())
			if (run.state === 'running')
				for (const { state } of run.tasks) {
					if (state === 'running') count.running++;
					if (state === 'queued') count.queued++;
					if (state === 'scheduled') count.scheduled++;
				}
	const occupied = count.running + count.queued;
	return json(200, {
		pools: [
			{
				name: 'default_pool',
				slots: 128,
				description: 'Default pool',
				include_deferred: false,
				occupied_slots: occupied,
				running_slots: count.running,
				queued_slots: count.queued,
				scheduled_slots: count.scheduled,
				open_slots: 128 - occupied,
				deferred_slots: 0,
			},
		],
		total_entries: 1,
	});
}
