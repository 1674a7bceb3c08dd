import { z } from 'zod';
import { Trouble } from '../domain/errors.ts';

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
	'schedulerHeartbeats',
	'parseSeconds',
	'dagProcessorCpuShare',
	'triggererCpuShare',
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

/** Task instances that ran, one column a field, so that a million of them stay small. Times are epoch milliseconds. */
export type Tasks = {
	length: number;
	dag: number[];
	/** DAG and run together. */
	run: number[];
	task: number[];
	pool: number[];
	host: number[];
	slots: number[];
	/** NaN where Airflow did not say. */
	queued: number[];
	scheduled: number[];
	start: number[];
	end: number[];
	names: { dags: string[]; tasks: string[]; pools: string[]; hosts: string[] };
};
export type Head = z.output<typeof head>;
export type History = Head & {
	tasks: Tasks;
	/** Rows left out: they never started or have not ended. */
	unfinished: number;
};

/** An interning list: the same text gives the same number. */
function names(): { of(text: string): number; list: string[] } {
	const seen = new Map<string, number>();
	const list: string[] = [];
	return {
		list,
		of(text) {
			const known = seen.get(text);
			if (known !== undefined) return known;
			seen.set(text, list.length);
			return list.push(text) - 1;
		},
	};
}

/** Takes the task instances one by one, so that a long history can be read line by line. */
export function historyReader(headValue: unknown): { add(value: unknown): void; done(): History } {
	const read = head.safeParse(headValue);
	if (!read.success) throw wrong(z.prettifyError(read.error));
	if (read.data.to <= read.data.from) throw wrong('`to` must be later than `from`.');
	const [dags, runs, taskNames, pools, hosts] = [names(), names(), names(), names(), names()];
	const tasks: Tasks = {
		length: 0,
		dag: [],
		run: [],
		task: [],
		pool: [],
		host: [],
		slots: [],
		queued: [],
		scheduled: [],
		start: [],
		end: [],
		names: { dags: dags.list, tasks: taskNames.list, pools: pools.list, hosts: hosts.list },
	};
	let unfinished = 0;
	let rows = 0;
	return {
		add(value) {
			rows++;
			const parsed = row.safeParse(value);
			if (!parsed.success) throw wrong(`task instance ${rows}: ${z.prettifyError(parsed.error)}`);
			const { data } = parsed;
			if (data.start_date == null || data.end_date == null || data.end_date < data.start_date) {
				unfinished++;
				return;
			}
			tasks.length++;
			tasks.dag.push(dags.of(data.dag_id));
			tasks.run.push(runs.of(`${data.dag_id}\n${data.dag_run_id}`));
			tasks.task.push(taskNames.of(data.task_id));
			tasks.pool.push(pools.of(data.pool ?? 'default_pool'));
			tasks.host.push(hosts.of(data.hostname ?? ''));
			tasks.slots.push(Math.max(1, data.pool_slots ?? 1));
			tasks.queued.push(data.queued_when ?? Number.NaN);
			tasks.scheduled.push(data.scheduled_when ?? Number.NaN);
			tasks.start.push(data.start_date);
			tasks.end.push(data.end_date);
		},
		done: () => ({ ...read.data, tasks, unfinished }),
	};
}

const whole = z.looseObject({ task_instances: z.array(z.unknown()) });

/** A history that is one JSON object. Trouble `user`: it is not of the documented format (docs/history.md). */
export function readHistory(value: unknown): History {
	const read = whole.safeParse(value);
	if (!read.success) throw wrong(z.prettifyError(read.error));
	const reader = historyReader(value);
	for (const each of read.data.task_instances) reader.add(each);
	return reader.done();
}

function wrong(why: string): Trouble {
	return new Trouble('user', 'history not understood', `This is no history: ${why}`, {
		hint: 'The format is described in docs/history.md.',
		ja: { message: `履歴として読み取れません: ${why}`, hint: '形式は docs/history.md を参照してください。' },
	});
}
