import { z } from 'zod';

/** Which try somebody says has failed. Foreign: it is only a hint, and what is told is read from Airflow. */
export type Hint = { dag: string; run: string; task: string; mapIndex: number; tryNumber: number };

const id = z.string().min(1).max(250);
const number = z.union([
	z.number().int(),
	z
		.string()
		.regex(/^-?\d{1,9}$/)
		.transform(Number),
]);

/** What the snippets of docs/push.md send. */
const direct = z.object({
	dag_id: id,
	run_id: id,
	task_id: id,
	map_index: number.nullish(),
	try_number: number,
});

/** A task's line in Cloud Logging, as a sink hands it on. Labels as Composer writes them. */
const logEntry = z.object({ labels: z.record(z.string(), z.string()) });

/** What Pub/Sub pushes. Source: cloud.google.com/pubsub/docs/push, receive push messages. */
const envelope = z.object({ message: z.object({ data: z.string().default('') }), subscription: z.string() });

/** `unreadable`: nothing we know. A hint of undefined: something failed, which one is not said. */
export function readPush(body: string): 'unreadable' | { hint: Hint | undefined } {
	const json = parse(body);
	const pushed = envelope.safeParse(json);
	if (!pushed.success) return readMessage(json);
	return readMessage(parse(Buffer.from(pushed.data.message.data, 'base64').toString('utf8')));
}

function readMessage(json: unknown): 'unreadable' | { hint: Hint | undefined } {
	const own = direct.safeParse(json);
	if (own.success) {
		const { dag_id: dag, run_id: run, task_id: task, map_index: mapIndex, try_number: tryNumber } = own.data;
		return { hint: { dag, run, task, mapIndex: mapIndex ?? -1, tryNumber } };
	}
	const entry = logEntry.safeParse(json);
	return entry.success ? { hint: hintOf(entry.data.labels) } : 'unreadable';
}

/** From the labels of a task's log line; undefined where they do not name a try (Airflow 2 writes the logical date in place of the run). */
export function hintOf(labels: Readonly<Record<string, string>>): Hint | undefined {
	const read = direct.safeParse({
		dag_id: labels['workflow'],
		run_id: labels['run-id'],
		task_id: labels['task-id'],
		map_index: labels['map-index'],
		try_number: labels['try-number'],
	});
	if (!read.success) return undefined;
	const { dag_id: dag, run_id: run, task_id: task, map_index: mapIndex, try_number: tryNumber } = read.data;
	return { dag, run, task, mapIndex: mapIndex ?? -1, tryNumber };
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text) as unknown;
	} catch {
		return undefined;
	}
}
