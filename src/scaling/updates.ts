import type { Head } from './history.ts';
import type { Change, Worker } from './plan.ts';
import type { Component } from './sizes.ts';

type Environment = Head['environment'];

/** One update of a Composer environment: Composer takes one kind at a time. `mask` and `body` as environments.patch wants them. */
export type Update = {
	kind: 'workloads' | 'settings' | 'size' | 'retention';
	mask: readonly string[];
	body: Record<string, unknown>;
	changes: readonly Change[];
};

/** What is no update of the environment (pools, DAG code) or not known well enough to be written whole is left out. */
export function updatesFor(environment: Environment, changes: readonly Change[]): Update[] {
	if (environment.generation === 'airflow') return [];
	const found: Update[] = [];
	for (const kind of ['workloads', 'settings', 'size', 'retention'] as const) {
		const its = changes.filter((change) => kindOf(change) === kind);
		const first = its[0];
		if (!first) continue;
		const update = updateOf(kind, environment, its);
		if (update) found.push({ kind, ...update, changes: its });
	}
	return found.toSorted((a, b) => changes.indexOf(first(a)) - changes.indexOf(first(b)));
}

const first = ({ changes }: Update): Change => changes[0] ?? { what: 'retention', days: 0 };

export function kindOf({ what }: Change): Update['kind'] | undefined {
	switch (what) {
		case 'worker':
		case 'component':
			return 'workloads';
		case 'concurrency':
		case 'override':
			return 'settings';
		case 'environment size':
			return 'size';
		case 'retention':
			return 'retention';
		case 'pool':
		case 'dag':
			return undefined;
	}
	return undefined;
}

function updateOf(
	kind: Update['kind'],
	environment: Environment,
	changes: readonly Change[],
): Pick<Update, 'mask' | 'body'> | undefined {
	if (kind === 'workloads') {
		// A part of it would null the rest, so it is written whole or not at all.
		const whole = workloads(changedSizes(environment, changes));
		return whole && { mask: ['config.workloadsConfig'], body: { config: { workloadsConfig: whole } } };
	}
	if (kind === 'settings') {
		const settings = changedSettings(changes);
		const airflowConfigOverrides = Object.fromEntries(settings.filter(([, value]) => value !== undefined));
		return {
			// What is in the mask and not in the body is taken away.
			mask: settings.map(([key]) => `config.softwareConfig.airflowConfigOverrides.${key}`),
			body: { config: { softwareConfig: { airflowConfigOverrides } } },
		};
	}
	const [change] = changes;
	if (change?.what === 'environment size')
		return { mask: ['config.environmentSize'], body: { config: { environmentSize: sizeName(change.to) } } };
	if (change?.what !== 'retention') return undefined;
	const policy = { retentionMode: 'RETENTION_MODE_ENABLED', retentionDays: change.days };
	return {
		mask: ['config.dataRetentionConfig.airflowMetadataRetentionConfig'],
		body: { config: { dataRetentionConfig: { airflowMetadataRetentionConfig: policy } } },
	};
}

export const sizeName = (size: string): string => `ENVIRONMENT_SIZE_${size.toUpperCase().replace('-', '_')}`;

/** Overrides by their name as Composer writes it; undefined: to be taken away. The last one of a name counts. */
export function changedSettings(changes: readonly Change[]): [string, string | undefined][] {
	const found = new Map<string, string | undefined>();
	for (const change of changes) {
		if (change.what === 'concurrency') found.set('celery-worker_concurrency', String(change.to));
		if (change.what === 'override') found.set(change.key, change.to);
	}
	return [...found];
}

export function changedSizes(environment: Environment, changes: readonly Change[]): Environment {
	let changed = environment;
	for (const change of changes) {
		if (change.what === 'worker') changed = { ...changed, worker: mergedWorker(changed.worker, change) };
		if (change.what === 'component') changed = { ...changed, [change.component]: { ...change.to } };
	}
	return changed;
}

/** Only what the change changes: another one in the same update may change the rest. */
function mergedWorker(now: Worker, { from, to }: { from: Worker; to: Worker }): Worker {
	const merged = { ...now };
	for (const key of ['min', 'max', 'cpu', 'memoryGb', 'storageGb'] as const) {
		const value = to[key];
		if (value !== from[key] && value !== undefined) merged[key] = value;
	}
	return merged;
}

export type Workload = {
	cpu: number;
	memoryGb: number;
	storageGb?: number;
	count?: number;
	minCount?: number;
	maxCount?: number;
};
export type Workloads = Partial<Record<Component, Workload>>;

/** All components as the Composer API names them; undefined when one that the generation always has is not known. */
export function workloads(environment: Environment): Workloads | undefined {
	const { generation, worker, scheduler, dagProcessor, triggerer, webServer } = environment;
	if (!scheduler || !webServer || worker.cpu === undefined || worker.memoryGb === undefined) return undefined;
	if (generation === 'composer-3' && !dagProcessor) return undefined;
	const size = (part: { cpu: number; memoryGb: number; storageGb?: number | undefined }): Workload => ({
		cpu: part.cpu,
		memoryGb: part.memoryGb,
		...(part.storageGb !== undefined && { storageGb: part.storageGb }),
	});
	return {
		scheduler: { ...size(scheduler), count: scheduler.count },
		...(dagProcessor && { dagProcessor: { ...size(dagProcessor), count: dagProcessor.count } }),
		...(triggerer && { triggerer: { ...size(triggerer), count: triggerer.count } }),
		webServer: size(webServer),
		worker: {
			cpu: worker.cpu,
			memoryGb: worker.memoryGb,
			...(worker.storageGb !== undefined && { storageGb: worker.storageGb }),
			minCount: worker.min,
			maxCount: worker.max,
		},
	};
}
