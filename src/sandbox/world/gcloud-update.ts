import type { Change } from './gcloud-calls.ts';
import { gigabytes, Malformed, pairsOf, type Given, type Spec } from './gcloud-words.ts';

/** `gcloud composer environments update`. Source: gcloud's reference of that command. */
export const UPDATE: Spec = {
	words: ['environment'],
	kinds: { environment: 'name' },
	flags: {
		location: 'name!',
		async: 'flag',
		'worker-cpu': 'number',
		'worker-memory': 'size',
		'worker-storage': 'size',
		'min-workers': 'number',
		'max-workers': 'number',
		'scheduler-cpu': 'number',
		'scheduler-memory': 'size',
		'scheduler-storage': 'size',
		'scheduler-count': 'number',
		'web-server-cpu': 'number',
		'web-server-memory': 'size',
		'web-server-storage': 'size',
		'triggerer-cpu': 'number',
		'triggerer-memory': 'size',
		'triggerer-count': 'number',
		'dag-processor-cpu': 'number',
		'dag-processor-memory': 'size',
		'dag-processor-storage': 'size',
		'dag-processor-count': 'number',
		'environment-size': 'text',
		'update-airflow-configs': 'pairs',
		'remove-airflow-configs': 'list',
		'clear-airflow-configs': 'flag',
		'update-env-variables': 'pairs',
		'remove-env-variables': 'variables',
		'clear-env-variables': 'flag',
		'update-pypi-package': 'text',
		'update-pypi-packages-from-file': 'text',
		'remove-pypi-packages': 'list',
		'clear-pypi-packages': 'flag',
		'image-version': 'name',
		'airflow-version': 'name',
		'enable-logs-in-cloud-logging-only': 'flag',
		'enable-logs-in-cloud-logging-and-storage': 'flag',
		'airflow-database-retention-days': 'number',
		'maintenance-window-start': 'text',
		'maintenance-window-end': 'text',
		'maintenance-window-recurrence': 'text',
		'update-web-server-allow-ip': 'pairs*',
		'network-attachment': 'text',
		'enable-private-builds-only': 'flag',
		'disable-private-builds-only': 'flag',
	},
};

const WORKLOAD =
	/^(?:(?:worker|scheduler|web-server|triggerer|dag-processor)-(?:cpu|memory|storage|count)|(?:min|max)-workers)$/;
const COMPONENTS = {
	worker: 'worker',
	scheduler: 'scheduler',
	'web-server': 'webServer',
	triggerer: 'triggerer',
	'dag-processor': 'dagProcessor',
} as const;

/** Flags of one group may stand together; two groups are two updates. */
const GROUPS: readonly { flags: RegExp; read: (flags: Given['flags'], many: Given['many']) => Change }[] = [
	{ flags: WORKLOAD, read: readWorkloads },
	{ flags: /^environment-size$/, read: (flags) => ({ kind: 'size', size: sizeOf(flags['environment-size']) }) },
	{ flags: /-airflow-configs$/, read: (flags) => readSet('configs', 'airflow-configs', flags) },
	{ flags: /-env-variables$/, read: (flags) => readSet('variables', 'env-variables', flags) },
	{ flags: /-pypi-packages?(?:-from-file)?$/, read: readPackages },
	{
		flags: /^(?:image|airflow)-version$/,
		read: (flags) => ({ kind: 'image', version: flags['image-version'] ?? `airflow-${flags['airflow-version']}` }),
	},
	{
		flags: /^enable-logs-in-/,
		read: (flags) => ({
			kind: 'logs',
			storage: 'enable-logs-in-cloud-logging-only' in flags ? 'CLOUD_LOGGING_ONLY' : 'CLOUD_LOGGING_AND_CLOUD_STORAGE',
		}),
	},
	{
		flags: /^airflow-database-retention-days$/,
		read: (flags) => ({ kind: 'retention', days: Number(flags['airflow-database-retention-days']) }),
	},
	{ flags: /^maintenance-window-/, read: readWindow },
	{
		flags: /^update-web-server-allow-ip$/,
		read: (_, many) => ({
			kind: 'addresses',
			add: (many['update-web-server-allow-ip'] ?? []).map((each) => {
				const { ip_range: value, description = '' } = pairsOf(each);
				if (value === undefined) throw new Malformed('--update-web-server-allow-ip: ip_range is missing');
				return { value, description };
			}),
		}),
	},
	{ flags: /^network-attachment$/, read: (flags) => ({ kind: 'attachment', name: flags['network-attachment'] ?? '' }) },
	{
		flags: /-private-builds-only$/,
		read: (flags) => ({ kind: 'private-builds', only: 'enable-private-builds-only' in flags }),
	},
];

/** What the flags change. Throws Malformed when they are none or of two kinds. */
export function readChange({ flags, many }: Pick<Given, 'flags' | 'many'>): Change {
	const names = [...Object.keys(flags), ...Object.keys(many)];
	const found = GROUPS.filter((group) => names.some((name) => group.flags.test(name)));
	const [first, second] = found;
	if (!first) throw new Malformed('gcloud composer environments update: nothing is changed');
	if (second) {
		const which = names.filter((name) => found.some((group) => group.flags.test(name)));
		throw new Malformed(
			`gcloud composer environments update: one kind of update at a time: ${which.map((name) => `--${name}`).join(', ')}`,
		);
	}
	return first.read(flags, many);
}

function readWorkloads(flags: Given['flags']): Change {
	const change: Extract<Change, { kind: 'workloads' }> = { kind: 'workloads' };
	for (const [flag, name] of Object.entries(COMPONENTS)) {
		const {
			[`${flag}-cpu`]: cpu,
			[`${flag}-memory`]: memory,
			[`${flag}-storage`]: storage,
			[`${flag}-count`]: count,
		} = flags;
		const counts = flag === 'worker' ? { min: flags['min-workers'], max: flags['max-workers'] } : {};
		const component = {
			...(cpu !== undefined && { cpu: Number(cpu) }),
			...(memory !== undefined && { memoryGb: gigabytes(memory) }),
			...(storage !== undefined && { storageGb: gigabytes(storage) }),
			...(count !== undefined && { count: Number(count) }),
			...(counts.min !== undefined && { minCount: Number(counts.min) }),
			...(counts.max !== undefined && { maxCount: Number(counts.max) }),
		};
		if (Object.keys(component).length > 0) change[name] = component;
	}
	return change;
}

function sizeOf(value: string | undefined): 'small' | 'medium' | 'large' | 'extra-large' {
	if (value === 'small' || value === 'medium' || value === 'large' || value === 'extra-large') return value;
	throw new Malformed(`--environment-size is small, medium, large or extra-large: ${value}`);
}

const OVERRIDE = /^[a-z][a-z0-9_]*-[a-z][a-z0-9_]*$/;

function readSet(kind: 'configs' | 'variables', flag: string, flags: Given['flags']): Change {
	const { [`update-${flag}`]: update, [`remove-${flag}`]: remove } = flags;
	const set: Record<string, string | undefined> = update === undefined ? {} : pairsOf(update);
	for (const name of remove === undefined ? [] : remove.split(',')) set[name] = undefined;
	const bad = Object.keys(set).find((name) =>
		kind === 'configs' ? !OVERRIDE.test(name) : !/^[A-Za-z_]\w*$/.test(name),
	);
	if (bad !== undefined)
		throw new Malformed(`--update-${flag}: ${bad} is not ${kind === 'configs' ? 'a section-key' : 'a name'}`);
	return { kind, set, clear: `clear-${flag}` in flags };
}

function readPackages(flags: Given['flags']): Change {
	const set: Record<string, string | undefined> = {};
	const update = flags['update-pypi-package'];
	if (update !== undefined) {
		// PEP 508, no address and no path: `name[extra]>=1,<2`.
		const [, name, rest = ''] =
			/^([A-Za-z0-9][\w.-]*)((?:\[[^\]]+\])?(?:(?:[=<>!~]=?|===)[^=<>!~,]+,?)*)$/.exec(update) ?? [];
		if (name === undefined) throw new Malformed(`--update-pypi-package: ${update} is no package of PEP 508`);
		set[name] = rest;
	}
	for (const name of flags['remove-pypi-packages']?.split(',') ?? []) set[name] = undefined;
	return { kind: 'packages', set, clear: 'clear-pypi-packages' in flags };
}

function readWindow(flags: Given['flags']): Change {
	const {
		'maintenance-window-start': startTime,
		'maintenance-window-end': endTime,
		'maintenance-window-recurrence': recurrence,
	} = flags;
	if (startTime === undefined || endTime === undefined || recurrence === undefined)
		throw new Malformed('the maintenance window takes start, end and recurrence together');
	const hours = (Date.parse(endTime) - Date.parse(startTime)) / 3_600_000;
	const days = /BYDAY=([A-Z,]+)/.exec(recurrence)?.[1]?.split(',').length ?? 7;
	if (!(hours >= 4 && hours * days >= 12))
		throw new Malformed('the maintenance window is at least 4 hours at a time and 12 hours a week');
	return { kind: 'window', startTime, endTime, recurrence };
}
