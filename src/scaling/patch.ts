import { shellQuote } from '../domain/text.ts';
import type { Change } from './advise.ts';
import type { Head } from './history.ts';

type Environment = Head['environment'];

/** A change, ready to apply in the three ways people apply it. */
export type Patch = {
	/** One command a line, in the order in which they have to be run: Composer takes one kind of update a call. */
	shell: string[];
	/** Blocks for the `google_composer_environment` resource; undefined: it is no setting of the environment. */
	terraform?: string | undefined;
	/** Requests to the Composer API, one an update. */
	api: { method: 'PATCH'; path: string; body: Record<string, unknown> }[];
	/** What plain Airflow needs: lines for its environment. */
	settings: string[];
};

/** What is not known stands in capitals, to be filled in. Nothing in a name can end the argument it stands in. */
export function patchFor(environment: Environment, changes: readonly Change[]): Patch {
	const { generation, project = 'PROJECT', location = 'LOCATION', name = 'ENVIRONMENT' } = environment;
	const patch: Patch = { shell: [], api: [], settings: [] };
	const at = [`--location=${location}`, `--project=${project}`];
	const update = (...flags: string[]): string =>
		command('gcloud', 'composer', 'environments', 'update', name, ...at, ...flags);
	const path = `/v1/projects/${encodeURIComponent(project)}/locations/${encodeURIComponent(location)}/environments/${encodeURIComponent(name)}`;
	const blocks: string[] = [];
	for (const change of changes) {
		if (change.what === 'pool') {
			// `airflow pools set` wants a description and overwrites the one there was.
			const set = ['set', change.name, String(change.to), 'resized'];
			patch.shell.push(
				generation === 'airflow'
					? command('airflow', 'pools', ...set)
					: command('gcloud', 'composer', 'environments', 'run', name, ...at, 'pools', '--', ...set),
			);
			continue;
		}
		if (generation === 'airflow') {
			patch.settings.push(
				change.what === 'concurrency'
					? `AIRFLOW__CELERY__WORKER_CONCURRENCY=${change.to}`
					: `# Celery workers: ${change.from.max} -> ${change.to.max}`,
			);
			continue;
		}
		if (change.what === 'concurrency') {
			patch.shell.push(update(`--update-airflow-configs=celery-worker_concurrency=${change.to}`));
			patch.api.push({
				method: 'PATCH',
				path: `${path}?updateMask=config.softwareConfig.airflowConfigOverrides.celery-worker_concurrency`,
				body: {
					config: { softwareConfig: { airflowConfigOverrides: { 'celery-worker_concurrency': String(change.to) } } },
				},
			});
			continue;
		}
		const { from, to } = change;
		const flags: string[] = [];
		if (from.min !== to.min) flags.push(`--min-workers=${to.min}`);
		if (from.max !== to.max) flags.push(`--max-workers=${to.max}`);
		if (from.cpu !== to.cpu) flags.push(`--worker-cpu=${to.cpu}`);
		if (from.memoryGb !== to.memoryGb) flags.push(`--worker-memory=${to.memoryGb}GB`);
		if (from.storageGb !== to.storageGb) flags.push(`--worker-storage=${to.storageGb}GB`);
		patch.shell.push(update(...flags));
		const whole = workloads({ ...environment, worker: to });
		// A part of it would null the rest, so it is written whole or not at all.
		if (whole) {
			patch.api.push({
				method: 'PATCH',
				path: `${path}?updateMask=config.workloadsConfig`,
				body: { config: { workloadsConfig: whole } },
			});
			blocks.push(hcl(whole));
		}
	}
	const concurrency = changes.find(({ what }) => what === 'concurrency');
	if (generation !== 'airflow' && concurrency?.what === 'concurrency')
		blocks.push(overridesBlock({ ...environment.overrides, 'celery-worker_concurrency': String(concurrency.to) }));
	if (blocks.length > 0) patch.terraform = blocks.join('\n');
	return patch;
}

type Workload = {
	cpu: number;
	memoryGb: number;
	storageGb?: number;
	count?: number;
	minCount?: number;
	maxCount?: number;
};
type Workloads = Record<string, Workload>;

/** All components as the Composer API names them; undefined when one that the generation always has is not known. */
function workloads({
	generation,
	worker,
	scheduler,
	dagProcessor,
	triggerer,
	webServer,
}: Environment): Workloads | undefined {
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

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function hcl(whole: Workloads): string {
	const lines = ['# google_composer_environment > config', 'workloads_config {'];
	for (const [component, size] of Object.entries(whole)) {
		lines.push(`  ${snake(component)} {`);
		const width = Math.max(...Object.keys(size).map((key) => snake(key).length));
		for (const [key, value] of Object.entries(size)) lines.push(`    ${snake(key).padEnd(width)} = ${value}`);
		lines.push('  }');
	}
	return [...lines, '}'].join('\n');
}

/** All overrides there are, since Terraform takes away what is not written. */
function overridesBlock(overrides: Readonly<Record<string, string>>): string {
	const entries = Object.entries(overrides).toSorted(([a], [b]) => (a < b ? -1 : 1));
	return [
		'# google_composer_environment > config > software_config',
		'airflow_config_overrides = {',
		...entries.map(([key, value]) => `  ${/^[\w-]+$/.test(key) ? key : hclString(key)} = ${hclString(value)}`),
		'}',
	].join('\n');
}

/** `${` and `%{` would be run as a template. */
const hclString = (value: string): string => JSON.stringify(value).replace(/[$%](?=\{)/g, (mark) => mark + mark);

/** In `--flag=value` only the value is quoted, so that it stays readable. */
function command(...words: readonly string[]): string {
	return words
		.map((word) => {
			const flag = /^(--[a-z][a-z0-9-]*)=([^]*)$/.exec(word);
			return flag ? `${flag[1]}=${shellQuote(flag[2] ?? '')}` : word === '--' ? word : shellQuote(word);
		})
		.join(' ');
}
