import type { Ending, Frame, Raised, Said, SimDag, SimRun, SimTask, SimTaskInstance, SimTry } from './types.ts';

/** One try as a log writer needs it. */
export type LoggedTry = {
	dag: SimDag;
	run: SimRun;
	task: SimTask;
	mapIndex: number;
	tryNumber: number;
	maxTries: number;
	startedAt: number | undefined;
	endedAt: number | undefined;
	ending: Ending;
	/** The try is still running. */
	open: boolean;
	host: string;
	said: readonly (Said & { at: number })[];
};

export const HOST = 'airflow-worker-7d9f8';
export const SITE = '/opt/python3.11/lib/python3.11/site-packages';

export function endingOf(one: SimTaskInstance): Ending {
	if (one.made?.tryNumber === one.tryNumber) return one.made.ending;
	const endings = one.task.endings ?? [];
	return endings[Math.min(Math.max(one.tryNumber, 1), endings.length) - 1] ?? 'success';
}

/** The present try, or one of the past. */
export function loggedTry(dag: SimDag, run: SimRun, one: SimTaskInstance, at: SimTaskInstance | SimTry): LoggedTry {
	return {
		dag,
		run,
		task: one.task,
		mapIndex: one.mapIndex,
		tryNumber: at.tryNumber,
		maxTries: one.maxTries,
		startedAt: at.startedAt,
		endedAt: at.endedAt,
		ending: ('ending' in at ? at.ending : undefined) ?? endingOf({ ...one, tryNumber: at.tryNumber }),
		open: at === one && one.state === 'running',
		host: at.host ?? HOST,
		said: at.said,
	};
}

export function attempt(one: LoggedTry): string {
	const mapped = one.mapIndex >= 0 ? `/map_index=${one.mapIndex}` : '';
	return `/home/airflow/gcs/logs/dag_id=${one.dag.id}/run_id=${one.run.run}/task_id=${one.task.id}${mapped}/attempt=${one.tryNumber}.log`;
}

/** It never ran on any worker. */
export const neverRan = ({ ending, startedAt }: LoggedTry): boolean =>
	ending === 'no-log' || ending === 'stuck' || startedAt === undefined;

export const isRaised = (ending: Ending): ending is { raises: Raised } =>
	typeof ending === 'object' && 'raises' in ending;
export const isGone = (ending: Ending): ending is { gone: 'cut' | 'missing' } =>
	typeof ending === 'object' && 'gone' in ending;

/** What a task prints: its own words on the way to success, or before it is killed. */
export function printed(one: LoggedTry): readonly string[] {
	if (one.said.length > 0) return one.task.prints ?? [];
	return isRaised(one.ending) || (one.task.retries !== undefined && one.ending !== 'success')
		? []
		: (one.task.prints ?? []);
}

/** A library raises its exceptions in a file of its own, below the DAG's line. By the first word of the exception's type. */
const LIBRARY: Readonly<Record<string, Frame>> = {
	google: {
		file: 'google/cloud/_http/__init__.py',
		line: 494,
		name: 'api_request',
		code: 'raise exceptions.from_http_response(response)',
	},
	requests: { file: 'requests/adapters.py', line: 665, name: 'send', code: 'raise ConnectTimeout(e, request=request)' },
	airflow: {
		file: 'airflow/hooks/base.py',
		line: 61,
		name: 'get_connection',
		code: 'conn = Connection.get_connection_from_secrets(conn_id)',
	},
};

/** From the user's line, where there is one, to where it was raised; files with their whole path. */
export function framesOf(one: LoggedTry, raised: Raised): Frame[] {
	const library = raised.type.includes('.') ? LIBRARY[raised.type.split('.')[0] ?? ''] : undefined;
	const { own, below } = raised.frames ?? { own: true, below: library ? [library] : [] };
	const users: Frame = {
		file: `/home/airflow/gcs/dags/${one.dag.file}`,
		line: raised.line,
		name: raised.function,
		code:
			raised.function === 'divide'
				? 'return 1 / 0'
				: below.length > 0
					? 'run(…)'
					: `raise ${raised.type.split('.').at(-1) ?? ''}(…)`,
	};
	return [...(own ? [users] : []), ...below].map((frame) => ({
		...frame,
		file: frame.file.startsWith('/') ? frame.file : `${SITE}/${frame.file}`,
	}));
}

/** As Python prints them below `Traceback (most recent call last):`. */
export const printedFrames = (frames: readonly Frame[]): string[] =>
	frames.flatMap(({ file, line, name, code }) => [`  File "${file}", line ${line}, in ${name}`, `    ${code}`]);
