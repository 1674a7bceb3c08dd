import type { Beneath, Ending, Raised, SandboxAirflow, Tried } from '../airflow/types.ts';
import type { WorldDag, WorldTask } from './physics-needs.ts';
import { podIdentity } from './may.ts';
import { openWriter } from './physics-evidence.ts';
import { asRaised, callGoogle, type Caller } from './physics-google.ts';
import { askAirflow } from './physics-airflow.ts';
import { lookUp, runCommand, type AirflowState } from './physics-connections.ts';
import { writeMetrics } from './physics-metrics.ts';
import { endsWith, says, type Plan } from './physics-plan.ts';
import { runPod } from './physics-pods.ts';
import { openTeller } from './physics-tells.ts';
import { openUpdates } from './physics-updates.ts';
import { openWorkers, type Load, type Site } from './physics-workers.ts';
import type { ComposerEnvironment } from './types.ts';
import type { World } from './world.ts';

export type * from './physics-needs.ts';

export type PhysicsOptions = {
	world: World;
	environment: ComposerEnvironment;
	airflow: 2 | 3;
	airflowVersion: string;
	/** An Airflow of one's own: workers as these, without Composer and its logs. Default false. */
	plain?: boolean;
};

const MINUTE = 60_000;
/** vCPU of the metadata database by the environment's size. */
const DATABASE = {
	ENVIRONMENT_SIZE_SMALL: 1,
	ENVIRONMENT_SIZE_MEDIUM: 2,
	ENVIRONMENT_SIZE_LARGE: 4,
	ENVIRONMENT_SIZE_EXTRA_LARGE: 8,
} as const;

/**
 * The machine room of one environment: what tasks meet follows from the state of the world at that moment, and every failure
 * leaves its traces where a real one does. It never knows which story is being told.
 */
export function openPhysics({ world, environment, airflow, airflowVersion, plain = false }: PhysicsOptions) {
	const write = openWriter(world, environment, airflow);
	const site: Site = { world, environment, write, airflow, airflowVersion, plain };
	const workers = openWorkers(site);
	const tell = openTeller(site, workers);
	const state: AirflowState = {
		connections: new Set(['google_cloud_default', 'kubernetes_default']),
		variables: new Set(),
		databaseLoad: 0,
		queuedTimeout: 2400,
	};
	const needs = new WeakMap<object, WorldTask>();
	const dags = new Map<string, WorldDag>();
	let server: SandboxAirflow | undefined;
	let lastMinute = Math.floor(world.now() / MINUTE);
	let strainedSince: number | undefined;
	let parseSeconds = 2.4;

	openUpdates(site);
	const others = world.airflowCommand;
	world.airflowCommand = (of, words) => (of === environment ? runCommand(state, words) : others(of, words));

	/** As whom Airflow's own pods call Google. */
	function caller(): Caller {
		const { cluster, serviceAccount } = environment;
		if (cluster === undefined || plain) {
			const account = world.accounts.get(serviceAccount);
			return account && !account.disabled ? { email: serviceAccount } : { refused: 404, account: serviceAccount };
		}
		// Composer's own namespace on the cluster is the first of its.
		const namespace = [...(world.clusters.get(cluster)?.namespaces.keys() ?? [])][0] ?? '';
		const found = podIdentity(world, cluster, namespace, 'default');
		if (found.as !== undefined) return { email: found.as };
		return { refused: found.because === 'no-account' ? 404 : 403, account: serviceAccount };
	}

	const utilization = (): number => {
		const load = 0.25 + 0.12 * environment.settings.workloads.scheduler.count + state.databaseLoad;
		return Math.min(1, load / DATABASE[environment.settings.environmentSize]);
	};

	function place(tried: Tried): ReturnType<Beneath['place']> {
		const key = keyOf(tried);
		const now = world.now();
		const host = environment.state === 'ERROR' ? undefined : workers.freeHost();
		if (host === undefined) {
			workers.waiting.set(key, now);
			if (now - tried.queuedAt < state.queuedTimeout * 1000) return 'wait';
			workers.waiting.delete(key);
			write.scheduler('Task stuck in queued; will try to requeue.', { at: now - 2 * MINUTE });
			write.scheduler(`Task requeue attempts exceeded max; marking failed. task_instance=${named(tried, 'queued')}`, {
				severity: 'WARNING',
			});
			return 'stuck';
		}
		workers.waiting.delete(key);
		const own = needs.get(tried.task)?.needs ?? {};
		workers.loads.set(key, {
			tried,
			needs: own,
			host,
			startedAt: now,
			dueAt: now + tried.task.ms,
			step: 0,
			plan: undefined,
			killed: false,
			goesAt: undefined,
			lost: undefined,
		});
		workers.minute.started += 1;
		return { host };
	}

	function end(tried: Tried): Ending | 'runs' | undefined {
		const load = workers.loads.get(keyOf(tried));
		if (!load) return undefined;
		const now = world.now();
		load.tried = tried;
		if (load.killed) return 'killed';
		if (load.goesAt !== undefined && now >= load.goesAt) {
			write.worker(load.host, 'worker: Cold shutdown (MainProcess)', { severity: 'WARNING' });
			return 'terminated';
		}
		if (load.lost) {
			if (now - load.lost.at < workers.patience() * 1000) return 'runs';
			tell.gone(load, now);
			return { gone: load.lost.log };
		}
		const stalled = stalledSince(load);
		if (stalled !== undefined) {
			if (now - stalled >= workers.patience() * 1000) {
				tell.gone(load, now);
				return { gone: 'cut' };
			}
			if (strainedSince !== undefined && now >= load.dueAt && airflow === 3) return { raises: API_ERROR };
		}
		if (now < load.dueAt) return 'runs';
		// Nothing a task does comes through while its database is away.
		if (strainedSince !== undefined) return 'runs';
		return steps(load, now);
	}

	function steps(load: Load, now: number): Ending | 'runs' | undefined {
		const all = load.needs.steps ?? [];
		for (;;) {
			const step = all[load.step];
			if (!step) return undefined;
			load.plan ??= { begun: now, played: 0, plan: begin(load.tried, step) };
			const { begun, plan } = load.plan;
			while (load.plan.played < plan.happens.length) {
				const next = plan.happens[load.plan.played];
				if (!next || begun + next.after > now) break;
				load.plan.played += 1;
				next.act();
			}
			if (begun + plan.lasts > now || plan.until?.() === false) return 'runs';
			const ends = plan.endsThen ? plan.endsThen() : plan.ends;
			if (ends !== undefined) return ends;
			load.step += 1;
			load.plan = undefined;
		}
	}

	function begin(tried: Tried, step: NonNullable<NonNullable<WorldTask['needs']>['steps']>[number]): Plan {
		switch (step.kind) {
			case 'google': {
				const refused = callGoogle(world, caller(), step.call);
				return endsWith(refused && { raises: asRaised(refused, step.line, step.function) });
			}
			case 'connection':
				return endsWith(lookUp(tried, step, { site, workers, state, caller: caller() }));
			case 'pod':
				return runPod({ world, environment, write, airflow, caller }, tried, step.pod);
			case 'airflow':
				return askAirflow(step);
			case 'says':
				return says(tried, ...step.lines);
			case 'raises':
				return endsWith({ raises: step.raised });
			default:
				return endsWith(step.ending);
		}
	}

	/** Since when this task's heartbeats get nowhere. */
	function stalledSince({ host, startedAt }: Load): number | undefined {
		const since = workers.starvedSince(host) ?? strainedSince;
		return since === undefined ? undefined : Math.max(since, startedAt);
	}

	const beneath: Beneath = {
		place,
		end,
		ended(tried, ending, log) {
			const key = keyOf(tried);
			const load = workers.loads.get(key);
			workers.loads.delete(key);
			workers.waiting.delete(key);
			const host = tried.host ?? load?.host;
			const lostAt = load?.lost?.at;
			if (host !== undefined && !plain && load?.lost?.log !== 'missing')
				write.task(tried, host, lostAt === undefined ? log : log.filter(({ at }) => at <= lostAt - 10_000));
			if (typeof ending === 'object' && 'raises' in ending)
				workers.minute.exits.set('1', (workers.minute.exits.get('1') ?? 0) + 1);
			if (ending === 'success') workers.minute.exits.set('0', (workers.minute.exits.get('0') ?? 0) + 1);
			write.scheduler(
				`TaskInstance Finished: dag_id=${tried.dag.id}, task_id=${tried.task.id}, run_id=${tried.run.run}, map_index=${tried.mapIndex}, run_start_date=${iso(load?.startedAt)}, run_end_date=${iso(world.now())}, state=${typeof ending === 'string' && /^(?:success|skipped)$/.test(ending) ? ending : 'failed'}, executor=CeleryExecutor(parallelism=0), try_number=${tried.tryNumber}, pool=default_pool, operator=${tried.task.operator}`,
			);
		},
	};

	/** Files that need a package which is not there are broken until it is. */
	function parse(): void {
		for (const [id, dag] of dags) {
			if (!dag.imports || !server) continue;
			const { module, package: name, line } = dag.imports;
			const there = name in environment.settings.pypiPackages;
			const broken = there
				? undefined
				: `Traceback (most recent call last):\n  File "/home/airflow/gcs/dags/${dag.file}", line ${line}, in <module>\n    import ${module}\nModuleNotFoundError: No module named '${module}'\n`;
			if ((dag.importError === undefined) === (broken === undefined)) continue;
			const { importError: _, ...rest } = dag;
			const now: WorldDag = broken === undefined ? rest : { ...rest, importError: broken };
			dags.set(id, now);
			server.setDag(id, now);
			if (broken !== undefined)
				write.dagProcessor(`Failed to import: /home/airflow/gcs/dags/${dag.file}\n${broken}`, { severity: 'ERROR' });
		}
	}

	function step(): void {
		const now = world.now();
		const used = utilization();
		if (used < 0.97) strainedSince = undefined;
		else if (strainedSince === undefined) {
			strainedSince = now;
			tell.strain();
		}
		workers.step(now);
		parse();
		const present = Math.floor(now / MINUTE);
		for (; lastMinute < present; lastMinute++) {
			writeMetrics(world, environment, workers, workers.takeMinute(), (lastMinute + 1) * MINUTE, {
				queued: workers.waiting.size,
				running: [...workers.loads.values()].filter(({ lost, killed }) => !lost && !killed).length,
				database: used,
				schedulerBeats: used < 0.97 ? 12 : 1,
				parseSeconds,
				healthy: !('refused' in caller()) && environment.state !== 'ERROR',
			});
			if (strainedSince !== undefined && lastMinute % 3 === 0) tell.strain();
		}
	}

	return {
		beneath,
		state,
		write,
		workers,
		environment,
		/** Its tasks meet what the world holds from now on. */
		add<Dag extends WorldDag>(dag: Dag): Dag {
			dags.set(dag.id, dag);
			for (const task of dag.tasks) needs.set(task, task);
			return dag;
		},
		/** A DAG as it is now. */
		dag: (id: string): WorldDag | undefined => dags.get(id),
		/** The Airflow that stands on it; asked to show broken files. */
		serve(airflowServer: SandboxAirflow): void {
			server = airflowServer;
			parse();
		},
		caller,
		setParseSeconds(seconds: number): void {
			parseSeconds = seconds;
		},
		/** What the clock does; call it before Airflow's own tick. */
		step,
	};
}
export type Physics = ReturnType<typeof openPhysics>;

const API_ERROR: Raised = {
	type: 'airflow.sdk.exceptions.AirflowRuntimeError',
	message:
		"API_SERVER_ERROR: {'status_code': 500, 'message': 'Server returned error', 'detail': {'message': 'Internal server error', 'correlation-id': '0199f3b2-5a0e-7c3f-a2d1-6f0d8f2c1b11'}}",
	line: 1,
	function: 'execute',
	frames: {
		own: false,
		below: [
			{
				file: 'airflow/sdk/execution_time/comms.py',
				line: 205,
				name: '_get_response',
				code: 'raise AirflowRuntimeError(error=err)',
			},
		],
	},
};

const keyOf = ({ dag, run, task, mapIndex, tryNumber }: Tried): string =>
	`${dag.id} ${run.run} ${task.id} ${mapIndex} ${tryNumber}`;

const named = ({ dag, run, task, mapIndex }: Tried, at: string): string =>
	`<TaskInstance: ${dag.id}.${task.id} ${run.run}${mapIndex >= 0 ? ` map_index=${mapIndex}` : ''} [${at}]>`;

const iso = (at: number | undefined): string =>
	at === undefined ? 'None' : new Date(at).toISOString().replace('Z', '+00:00');
