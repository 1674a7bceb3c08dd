import { shellQuote } from '../domain/text.ts';
import type { Head } from './history.ts';
import type { Change, Part, Worker } from './plan.ts';
import { changedSettings, changedSizes, kindOf, sizeName, updatesFor, workloads, type Workloads } from './updates.ts';

type Environment = Head['environment'];

/** A change, ready to apply in the three ways people apply it. */
export type Patch = {
	/** One command a line, in the order in which they have to be run: Composer takes one kind of update a call. */
	shell: string[];
	/** Blocks for the `google_composer_environment` resource; undefined: it is no setting of the environment. */
	terraform?: string | undefined;
	/** Requests to the Composer API, one an update. */
	api: { method: 'PATCH'; path: string; body: Record<string, unknown> }[];
	/** What plain Airflow needs, and what stands in the DAGs' own code. */
	settings: string[];
};

/** What is not known stands in capitals, to be filled in. Nothing in a name can end the argument it stands in. */
export function patchFor(environment: Environment, changes: readonly Change[]): Patch {
	const { project = 'PROJECT', location = 'LOCATION', name = 'ENVIRONMENT' } = environment;
	const path = `/v1/projects/${encodeURIComponent(project)}/locations/${encodeURIComponent(location)}/environments/${encodeURIComponent(name)}`;
	const terraform = terraformFor(environment, changes);
	return {
		shell: commandsFor(environment, changes),
		...(terraform === '' ? {} : { terraform }),
		api: updatesFor(environment, changes).map(({ mask, body }) => ({
			method: 'PATCH',
			path: `${path}?updateMask=${mask.map(encodeURIComponent).join(',')}`,
			body,
		})),
		settings: changes.flatMap((change) => settingOf(change, environment) ?? []),
	};
}

/** Where there is no Composer that would take it. */
function settingOf(change: Change, { generation }: Environment): string | undefined {
	if (change.what === 'dag') return `DAG(dag_id=${JSON.stringify(change.dag)}, …, ${change.setting}=${change.to})`;
	if (generation !== 'airflow') return undefined;
	if (change.what === 'concurrency') return `AIRFLOW__CELERY__WORKER_CONCURRENCY=${change.to}`;
	if (change.what === 'worker') return `# Celery workers: ${change.from.max} -> ${change.to.max}`;
	if (change.what !== 'override') return undefined;
	const [section = '', ...rest] = change.key.split('-');
	const variable = `AIRFLOW__${section.toUpperCase()}__${rest.join('-').toUpperCase()}`;
	return change.to === undefined ? `unset ${shellQuote(variable)}` : `${variable}=${shellQuote(change.to)}`;
}

function commandsFor(environment: Environment, changes: readonly Change[]): string[] {
	const { generation, project = 'PROJECT', location = 'LOCATION', name = 'ENVIRONMENT' } = environment;
	const at = [`--location=${location}`, `--project=${project}`];
	const update = (flags: readonly string[]): string =>
		command('gcloud', 'composer', 'environments', 'update', name, ...at, ...flags);
	const lines: string[] = [];
	const done = new Set<string>();
	for (const change of changes) {
		if (change.what === 'pool') {
			// `airflow pools set` wants a description and overwrites the one there was.
			const set = ['set', change.name, String(change.to), 'resized'];
			lines.push(
				generation === 'airflow'
					? command('airflow', 'pools', ...set)
					: command('gcloud', 'composer', 'environments', 'run', name, ...at, 'pools', '--', ...set),
			);
			continue;
		}
		const kind = kindOf(change);
		if (generation === 'airflow' || kind === undefined || done.has(kind)) continue;
		done.add(kind);
		const its = changes.filter((each) => kindOf(each) === kind);
		const flags = kind === 'settings' ? settingFlags(its) : its.flatMap(flagsOf);
		if (flags.length > 0) lines.push(update(flags));
	}
	return lines;
}

function flagsOf(change: Change): string[] {
	switch (change.what) {
		case 'worker':
			return workerFlags(change.from, change.to);
		case 'component':
			return componentFlags(change);
		case 'environment size':
			return [`--environment-size=${change.to}`];
		case 'retention':
			return [`--airflow-database-retention-days=${change.days}`];
		default:
			return [];
	}
}

function workerFlags(from: Worker, to: Worker): string[] {
	const flags: string[] = [];
	if (from.min !== to.min) flags.push(`--min-workers=${to.min}`);
	if (from.max !== to.max) flags.push(`--max-workers=${to.max}`);
	if (from.cpu !== to.cpu) flags.push(`--worker-cpu=${to.cpu}`);
	if (from.memoryGb !== to.memoryGb) flags.push(`--worker-memory=${to.memoryGb}GB`);
	if (from.storageGb !== to.storageGb) flags.push(`--worker-storage=${to.storageGb}GB`);
	return flags;
}

const FLAGS = {
	scheduler: 'scheduler',
	dagProcessor: 'dag-processor',
	triggerer: 'triggerer',
	webServer: 'web-server',
};

function componentFlags({ component, from, to }: Extract<Change, { what: 'component' }>): string[] {
	const name = FLAGS[component];
	const flags: string[] = [];
	const add = (key: keyof Part, flag: string, unit = ''): void => {
		if (from[key] !== to[key]) flags.push(`--${name}-${flag}=${to[key]}${unit}`);
	};
	// There is one web server always.
	if (component !== 'webServer') add('count', 'count');
	add('cpu', 'cpu');
	add('memoryGb', 'memory', 'GB');
	add('storageGb', 'storage', 'GB');
	return flags;
}

function settingFlags(changes: readonly Change[]): string[] {
	const settings = changedSettings(changes);
	const set = settings.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]));
	const gone = settings.flatMap(([key, value]) => (value === undefined ? [key] : []));
	return [
		...(set.length > 0 ? [`--update-airflow-configs=${gcloudList(set)}`] : []),
		...(gone.length > 0 ? [`--remove-airflow-configs=${gcloudList(gone)}`] : []),
	];
}

/** gcloud splits at commas unless another mark is named: `^|^a=1,2|b=3` (`gcloud topic escaping`). */
function gcloudList(items: readonly string[]): string {
	const plain = items.join(',');
	if (!items.some((item) => item.includes(',')) && !plain.startsWith('^')) return plain;
	const mark = ['|', ';', '#', '~', '\u001f'].find((each) => !items.some((item) => item.includes(each))) ?? '\u001e';
	return `^${mark}^${items.join(mark)}`;
}

function terraformFor(environment: Environment, changes: readonly Change[]): string {
	if (environment.generation === 'airflow') return '';
	const blocks: string[] = [];
	const of = (kind: string): readonly Change[] => changes.filter((change) => kindOf(change) === kind);
	const whole = of('workloads').length > 0 ? workloads(changedSizes(environment, changes)) : undefined;
	if (whole) blocks.push(workloadsBlock(whole));
	const settings = changedSettings(of('settings'));
	if (settings.length > 0) blocks.push(overridesBlock({ ...environment.overrides, ...Object.fromEntries(settings) }));
	for (const change of changes) {
		if (change.what === 'environment size')
			blocks.push(`# google_composer_environment > config\nenvironment_size = "${sizeName(change.to)}"`);
		if (change.what === 'retention') blocks.push(retentionBlock(change.days));
	}
	return blocks.join('\n');
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function workloadsBlock(whole: Workloads): string {
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
function overridesBlock(overrides: Readonly<Record<string, string | undefined>>): string {
	const entries = Object.entries(overrides)
		.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))
		.toSorted(([a], [b]) => (a < b ? -1 : 1));
	return [
		'# google_composer_environment > config > software_config',
		'airflow_config_overrides = {',
		...entries.map(([key, value]) => `  ${/^[A-Za-z_][\w-]*$/.test(key) ? key : hclString(key)} = ${hclString(value)}`),
		'}',
	].join('\n');
}

const retentionBlock = (days: number): string =>
	[
		'# google_composer_environment > config',
		'data_retention_config {',
		'  airflow_metadata_retention_config {',
		'    retention_mode = "RETENTION_MODE_ENABLED"',
		`    retention_days = ${days}`,
		'  }',
		'}',
	].join('\n');

/** `${` and `%{` would be run as a template; two of JSON's escapes HCL does not have. */
const hclString = (value: string): string =>
	JSON.stringify(value)
		.replace(/\\[\\bf]/g, (escape) => (escape === '\\b' ? '\\u0008' : escape === '\\f' ? '\\u000c' : escape))
		.replace(/[$%](?=\{)/g, (mark) => mark + mark);

/** In `--flag=value` only the value is quoted, so that it stays readable. */
function command(...words: readonly string[]): string {
	return words
		.map((word) => {
			const flag = /^(--[a-z][a-z0-9-]*)=([^]*)$/.exec(word);
			return flag ? `${flag[1]}=${shellQuote(flag[2] ?? '')}` : word === '--' ? word : shellQuote(word);
		})
		.join(' ');
}
