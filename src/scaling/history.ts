import { z } from 'zod';
import { Trouble } from '../domain/errors.ts';
import { rowReader } from './read-row.ts';
import { clear, gather, newRow, type Tasks } from './tasks.ts';

/** ISO 8601 in, epoch milliseconds out. */
const time = z.string().transform((text, context) => {
	const ms = Date.parse(text);
	if (Number.isNaN(ms)) context.addIssue({ code: 'custom', message: `no time: ${text.slice(0, 40)}` });
	return ms;
});
const count = z.number().int().nonnegative();
const positive = z.number().positive();

const component = z.object({
	count: count.default(1),
	cpu: positive,
	memoryGb: positive,
	storageGb: z.number().nonnegative().optional(),
});

/** Series that may be given, each `[time, value]`. Shares are 0 to 1. Where each comes from: docs/history.md. */
export const SERIES = [
	'workers',
	'queueLength',
	'workerMemoryGb',
	'workerCpuShare',
	'workerDiskShare',
	'evictions',
	'restarts',
	'schedulerCpuShare',
	'schedulerMemoryShare',
	'schedulerHeartbeats',
	'parseSeconds',
	'dagProcessorCpuShare',
	'dagProcessorMemoryShare',
	'triggererCpuShare',
	'triggererMemoryShare',
	'webServerCpuShare',
	'webServerMemoryShare',
	'databaseCpuShare',
	'databaseMemoryShare',
	'databaseSizeGb',
] as const;
export type SeriesName = (typeof SERIES)[number];
const series = z.array(z.tuple([time, z.number()]));

const environment = z
	.object({
		generation: z.enum(['composer-2', 'composer-3', 'airflow']),
		name: z.string().optional(),
		project: z.string().optional(),
		location: z.string().optional(),
		airflowVersion: z.string().optional(),
		imageVersion: z.string().optional(),
		size: z.enum(['small', 'medium', 'large', 'extra-large']).optional(),
		worker: z.object({
			min: count,
			max: count.min(1),
			cpu: positive.optional(),
			memoryGb: positive.optional(),
			storageGb: z.number().nonnegative().optional(),
		}),
		scheduler: component.optional(),
		dagProcessor: component.optional(),
		triggerer: component.omit({ storageGb: true }).optional(),
		webServer: component.optional(),
		/** `airflowConfigOverrides` as Composer writes them: `celery-worker_concurrency`. */
		overrides: z.record(z.string(), z.string()).default({}),
		/** As Airflow's own `GET /config` says. */
		workerConcurrency: count.min(1).optional(),
		parallelism: count.optional(),
	})
	.refine(({ worker }) => worker.min <= worker.max, 'environment.worker: min is above max')
	.refine(
		({ generation, worker }) => generation === 'airflow' || (worker.cpu !== undefined && worker.memoryGb !== undefined),
		'environment.worker: cpu and memoryGb are needed on Composer',
	);

/** Everything but the task instances. */
const head = z.object({
	format: z.literal('concertmaster-history/1'),
	from: time,
	to: time,
	environment,
	pools: z.array(z.object({ name: z.string(), slots: z.number().int() })).default([]),
	dags: z
		.array(
			z.object({
				dag_id: z.string(),
				max_active_tasks: count.optional(),
				max_active_runs: count.optional(),
				tasks: z
					.array(z.object({ task_id: z.string(), downstream_task_ids: z.array(z.string()).default([]) }))
					.optional(),
			}),
		)
		.default([]),
	metrics: z.partialRecord(z.enum(SERIES), series).default({}),
});

/** One task instance as Airflow's REST API writes it; further fields are ignored. */
const row = z.object({
	dag_id: z.string(),
	dag_run_id: z.string(),
	task_id: z.string(),
	pool: z.string().nullish(),
	pool_slots: z.number().int().nullish(),
	hostname: z.string().nullish(),
	state: z.string().nullish(),
	operator: z.string().nullish(),
	queued_when: time.nullish(),
	scheduled_when: time.nullish(),
	start_date: time.nullish(),
	end_date: time.nullish(),
});

export type Head = z.output<typeof head>;
export type History = Head & {
	tasks: Tasks;
	/** Rows left out: they never started or have not ended. */
	unfinished: number;
};

/** Everything but the task instances. Trouble `user`: it is not of the documented format (docs/history.md). */
export function readHead(value: unknown): Head {
	const read = head.safeParse(value);
	if (!read.success) throw wrong(z.prettifyError(read.error));
	if (read.data.to <= read.data.from) throw wrong('`to` must be later than `from`.');
	return read.data;
}

/** Takes the task instances one by one, as values or as the bytes of their JSON, so that a long history never lies in memory as text. */
export function historyReader() {
	const gathered = gather();
	const read = rowReader();
	const filled = newRow();
	const encoder = new TextEncoder();
	let scratch = new Uint8Array(4096);
	let unfinished = 0;
	let rows = 0;

	function add(value: unknown): void {
		rows++;
		const parsed = row.safeParse(value);
		if (!parsed.success) throw wrong(`task instance ${rows}: ${z.prettifyError(parsed.error)}`);
		const { data } = parsed;
		const texts = [data.dag_id, data.dag_run_id, data.task_id, data.pool, data.hostname];
		const most = texts.reduce((sum, text) => sum + 3 * (text?.length ?? 0), 0);
		if (most > scratch.length) scratch = new Uint8Array(2 * most);
		clear(filled);
		filled.text = scratch;
		let used = 0;
		texts.forEach((text, field) => {
			if (text == null) return;
			filled.spans[2 * field] = used;
			used += encoder.encodeInto(text, scratch.subarray(used)).written;
			filled.spans[2 * field + 1] = used;
		});
		[data.pool_slots, data.queued_when, data.scheduled_when, data.start_date, data.end_date].forEach((value, field) => {
			filled.numbers[field] = value ?? Number.NaN;
		});
		if (!gathered.take(filled)) unfinished++;
	}

	return {
		add,
		/** UTF-8; a row as one JSON object from `from` to `to`. */
		addBytes(text: Uint8Array, from: number, to: number): void {
			if (!read(text, from, to, filled)) return add(parseJson(new TextDecoder().decode(text.subarray(from, to))));
			rows++;
			if (!gathered.take(filled)) unfinished++;
		},
		done: (about: Head): History => ({ ...about, tasks: gathered.done(), unfinished }),
	};
}

const whole = z.looseObject({ task_instances: z.array(z.unknown()) });

/** A history that is one JSON object, its task instances unread. Throws as `readHead`. */
export function readWhole(value: unknown): { head: Head; rows: readonly unknown[] } {
	const read = whole.safeParse(value);
	if (!read.success) throw wrong(z.prettifyError(read.error));
	return { head: readHead(value), rows: read.data.task_instances };
}

/** A history that is one JSON object. Trouble `user`: it is not of the documented format (docs/history.md). */
export function readHistory(value: unknown): History {
	const { head: about, rows } = readWhole(value);
	const reader = historyReader();
	for (const each of rows) reader.add(each);
	return reader.done(about);
}

/** Trouble `user` when it is no JSON. */
export function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (error) {
		throw wrong(
			text.trim() === ''
				? 'there is nothing in it'
				: `no JSON: ${error instanceof Error ? error.message : String(error)}`,
		);
	}
}

function wrong(why: string): Trouble {
	return new Trouble('user', 'history not understood', `This is no history: ${why}`, {
		hint: 'The format is described in docs/history.md.',
		ja: { message: `履歴として読み取れません: ${why}`, hint: '形式は docs/history.md を参照してください。' },
	});
}
