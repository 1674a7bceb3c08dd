import { isDagId, isRunId, isTaskId } from './ids.ts';

/** What an address of Airflow's web interface or REST API is about. */
export type AirflowPlace = {
	/** `https://airflow.example.com`, in lower case. */
	origin: string;
	/** What stands before the interface's own path, with its slash at the end: `/` or `/airflow/`. */
	base: string;
	dag: string;
	run?: string | undefined;
	task?: string | undefined;
	mapIndex?: number | undefined;
	tryNumber?: number | undefined;
	/** Of old addresses, which name the run by its logical date. ISO 8601. */
	logicalDate?: string | undefined;
};

/** Whether somebody pasted an address instead of typing a DAG id. */
export function isAddress(text: string): boolean {
	return /^https?:\/\//i.test(text);
}

/**
 * Reads an address out of the browser: Airflow 3 (`/dags/D/runs/R/tasks/T?try_number=2`), Airflow 2 (`/dags/D/grid?dag_run_id=R&
 * task_id=T`, `/log?dag_id=D&task_id=T&execution_date=…` and older forms), and the REST API's own. Undefined: it is about no DAG,
 * or an id in it can be none. Says nothing of whose address it is: the host must be compared by the caller.
 */
export function parseAirflowUrl(text: string): AirflowPlace | undefined {
	const url = URL.parse(text);
	if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.username || url.password) return undefined;
	const read = byPath(url) ?? byQuery(url);
	if (!read || !isDagId(read.dag)) return undefined;
	if (read.run !== undefined && !isRunId(read.run)) return undefined;
	if (read.task !== undefined && !isTaskId(read.task)) return undefined;
	return clean({ origin: url.origin, ...read });
}

type Read = Omit<AirflowPlace, 'origin'>;

// `/dags/D`, then `/runs/R` or `/dagRuns/R`, then `/tasks/T` or `/taskInstances/T`, then what belongs to the try.
const PATH = /^(\/(?:[^/]+\/)*?)(?:api\/v[12]\/)?dags\/([^/]+)(?:\/(.*))?$/;

function byPath({ pathname, searchParams }: URL): Read | undefined {
	const [, base, dagPart, rest = ''] = PATH.exec(pathname) ?? [];
	const dag = decode(dagPart);
	if (base === undefined || dag === undefined) return undefined;
	const parts = rest.split('/');
	const after = (...names: string[]): string | undefined => {
		const at = parts.findIndex((part, i) => names.includes(part) && i + 1 < parts.length);
		return at < 0 ? undefined : decode(parts[at + 1]);
	};
	const group = parts[parts.indexOf('tasks') + 1] === 'group' && parts.includes('tasks');
	const task = group ? undefined : (after('tasks', 'taskInstances') ?? query(searchParams, 'task_id'));
	const mapped = after('mapped') ?? afterTask(parts) ?? query(searchParams, 'map_index');
	const tryText = after('logs', 'tries') ?? query(searchParams, 'try_number') ?? query(searchParams, 'tryNumber');
	return {
		base,
		dag,
		run: after('runs', 'dagRuns') ?? query(searchParams, 'dag_run_id') ?? query(searchParams, 'run_id'),
		task,
		mapIndex: whole(mapped),
		tryNumber: whole(tryText),
		logicalDate: date(query(searchParams, 'execution_date')),
	};
}

/** REST: `taskInstances/T/3/tries`. */
function afterTask(parts: readonly string[]): string | undefined {
	const at = parts.indexOf('taskInstances');
	const next = at < 0 ? undefined : parts[at + 2];
	return next !== undefined && /^\d+$/.test(next) ? next : undefined;
}

/** Airflow 2's older pages: everything stands in the query. */
function byQuery({ pathname, searchParams }: URL): Read | undefined {
	const [, base] =
		/^(\/(?:[^/]+\/)*?)(?:log|task|rendered-templates|rendered|xcom|graph|tree|grid|gantt|taskinstance\/list|dagrun\/list)\/?$/.exec(
			pathname,
		) ?? [];
	const dag = query(searchParams, 'dag_id') ?? query(searchParams, '_flt_3_dag_id');
	if (base === undefined || dag === undefined) return undefined;
	return {
		base,
		dag,
		run: query(searchParams, 'dag_run_id') ?? query(searchParams, 'run_id') ?? query(searchParams, '_flt_3_run_id'),
		task: query(searchParams, 'task_id') ?? query(searchParams, '_flt_3_task_id'),
		mapIndex: whole(query(searchParams, 'map_index')),
		tryNumber: whole(query(searchParams, 'try_number')),
		logicalDate: date(query(searchParams, 'execution_date')),
	};
}

/** An id holds no blank: one that stands here was a plus sign which somebody's program did not encode. */
function query(params: URLSearchParams, name: string): string | undefined {
	const value = params.get(name);
	return value === null || value === '' ? undefined : value.replaceAll(' ', '+');
}

function decode(part: string | undefined): string | undefined {
	if (part === undefined || part === '') return undefined;
	try {
		return decodeURIComponent(part);
	} catch {
		return undefined;
	}
}

function whole(text: string | undefined): number | undefined {
	return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}

function date(text: string | undefined): string | undefined {
	const at = text === undefined ? NaN : Date.parse(text);
	return Number.isNaN(at) ? undefined : new Date(at).toISOString();
}

function clean(place: AirflowPlace): AirflowPlace {
	const { origin, base, dag, ...rest } = place;
	const known = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
	return { origin, base, dag, ...known };
}
