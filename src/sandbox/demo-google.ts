import { computedConcurrency } from '../domain/concurrency.ts';
import { readRoles } from '../domain/needs.ts';
import { startAirflow } from './airflow/index.ts';
import { HOST } from './airflow/logs.ts';
import type { BrokenFile, GoogleCaller, SandboxAirflow, SimDag } from './airflow/types.ts';
import { startGoogle, type SandboxGoogle } from './google/index.ts';
import { furnish, inFinance, inProd, inStaging, PAST, type Scene, type Stories } from './demo-stories.ts';
import { addCaller, addEnvironment, writeLine } from './world/environments.ts';
import { may } from './world/may.ts';
import { givePast, type Habits } from './world/past.ts';
import { openPhysics, type Needs, type Physics, type WorldDag } from './world/physics.ts';
import type { ComposerEnvironment, World } from './world/world.ts';
import { openWorld } from './world/world.ts';

const OWNER = 'owner@acme.example';
/** No more than a change of size takes, beside the right to act as the environment's account. */
const CHANGER = 'projects/demo-project/roles/environmentChanger';
const STEP_MS = 1000;
/** Of the hour before. */
const CATCH_UP_MS = 5000;
const MINUTE = 60_000;

/** What tasks of the demo's DAGs meet in the world, so that they fail for what it is like, and no longer when that is mended. */
const NEEDS: Readonly<Record<string, Needs>> = {
	// More than a worker of 2 GB has, less than one of 3.
	'train_churn_model.train': { memoryGb: 2.2 },
	'warehouse_export.export_table': {
		steps: [{ kind: 'google', call: { api: 'bigquery' }, line: 41, function: 'export_table' }],
	},
	'crm_sync.pull': { steps: [{ kind: 'connection', id: 'crm_default', line: 17, function: 'pull' }] },
};
/** When its nightly run of the past filled a worker. */
const TRAINING = [{ from: 0, to: 0.04, share: 0.98 }];
/** Packages that files import at their top. */
const IMPORTS: Readonly<Record<string, NonNullable<WorldDag['imports']>>> = {
	marketing_attribution: { module: 'attribution_lib', package: 'attribution-lib', line: 9 },
};

export type DemoEnvironment = {
	environment: ComposerEnvironment;
	airflow: SandboxAirflow;
	physics: Physics;
};

export type DemoCloud = {
	world: World;
	google: SandboxGoogle;
	/** `prod`: Composer 3 with Airflow 3. `staging`: Composer 2 with Airflow 2, its workers short of memory at night. */
	prod: DemoEnvironment;
	staging: DemoEnvironment;
	/** `finance`: Composer 2 with Airflow 2, its account under Terraform. */
	finance: DemoEnvironment;
	/** A person with every right: who pastes commands. */
	owner: string;
	/** What Terraform manages, by address. */
	terraform: Set<string>;
	/** The bot's access token, and its account. */
	token: string;
	email: string;
	/** What the clock does; called once a second. */
	step(): void;
	close(): Promise<void>;
};

/**
 * A Google Cloud project on this machine: three Composer environments with their Airflows, and everything the bot may ask of
 * Google about them. Its last hour is lived through at once; from then on it is on the real clock.
 */
export async function startDemoCloud(options: {
	project: string;
	location: string;
	token: string;
	dags: readonly SimDag[];
	/** Files of `prod` that cannot be imported. */
	broken: readonly BrokenFile[];
	/** Epoch milliseconds; Date.now. */
	now?: () => number;
}): Promise<DemoCloud> {
	const { project, location, token, dags, broken, now = Date.now } = options;
	let behind = PAST;
	const world = openWorld({ project, updateMs: 45_000, logEntries: 10_000, now: () => now() - behind });
	const email = `concertmaster@${project}.iam.gserviceaccount.com`;
	world.project.customRoles.set(CHANGER, ['composer.environments.update']);
	// What it reads with, and what applying a change of size from Slack takes.
	addCaller(world, token, email, [...readRoles(), CHANGER, 'roles/iam.serviceAccountUser']);
	addCaller(world, `ya29.${OWNER}`, OWNER, ['roles/owner']);
	furnish(world, email);
	const terraform = new Set<string>();
	const happens: Stories['happens'][number][] = [];
	const robot = `${token}-reporting`;
	const prodAt = { url: () => world.environments.get('prod')?.airflowUri ?? '', token: robot };
	const [google, prod, staging, finance] = await Promise.all([
		startGoogle(world, { logReadsPerMinute: 120 }),
		open({
			name: 'prod',
			image: 'composer-3-airflow-3.1.7-build.7',
			broken,
			stories: inProd,
			habits: { memoryPeak: 0.62, queuePeak: 0, restarts: 0, spikes: TRAINING },
		}),
		open({
			name: 'staging',
			image: 'composer-2.17.0-airflow-2.11.1',
			broken: [],
			stories: (scene) => inStaging(scene, prodAt),
			habits: { memoryPeak: 0.94, queuePeak: 0, restarts: 2, spikes: TRAINING },
		}),
		open({
			name: 'finance',
			image: 'composer-2.17.0-airflow-2.11.1',
			broken: [],
			dags: [],
			stories: inFinance,
			habits: { memoryPeak: 0.55, queuePeak: 2, restarts: 0 },
		}),
	]);
	const all = [prod, staging, finance];
	const followRights = world.onChange(({ what }) => {
		if (what === 'policy' || what === 'service-account') for (const one of all) one.airflow.setGoogle(callers());
	});
	const step = (): void => {
		world.tick();
		for (const one of all) {
			one.physics.step();
			chat(world, one.environment);
		}
	};
	const began = world.now();
	happens.sort((a, b) => a.after - b.after);
	while (behind > 0) {
		behind = Math.max(0, behind - CATCH_UP_MS);
		for (; (happens[0]?.after ?? Infinity) * MINUTE <= world.now() - began; happens.shift()) happens[0]?.act();
		step();
		for (const one of all) one.airflow.tick();
	}
	const timer = setInterval(step, STEP_MS);

	/** Composer's proxy lets through whoever may use the environment. */
	function callers(): Record<string, GoogleCaller> {
		return {
			[token]: { email, role: 'Op', mayPass: may(world, email, 'composer.environments.get') },
			[robot]: { email: `reporting@${project}.iam.gserviceaccount.com`, role: 'Op' },
		};
	}

	async function open(wanted: {
		name: string;
		image: string;
		broken: readonly BrokenFile[];
		/** Default: those of all. */
		dags?: readonly SimDag[];
		stories: (scene: Scene) => Stories;
		habits: Habits;
	}): Promise<DemoEnvironment> {
		const { name, image } = wanted;
		const third = image.startsWith('composer-3');
		const version = /airflow-(\d+\.\d+\.\d+)/.exec(image)?.[1];
		if (version === undefined) throw new Error(`${image} names no Airflow`);
		const environment = addEnvironment(world, { name, location, imageVersion: image, airflowUri: 'http://127.0.0.1' });
		const physics = openPhysics({
			world,
			environment,
			airflow: third ? 3 : 2,
			airflowVersion: version,
		});
		// The runs of the past were on this one.
		for (const pod of environment.pods) if (pod.type === 'CELERY_WORKER') pod.name = HOST;
		let nth = 0;
		const run = (dag: string): void => {
			const id = `manual__${new Date(world.now()).toISOString().replace(/\.\d+Z$/, '')}.${String(++nth).padStart(6, '0')}+00:00`;
			airflow.foreignRun({ dag, run: id });
		};
		const stories = wanted.stories({ world, environment, state: physics.state, owner: OWNER, terraform, run });
		happens.push(...stories.happens);
		const shared = wanted.dags ?? dags;
		const airflow = await startAirflow({
			api: third ? 2 : 1,
			version,
			auth: 'google',
			google: callers(),
			dags: [...shared, ...stories.dags],
			broken: wanted.broken,
			now: world.now,
			seed: third ? 1 : 2,
			beneath: physics.beneath,
			config: exposed(environment, third ? '3.1.7' : '2.11.1'),
			logs: () => ({
				project,
				location,
				environment: name,
				bucket: environment.bucket,
				inBucket: environment.settings.logStorage === 'CLOUD_LOGGING_AND_CLOUD_STORAGE',
			}),
		});
		environment.airflowUri = airflow.url;
		// Their past is made by now, with the endings they have by themselves.
		for (const dag of stories.dags) physics.add(dag);
		for (const dag of shared) {
			const met = meets(dag);
			physics.add(met);
			if (met !== dag) airflow.setDag(dag.id, met);
		}
		physics.serve(airflow);
		givePast(world, environment, wanted.habits);
		for (let at = world.now() - 60 * MINUTE; at < world.now(); at += MINUTE) chatAt(world, environment, at);
		return { environment, airflow, physics };
	}

	return {
		world,
		google,
		prod,
		staging,
		finance,
		owner: OWNER,
		terraform,
		token,
		email,
		step,
		async close() {
			clearInterval(timer);
			followRights();
			await Promise.all([...all.map(({ airflow }) => airflow.close()), google.close()]);
		},
	};
}

/** What a new environment's Airflow tells of its settings, as they are at that moment. */
function exposed({ generation, settings }: ComposerEnvironment, version: string): Readonly<Record<string, string>> {
	return {
		get 'celery-worker_concurrency'() {
			const set = settings.airflowConfigOverrides['celery-worker_concurrency'];
			return set ?? String(computedConcurrency(generation, version, settings.workloads.worker).value);
		},
	};
}

/** The DAG as it is from now on; the same one when nothing of it depends on the world. */
function meets(dag: SimDag): WorldDag {
	const imports = IMPORTS[dag.id];
	if (!imports && !dag.tasks.some(({ id }) => NEEDS[`${dag.id}.${id}`])) return dag;
	const tasks = dag.tasks.map((task) => {
		const needs = NEEDS[`${dag.id}.${task.id}`];
		const { endings: _, ...rest } = task;
		return needs ? { ...rest, needs } : task;
	});
	const { importError: __, ...rest } = dag;
	return imports ? { ...rest, tasks, imports } : { ...dag, tasks };
}

const chatted = new WeakMap<ComposerEnvironment, number>();

/** Once a minute, what a healthy environment says of itself. */
function chat(world: World, environment: ComposerEnvironment): void {
	const minute = Math.floor(world.now() / MINUTE);
	if (chatted.get(environment) === minute) return;
	chatted.set(environment, minute);
	chatAt(world, environment, world.now());
}

function chatAt(world: World, environment: ComposerEnvironment, at: number): void {
	const nth = Math.floor(at / MINUTE);
	const pod = (type: string): string => environment.pods.find((one) => one.type === type)?.name ?? '';
	const processor = environment.generation === 'composer-3' ? pod('DAG_PROCESSOR') : pod('SCHEDULER');
	writeLine(world, environment, 'airflow-triggerer', '0 triggers currently running', {
		labels: { triggerer_id: pod('TRIGGERER') },
		at,
	});
	if (nth % 2 === 0)
		writeLine(world, environment, 'dag-processor-manager', 'Searching for files in /home/airflow/gcs/dags', {
			labels: { dag_processor_manager_id: processor },
			at,
		});
	if (nth % 5 === 0)
		writeLine(world, environment, 'airflow-scheduler', 'Adopting or resetting orphaned tasks for active dag runs', {
			labels: { scheduler_id: pod('SCHEDULER') },
			at,
		});
}
