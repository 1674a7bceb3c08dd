import { openLog, type Log } from './log.ts';
import { openMetrics, type Metrics } from './metrics.ts';
import { newPolicy } from './policy.ts';
import type {
	Bucket,
	Cluster,
	ComposerEnvironment,
	Happening,
	Image,
	LongOperation,
	Project,
	Secret,
	ServiceAccount,
	Settings,
	Thing,
} from './types.ts';

export type * from './types.ts';
export type { Log } from './log.ts';
export type { KeptSeries, Metrics, Past } from './metrics.ts';

/** What an update of an environment is about to do; an answer makes it fail with these words. */
export type UpdateCheck = (about: {
	world: World;
	environment: ComposerEnvironment;
	/** The settings it would have afterwards. */
	wanted: Settings;
}) => { code: number; message: string } | undefined;

/**
 * One Google Cloud project, shared by all stand-ins, so that a change made through one is seen through every other. Plain
 * data that may be read and set up directly; what a person or Terraform does to it goes through `acts.ts`, which asks for
 * their rights and writes the audit entry.
 */
export type World = {
	now: () => number;
	project: Project;
	/** By e-mail. */
	accounts: Map<string, ServiceAccount>;
	buckets: Map<string, Bucket>;
	secrets: Map<string, Secret>;
	/** By full resource name after `//`. */
	things: Map<string, Thing>;
	clusters: Map<string, Cluster>;
	/** By the name one writes in a pod: `europe-docker.pkg.dev/P/repo/image:tag`. */
	images: Map<string, Image>;
	/** Group's e-mail → members (`user:…`). */
	groups: Map<string, Set<string>>;
	/** Access token → e-mail. */
	callers: Map<string, string>;
	/** By name; a project has one environment of a name here, whatever its location. */
	environments: Map<string, ComposerEnvironment>;
	/** Oldest first. */
	operations: LongOperation[];
	log: Log;
	metrics: Metrics;
	/** Asked in turn when an update comes to its end; the first that objects makes it fail. Beside the missing roles that `updates.ts` knows. */
	updateChecks: UpdateCheck[];
	/** How long an update takes. */
	updateMs: number;
	/** What an Airflow command run through the Composer API prints and how it ends. Default: nothing, well. */
	airflowCommand: (environment: ComposerEnvironment, words: readonly string[]) => { lines: string[]; exitCode: number };
	tell(happening: Happening): void;
	/** Returns a function that ends it. */
	onChange(listener: (happening: Happening) => void): () => void;
	/** Ends the operations that are due. Every stand-in calls it before it answers; call it after moving a clock. */
	tick(): void;
};

export type WorldOptions = {
	project?: string;
	number?: string;
	now?: () => number;
	/** Default: 8 minutes. */
	updateMs?: number;
	/** Newest log entries kept; 20,000. */
	logEntries?: number;
};

/** What Composer needs beside itself; Composer 3 needs only some of it, but projects that ran Composer 2 have them all. */
const APIS = [
	'artifactregistry',
	'bigquery',
	'cloudbuild',
	'cloudresourcemanager',
	'composer',
	'container',
	'iam',
	'logging',
	'monitoring',
	'pubsub',
	'secretmanager',
	'serviceusage',
	'sqladmin',
	'storage',
].map((api) => `${api}.googleapis.com`);

/** An empty project with its APIs switched on. `addEnvironment` (environments.ts) puts a healthy Composer into it. */
export function openWorld({
	project = 'demo-project',
	number = '481516234200',
	now = Date.now,
	updateMs = 8 * 60_000,
	logEntries,
}: WorldOptions = {}): World {
	const listeners = new Set<(happening: Happening) => void>();
	const world: World = {
		now,
		project: {
			id: project,
			number,
			enabledApis: new Set(APIS),
			billingEnabled: true,
			policy: newPolicy(),
			quotas: new Map(),
			customRoles: new Map(),
		},
		accounts: new Map(),
		buckets: new Map(),
		secrets: new Map(),
		things: new Map(),
		clusters: new Map(),
		images: new Map(),
		groups: new Map(),
		callers: new Map(),
		environments: new Map(),
		operations: [],
		log: openLog(project, now, logEntries),
		metrics: openMetrics(now),
		updateChecks: [],
		updateMs,
		airflowCommand: () => ({ lines: [], exitCode: 0 }),
		tell(happening) {
			for (const listener of listeners) listener(happening);
		},
		onChange(listener) {
			listeners.add(listener);
			return () => void listeners.delete(listener);
		},
		tick() {
			const at = now();
			for (const operation of world.operations) {
				if (operation.state !== 'RUNNING' || operation.dueAt > at) continue;
				const error = operation.settle();
				operation.endedAt = operation.dueAt;
				operation.state = error ? 'FAILED' : 'SUCCEEDED';
				if (error) operation.error = error;
				const environment = world.environments.get(operation.environment);
				if (environment) world.tell({ what: 'operation-ended', operation, environment });
			}
		},
	};
	return world;
}
