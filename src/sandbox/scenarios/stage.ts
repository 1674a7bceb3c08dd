import { readRoles } from '../../domain/needs.ts';
import { setImmediate as turn } from 'node:timers/promises';
import { startAirflow } from '../airflow/index.ts';
import type { SandboxAirflow, SimRun } from '../airflow/types.ts';
import { startGoogle, type SandboxGoogle } from '../google/index.ts';
import { addCaller, addEnvironment } from '../world/environments.ts';
import { openPhysics, type Physics, type WorldDag } from '../world/physics.ts';
import type { ComposerEnvironment, Settings } from '../world/types.ts';
import { openWorld, type World } from '../world/world.ts';

/** Where a story can happen: a generation of Composer with an Airflow, or an Airflow of one's own. */
export type Place = 'composer-2' | 'composer-3' | 'composer-3-airflow-2' | 'airflow-2' | 'airflow-3';

const IMAGES: Readonly<Record<Place, { image: string; airflow: 2 | 3; version: string }>> = {
	'composer-2': { image: 'composer-2.17.0-airflow-2.11.1', airflow: 2, version: '2.11.1' },
	'composer-3': { image: 'composer-3-airflow-3.1.7-build.7', airflow: 3, version: '3.1.7' },
	'composer-3-airflow-2': { image: 'composer-3-airflow-2.11.1-build.3', airflow: 2, version: '2.11.1' },
	'airflow-2': { image: 'composer-2.17.0-airflow-2.11.1', airflow: 2, version: '2.11.2' },
	'airflow-3': { image: 'composer-3-airflow-3.1.7-build.7', airflow: 3, version: '3.1.8' },
};

export const isComposer = (place: Place): boolean => place.startsWith('composer');

export type StageOptions = {
	place: Place;
	/** Name of the environment; `prod`. */
	name?: string;
	settings?: Partial<Settings>;
	/** Epoch milliseconds; a Wednesday morning in November 2026. */
	start?: number;
	/** An existing world to stand in, with its clock; else one of its own that only `pass` moves. */
	world?: World;
	google?: SandboxGoogle;
	/** DAGs with schedules and a past, that nothing happens to. */
	dags?: readonly WorldDag[];
	token?: string;
};

/** One environment with all around it, on a clock that is moved by hand. */
export type Stage = {
	place: Place;
	world: World;
	environment: ComposerEnvironment;
	physics: Physics;
	airflow: SandboxAirflow;
	/** Undefined for an Airflow of one's own: nothing of Google is asked. */
	google: SandboxGoogle | undefined;
	/** The bot's access token. */
	token: string;
	/** A person with every right: who pastes what is posted. */
	owner: string;
	/** What Terraform manages, by address. */
	terraform: Set<string>;
	/** A DAG as it was added last. */
	dags: (id: string) => WorldDag | undefined;
	/** Done at every full hour, as by a nightly job of somebody's. */
	hourly: (act: () => void) => void;
	/** Lets time go by, in steps of five seconds. */
	pass: (ms: number) => Promise<void>;
	/** Adds the DAG, or puts it in the place of the one of its id. */
	add: (dag: WorldDag) => void;
	/** Starts a run of it and lets time go by until it has ended; at most `withinMs`. */
	run: (dag: string, withinMs?: number) => Promise<SimRun>;
	close(): Promise<void>;
};

const STEP_MS = 5000;
const HOUR_MS = 3_600_000;
const START = Date.UTC(2026, 10, 18, 8, 0, 0);
const OWNER = 'owner@acme.example';

/** Opens the environment in which a story is told. */
export async function openStage(options: StageOptions): Promise<Stage> {
	const { place, name = 'prod', settings, dags = [], token = 'ya29.stage' } = options;
	const { image, airflow: generation, version } = IMAGES[place];
	let clock = options.start ?? START;
	const world = options.world ?? openWorld({ project: 'acme-data', now: () => clock });
	const plain = !isComposer(place);
	// Its address is known only once its Airflow stands.
	const environment = addEnvironment(world, {
		name,
		imageVersion: image,
		airflowUri: 'http://127.0.0.1',
		...(settings && { settings }),
	});
	addCaller(world, token, `concertmaster@${world.project.id}.iam.gserviceaccount.com`, readRoles());
	if (![...world.callers.values()].includes(OWNER)) addCaller(world, `ya29.${OWNER}`, OWNER, ['roles/owner']);
	const physics = openPhysics({ world, environment, airflow: generation, airflowVersion: version, plain });
	for (const dag of dags) physics.add(dag);
	const airflow = await startAirflow({
		api: generation === 2 ? 1 : 2,
		version,
		dags,
		schedules: false,
		now: world.now,
		beneath: physics.beneath,
		...(plain
			? {}
			: {
					auth: 'google' as const,
					google: {
						[token]: { email: `concertmaster@${world.project.id}.iam.gserviceaccount.com`, role: 'Op' as const },
					},
					logs: () => ({
						project: world.project.id,
						location: environment.location,
						environment: environment.name,
						bucket: environment.bucket,
						inBucket: environment.settings.logStorage === 'CLOUD_LOGGING_AND_CLOUD_STORAGE',
					}),
				}),
	});
	environment.airflowUri = airflow.url;
	physics.serve(airflow);
	const google = plain ? undefined : (options.google ?? (await startGoogle(world)));

	const everyHour: (() => void)[] = [];
	async function pass(ms: number): Promise<void> {
		for (const until = clock + ms; clock < until;) {
			clock = Math.min(until, clock + STEP_MS);
			world.tick();
			physics.step();
			airflow.tick();
			if (clock % HOUR_MS < STEP_MS) for (const act of everyHour) act();
			// What is asked over HTTP meanwhile gets its turn.
			if (Math.round(clock / STEP_MS) % 12 === 0) await turn();
		}
	}

	const known = new Map(dags.map((dag) => [dag.id, dag]));
	function add(dag: WorldDag): void {
		known.set(dag.id, dag);
		physics.add(dag);
		airflow.setDag(dag.id, dag);
	}

	let runs = 0;
	async function run(dag: string, withinMs = 4 * 3_600_000): Promise<SimRun> {
		const id = `manual__${new Date(world.now()).toISOString().replace(/\.\d+Z$/, '')}.${String(++runs).padStart(6, '0')}+00:00`;
		const started = airflow.foreignRun({ dag, run: id });
		const deadline = clock + withinMs;
		while (started.state !== 'success' && started.state !== 'failed') {
			if (clock >= deadline) throw new Error(`${dag} has not ended within ${withinMs} ms`);
			await pass(STEP_MS * 4);
		}
		// What is sampled once a minute is there afterwards.
		await pass(90_000);
		return started;
	}

	return {
		place,
		world,
		environment,
		physics,
		airflow,
		google,
		token,
		owner: OWNER,
		terraform: new Set(),
		dags: (id) => known.get(id),
		hourly: (act) => void everyHour.push(act),
		pass,
		add,
		run,
		async close() {
			await airflow.close();
			if (!options.google) await google?.close();
		},
	};
}
