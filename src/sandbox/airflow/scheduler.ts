import { endingOf, HOST, loggedTry } from './logs.ts';
import { logEntries } from './log-entries.ts';
import { audit, createRun, findRun, runsOf, type Store } from './store.ts';
import type { Beneath, Ending, SimRun, SimTaskInstance, TaskState, Tried } from './types.ts';

const TICK_MS = 20;
// At speed 1, as on a real Airflow with an idle worker.
const RUN_STARTS_MS = 300;
const TASK_QUEUED_MS = 150;
const TASK_STARTS_MS = 250;
// A worker that is gone is noticed by its missing heartbeat.
const NO_LOG_MS = 1000;

const DONE: ReadonlySet<TaskState> = new Set<TaskState>(['success', 'failed', 'upstream_failed', 'skipped', 'removed']);

/** Runs what is queued, in real time. `wake` after anything that makes work; nothing ticks while there is none. */
export function openScheduler(store: Store, schedules: boolean) {
	let timer: NodeJS.Timeout | undefined;
	let scheduleTimer: NodeJS.Timeout | undefined;
	const active = new Set<SimRun>();

	function wake(run?: SimRun): void {
		if (run) active.add(run);
		timer ??= setInterval(tick, TICK_MS);
	}

	function tick(): void {
		const now = store.now();
		for (const run of active) {
			if (run.state === 'success' || run.state === 'failed' || findRun(store, run.dag, run.run) !== run) {
				active.delete(run);
				continue;
			}
			if (run.state === 'queued') start(run, now);
			if (run.state === 'running') advance(run, now);
		}
		if (active.size === 0) {
			clearInterval(timer);
			timer = undefined;
		}
	}

	// A paused DAG's runs stay queued; so do those beyond max_active_runs.
	function start(run: SimRun, now: number): void {
		const dag = store.dags.get(run.dag);
		if (!dag || dag.paused || now < run.queuedAt + RUN_STARTS_MS / store.speed) return;
		let running = 0;
		for (const other of active) if (other.dag === run.dag && other.state === 'running') running++;
		if (running >= (dag.maxActiveRuns ?? 16)) return;
		run.state = 'running';
		run.startedAt = now;
	}

	function advance(run: SimRun, now: number): void {
		const byTask = Map.groupBy(run.tasks, ({ task }) => task.id);
		for (const one of run.tasks) step(run, one, byTask, now);
		if (!run.tasks.every(({ state }) => DONE.has(state))) return;
		// As Airflow decides it: by the leaves.
		const inner = new Set(run.tasks.flatMap(({ task }) => task.after ?? []));
		const leaves = run.tasks.filter(({ task }) => !inner.has(task.id));
		run.state = leaves.some(({ state }) => state === 'failed' || state === 'upstream_failed') ? 'failed' : 'success';
		run.endedAt = now;
	}

	function step(run: SimRun, one: SimTaskInstance, byTask: Map<string, SimTaskInstance[]>, now: number): void {
		switch (one.state) {
			case 'none': {
				const upstream = (one.task.after ?? []).flatMap((id) => byTask.get(id) ?? []);
				if (!upstream.every(({ state }) => DONE.has(state))) return;
				if (upstream.some(({ state }) => state === 'failed' || state === 'upstream_failed')) {
					one.state = 'upstream_failed';
					one.startedAt = one.endedAt = now;
				} else if (upstream.some(({ state }) => state === 'skipped')) {
					one.state = 'skipped';
					one.startedAt = one.endedAt = now;
				} else schedule(one, now);
				return;
			}
			case 'scheduled':
				if (now < one.dueAt) return;
				one.state = 'queued';
				one.queuedAt = now;
				one.dueAt = now + (endingOf(one) === 'no-log' ? NO_LOG_MS : TASK_STARTS_MS) / store.speed;
				return;
			case 'queued': {
				if (now < one.dueAt) return;
				if (endingOf(one) === 'no-log') return finish(run, one, 'no-log', now);
				const place = beneath(run, one, (below, tried) => below.place(tried)) ?? { host: HOST };
				if (place === 'wait') return;
				if (typeof place === 'string' || !('host' in place)) return finish(run, one, place, now);
				one.host = place.host;
				one.state = 'running';
				one.startedAt = now;
				one.dueAt = now + durationMs(run, one) / store.speed;
				return;
			}
			case 'running': {
				const ending = beneath(run, one, (below, tried) => below.end(tried));
				if (ending === 'runs') return;
				if (ending !== undefined || now >= one.dueAt) finish(run, one, ending ?? endingOf(one), now);
				return;
			}
			case 'up_for_retry':
				if (now >= one.dueAt) schedule(one, now);
				return;
			default:
		}
	}

	function beneath<T>(run: SimRun, one: SimTaskInstance, ask: (below: Beneath, tried: Tried) => T): T | undefined {
		const dag = store.dags.get(run.dag);
		if (!store.beneath || !dag) return undefined;
		return ask(store.beneath, {
			dag,
			run,
			task: one.task,
			mapIndex: one.mapIndex,
			tryNumber: one.tryNumber,
			queuedAt: one.queuedAt ?? store.now(),
			startedAt: one.startedAt,
			host: one.host,
			dueAt: one.dueAt,
			say(...lines) {
				one.said.push(...lines.map((line) => ({ ...line, at: store.now() })));
			},
		});
	}

	function schedule(one: SimTaskInstance, now: number): void {
		// Of one that was cleared the try before is remembered already.
		if (one.state === 'up_for_retry') rememberTry(one);
		one.state = 'scheduled';
		one.tryNumber += 1;
		one.scheduledAt = now;
		one.queuedAt = one.startedAt = one.endedAt = undefined;
		one.host = undefined;
		one.said = [];
		one.dueAt = now + TASK_QUEUED_MS / store.speed;
	}

	function finish(run: SimRun, one: SimTaskInstance, ending: Ending, now: number): void {
		one.endedAt = now;
		one.made = { tryNumber: one.tryNumber, ending };
		if (ending === 'success' || ending === 'skipped') one.state = ending;
		else {
			const noticed = noticedAs(ending, one);
			if (noticed) {
				const { task, mapIndex, tryNumber } = one;
				audit(store, { dag: run.dag, run: run.run, task: task.id, mapIndex, tryNumber, ...noticed });
			}
			if (ending === 'no-log' || ending === 'stuck') one.startedAt ??= now;
			one.state = one.tryNumber <= one.maxTries ? 'up_for_retry' : 'failed';
			one.dueAt = now + (one.task.retryDelayMs ?? 1000) / store.speed;
		}
		beneath(run, one, (below, tried) =>
			below.ended(tried, ending, logEntries(store.api, loggedTry(tried.dag, run, one, one))),
		);
	}

	/** By schedule, at full multiples; looked at once a second. */
	function startDue(): void {
		const now = store.now();
		for (const dag of store.dags.values()) {
			if (!dag.schedule || dag.paused || dag.importError !== undefined) continue;
			const at = Math.floor(now / dag.schedule.everyMs) * dag.schedule.everyMs;
			if (at <= store.bootedAt) continue;
			const id = `scheduled__${new Date(at).toISOString().replace(/\.\d+Z$/, '+00:00')}`;
			if (runsOf(store, dag.id).has(id)) continue;
			wake(
				createRun(store, {
					dag: dag.id,
					run: id,
					runType: 'scheduled',
					logicalDate: at,
					conf: {},
					note: null,
					by: undefined,
					runAfter: at,
				}),
			);
		}
	}
	if (schedules) scheduleTimer = setInterval(startDue, 1000);

	return {
		wake,
		tick,
		stop() {
			clearInterval(timer);
			clearInterval(scheduleTimer);
			active.clear();
		},
	};
}
/** What the scheduler writes to the event log when it ends a try by itself. */
function noticedAs(ending: Ending, one: SimTaskInstance): { event: string; extra: string } | undefined {
	if (ending === 'no-log')
		return {
			event: 'state mismatch',
			extra:
				'Executor CeleryExecutor(parallelism=32) reported that the task instance finished with state failed, ' +
				"but the task instance's state attribute is queued.",
		};
	if (ending === 'stuck')
		return {
			event: 'stuck in queued tries exceeded',
			extra: 'Task was requeued more than 2 times and will be failed.',
		};
	if (typeof ending === 'object' && 'gone' in ending)
		return {
			event: 'heartbeat timeout',
			extra: `Task did not emit heartbeat within time limit (300 seconds) and will be terminated. See https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/tasks.html#task-instance-heartbeat-timeout (host ${one.host})`,
		};
	return undefined;
}

export type Scheduler = ReturnType<typeof openScheduler>;

function durationMs(run: SimRun, one: SimTaskInstance): number {
	const seconds = run.conf['seconds'];
	return one.task.byConf && typeof seconds === 'number' ? seconds * 1000 : one.task.ms;
}

/** The present try joins the past ones. A retry's own row says `failed`, as the history table does. */
export function rememberTry(one: SimTaskInstance): void {
	one.past.push({
		tryNumber: one.tryNumber,
		state: one.state === 'up_for_retry' ? 'failed' : one.state,
		queuedAt: one.queuedAt,
		startedAt: one.startedAt,
		endedAt: one.endedAt,
		ending: endingOf(one),
		host: one.host,
		said: one.said,
	});
}

/** Airflow's clear: the try number stays, one more try is allowed, the run is queued again. */
export function clearTasks(run: SimRun, tasks: readonly SimTaskInstance[], now: number): void {
	for (const one of tasks) {
		// As it ended: its row stays among the tries.
		if (one.tryNumber > 0) rememberTry(one);
		one.maxTries = one.tryNumber + (one.task.retries ?? 0);
		one.state = 'none';
	}
	run.state = 'queued';
	run.queuedAt = now;
	run.startedAt = run.endedAt = undefined;
}

/** Marks a run: its unfinished tasks end with it. */
export function markRun(run: SimRun, state: 'success' | 'failed', now: number): void {
	for (const one of run.tasks) {
		if (DONE.has(one.state)) continue;
		const ran = one.state === 'running';
		if (state === 'success') one.state = 'success';
		else one.state = ran ? 'failed' : 'skipped';
		one.startedAt ??= now;
		one.endedAt = now;
	}
	run.state = state;
	run.endedAt = now;
}
