import type { ChainLink, Hit, Scene } from '../domain/rule.ts';
import type { Head, HeadHit } from './head.ts';
import type { LogLine } from './line.ts';
import { raised } from './traceback.ts';
import type { Raised } from './traceback.ts';

/** Which try of which task the caller asks about; what the log says is used where this is silent. */
export type About = {
	dag?: string | undefined;
	task?: string | undefined;
	tryNumber?: number | undefined;
	/** Whose log it is, where that is known. */
	kind?: Scene['kind'] | undefined;
};

/** The scene, and what only the engine needs of it. */
export type Setting = {
	scene: Scene;
	/** The traceback that ended the try, root first, with a relayed child's traceback in front of its wrapper. */
	final: readonly Raised[];
	/** Every link of the final chain only repeats that something failed elsewhere. */
	onlyWrapped: boolean;
	/** The last exception of the log, whatever became of it. */
	last: ChainLink | undefined;
	placeOf(index: number): Hit['place'];
	/** The same for a hit before the lines that were read whole. */
	placeOfHead(hit: HeadHit): Hit['place'];
	levelOf(index: number): Hit['level'];
};

const STARTS_TRY = /Starting attempt (\d{1,4}) of /;
const ENDED: readonly (readonly [RegExp, Scene['ended']])[] = [
	// Whole sentences only: a program may quote them.
	[/^Marking task as SUCCESS\b/, 'success'],
	[/^(?:Immediate failure requested\. )?Marking task as FAILED\b/, 'failed'],
	[/^Marking task as UP_FOR_RETRY\b/, 'retry'],
	[/^(?:Marking task as SKIPPED\b|Skipping task\.)/, 'skipped'],
	[/^(?:Pausing task as DEFERRED|Task deferred|Task state set to deferred)/i, 'deferred'],
	[/^Task exited with return code 0\b/, 'success'],
	[/^Task exited with return code (?!0\b|100\b)(?:-?\d|Negsignal)/, 'failed'],
	[
		/^(?:Task failed with exception|Task failed due to|Top level error|Task killed!|Process terminated by signal|Task exited\b.{0,200}exit_code=[^0])/,
		'failed',
	],
	[/^Pushing xcom|^Done\. Returned value was/, 'success'],
	[/^Task succeeded in /, 'success'],
];
/** Airflow's last word on a try: it goes before whatever seemed to be the end until then. */
const LAST_WORD = /^Marking task as SUCCESS\b/;

/** Reads the log once for all rules. `asks`: the texts that rules want to ask for. */
export function setScene(
	lines: readonly LogLine[],
	asks: ReadonlySet<string>,
	about: About = {},
	earlier?: { opening: readonly LogLine[]; head: Head | undefined },
): Setting {
	const kind = about.kind ?? kindOf(earlier ? [...earlier.opening, ...lines] : lines);
	const blocks = raised(lines);
	const names = namesOf(earlier ? [...earlier.opening.slice(0, 400), ...lines] : lines, about);
	const attempts = earlier?.head?.attempts ?? [];
	const tryStart = kind === 'task' ? lastTry(lines, attempts.at(-1)?.attempt) : 0;
	let ended: Scene['ended'] = 'none';
	let endedAt = -1;
	if (kind === 'task') {
		for (let i = tryStart; i < lines.length; i++) {
			const line = lines[i];
			if (!line?.starts) continue;
			for (const [pattern, how] of ENDED) {
				if (!pattern.test(line.message)) continue;
				// "Pushing xcom" and "exited with return code" come after the sentence that counts.
				const settled = ended !== 'none' && ended !== 'deferred' && !LAST_WORD.test(line.message);
				if (how === 'success' && settled && endedAt >= 0) continue;
				if (ended === 'retry' || ended === 'skipped') continue;
				ended = how;
				endedAt = i;
				break;
			}
		}
	}
	const final = finalBlocks(lines, blocks, kind, ended, tryStart);
	const chain = final.flatMap((block) => block.links);
	const has = new Map<string, boolean>();
	const ranges = final.flatMap((block, b) =>
		block.spans.map(([from, to], s) => ({ from, to, root: b === 0 && s === 0 })),
	);
	const finalRanges = final.map((block) => [block.head >= 0 ? block.head : block.from, block.to] as const);
	const body = lines.length;
	const endFrom = Math.max(tryStart, endedAt >= 0 ? Math.min(endedAt, lines.length - 12) : lines.length - 12);
	const inBlocks = blocks.map((block) => [block.from, block.to] as const);
	return {
		scene: {
			kind,
			chain,
			ended,
			dag: names.dag,
			task: names.task,
			run: names.run,
			tryNumber: names.tryNumber,
			operator: names.operator,
			pod: podOf(lines),
			airflow: generationOf(lines),
			has(text) {
				if (!asks.has(text)) throw new TypeError(`"${text}" is not listed in the rule's asks`);
				const known = has.get(text);
				if (known !== undefined) return known;
				const found = earlier?.head?.asked.has(text) === true || lines.some((line) => line.text.includes(text));
				has.set(text, found);
				return found;
			},
		},
		final,
		onlyWrapped: chain.length > 0 && chain.every(isWrapper),
		last: blocks.at(-1)?.links.at(-1),
		placeOf(index) {
			const line = lines[index];
			if (index < tryStart || (line && isElsewhere(line, names, kind))) return 'elsewhere';
			for (const range of ranges) if (index >= range.from && index < range.to) return range.root ? 'root' : 'chain';
			for (const [from, to] of finalRanges) if (index >= from && index < to) return 'chain';
			return index >= endFrom && body > 0 ? 'end' : 'body';
		},
		placeOfHead(hit) {
			const attempt = attempts.at(-1)?.attempt;
			const since = attempts.findLast((each, i) => each.attempt === attempt && attempts[i - 1]?.attempt !== attempt);
			// A new attempt begins among the lines that were read whole, so everything before is an earlier one.
			if (kind === 'task' && (tryStart > 0 || (since && attempts[0] !== since && hit.at < since.at)))
				return 'elsewhere';
			return isElsewhere(hit, names, kind) ? 'elsewhere' : 'body';
		},
		levelOf(index) {
			const line = lines[index];
			if (!line) return 'none';
			if (!line.starts && inBlocks.some(([from, to]) => index >= from && index < to)) return 'traceback';
			return line.level;
		},
	};
}

/** Logged while the whole DAG file is read, so in every task of that DAG; the task that it is about fails by itself. */
const BESIDE = /^Failed to resolve template field /;

/** A child's traceback is printed before the task fails with "non-zero exit code": it belongs in front of that wrapper. */
function finalBlocks(
	lines: readonly LogLine[],
	blocks: readonly Raised[],
	kind: Scene['kind'],
	ended: Scene['ended'],
	tryStart: number,
): Raised[] {
	if (ended === 'success' || ended === 'skipped' || ended === 'deferred') return [];
	const own = blocks.filter(
		(block) =>
			block.from >= tryStart &&
			!block.relayed &&
			block.links.length > 0 &&
			!BESIDE.test(lines[block.head]?.message ?? ''),
	);
	let final: Raised | undefined;
	if (kind === 'task') {
		// The block that hangs on the sentence with which a try fails; without one the last that was logged as an error.
		final =
			own.findLast((block) =>
				/Task failed with exception|Task failed due to|^Top level error|Failed to execute (?:job|task)/.test(
					lines[block.head]?.message ?? '',
				),
			) ??
			own.findLast(
				(block) => block.head < 0 || ['error', 'critical', 'none'].includes(lines[block.head]?.level ?? 'none'),
			);
	} else final = own.at(-1);
	const relayed = blocks.findLast((block) => block.relayed && block.from >= tryStart && block.links.length > 0);
	if (!final) return relayed ? [relayed] : [];
	if (relayed && relayed.from < final.from && final.links.every(isWrapper)) return [relayed, final];
	return [final];
}

const WRAPPERS =
	/Bash command failed|non-zero exit (?:code|status)|returned non-zero|exited with (?:return )?code|exit status|Pod .{0,200} returned a failure|Pod .{0,200} (?:failed|terminated)|RetryError|Trigger failure|Task exited|failed with (?:exit|return) code|Celery command failed|Job .{0,200} failed/i;

/** An exception that only repeats that something failed elsewhere. */
export function isWrapper(link: ChainLink): boolean {
	if (/(?:^|\.)(?:RetryError|CalledProcessError)$/.test(link.type)) return true;
	return (
		/(?:^|\.)(?:AirflowException|AirflowFailException|TaskDeferralError|PodFailedException|RuntimeError|AirflowTaskTerminated)$/.test(
			link.type,
		) && WRAPPERS.test(link.message.slice(0, 2000))
	);
}

// What the operator logs about its own pod; the program in it may print anything. Source: cncf-kubernetes, utils/pod_manager.py.
const POD = /^(?:Building pod|Found matching pod|Pod not yet started:|Deleting pod:) (?<pod>[a-z0-9][a-z0-9.-]{0,252})/;

/** The last one: a retry starts another. */
function podOf(lines: readonly LogLine[]): string | undefined {
	for (let i = lines.length - 1; i >= 0; i--) {
		const pod = POD.exec(lines[i]?.message ?? '')?.groups?.['pod'];
		if (pod !== undefined) return pod;
	}
	return undefined;
}

type Named = {
	dag?: string | undefined;
	task?: string | undefined;
	run?: string | undefined;
	tryNumber?: number | undefined;
	operator?: string | undefined;
};

function namesOf(lines: readonly LogLine[], about: About): Named {
	const { dag, task, tryNumber } = about;
	const named: Named = { dag, task, tryNumber };
	let ids: string | undefined;
	for (const { message, names } of lines.slice(0, 400)) {
		if (names) {
			named.dag ??= names.dag;
			named.task ??= names.task;
			named.tryNumber ??= names.tryNumber;
		}
		if (named.operator === undefined) {
			const executing =
				/Executing <(?:Task|Mapped)\((\w{1,100})\): ([^>\s]{1,250})>/.exec(message) ??
				/task=<Task\((\w{1,100})\): ([^>\s]{1,250})>/.exec(message);
			if (executing) {
				named.operator = executing[1];
				named.task ??= executing[2];
			}
		}
		if (named.dag === undefined || named.run === undefined) {
			const path =
				/dag_id=([^/\s]{1,250})\/run_id=([^/\s]{1,250})\/task_id=([^/\s]{1,250})\/(?:map_index=-?\d{1,6}\/)?attempt=(\d{1,4})/.exec(
					message,
				);
			const running = path
				? undefined
				: /(?:Running|deps ti=)\s?<TaskInstance: ([^\s]{1,500}) (\S{1,250}) /.exec(message);
			if (path) {
				named.dag ??= path[1];
				named.run ??= path[2];
				named.task ??= path[3];
				named.tryNumber ??= Number(path[4]);
			} else if (running) {
				named.run ??= running[2];
				ids ??= running[1];
			}
		}
		if (named.task === undefined) {
			const spoken =
				/Job \d{1,12}: Subtask (\S{1,250})$/.exec(message) ??
				/Running: \['airflow', 'tasks', 'run', '[^']{1,250}', '([^']{1,250})'/.exec(message);
			if (spoken) named.task = spoken[1];
		}
	}
	if (ids !== undefined) {
		// Both ids may hold dots: what else the log says about the task decides where one ends.
		if (named.task !== undefined && ids.endsWith(`.${named.task}`)) named.dag ??= ids.slice(0, -named.task.length - 1);
		else if (named.task === undefined || named.dag === undefined) {
			named.dag ??= ids.slice(0, ids.indexOf('.'));
			named.task ??= ids.slice(ids.indexOf('.') + 1);
		}
	}
	return named;
}

/** Where the last attempt begins; a task that resumes after a deferral starts the same attempt again. */
function lastTry(lines: readonly LogLine[], before: string | undefined): number {
	let start = 0;
	let attempt = before;
	for (let i = 0; i < lines.length; i++) {
		const started = STARTS_TRY.exec(lines[i]?.message ?? '');
		if (!started) continue;
		if (attempt !== undefined && started[1] !== attempt) start = i;
		attempt = started[1];
	}
	return start;
}

function isElsewhere(line: Pick<LogLine, 'names' | 'text' | 'starts'>, named: Named, kind: Scene['kind']): boolean {
	const { names } = line;
	if (names) {
		if (named.dag !== undefined && names.dag !== undefined && names.dag !== named.dag) return true;
		if (named.task !== undefined && names.task !== undefined && names.task !== named.task) return true;
		if (named.tryNumber !== undefined && names.tryNumber !== undefined && names.tryNumber < named.tryNumber)
			return true;
	}
	if (named.dag === undefined || named.task === undefined || (kind !== 'task' && kind !== 'unknown')) return false;
	const instance =
		/<TaskInstance: (\S{1,500}) /.exec(line.text) ??
		/(?:^|[^\w])dag_id='?([\w.-]{1,250})'?, task_id='?([\w.-]{1,250})/.exec(line.text);
	if (!instance) return false;
	const ids = instance[2] === undefined ? instance[1] : `${instance[1]}.${instance[2]}`;
	return ids !== `${named.dag}.${named.task}` && line.starts;
}

const KINDS: readonly (readonly [Scene['kind'], RegExp])[] = [
	[
		'task',
		/Starting attempt \d|Executing <(?:Task|Mapped)\(|Exporting env vars: |Running <TaskInstance|::group::Log message source details|Task exited with return code|Task failed with exception|^(?:Reading remote log|Found local files|Found logs served|Log file is not found|Logs not found|Could not read served logs)|Marking task as |Pushing xcom|Dependencies all met for|Stats instance was created in PID|^Process terminated by signal|^Task finished|^Running <TaskInstance/,
	],
	[
		'scheduler',
		/tasks? up for execution|Setting the following tasks to queued|Starting the scheduler|Executor reports|scheduler_job_runner|SchedulerJob|Adopting or resetting|Sending TaskInstanceKey|Received executor event|running and queued tasks/,
	],
	[
		'worker',
		/celery@|\bForkPoolWorker-\d|mingle: |Task execute_workload\[|celery_executor\.execute_command|execute_command\[|Executing workload in Celery|celery\.worker|worker: Warm shutdown|worker: Hitting Ctrl/,
	],
	[
		'triggerer',
		/Starting the triggerer|triggers? currently running|triggerer_job|async thread was blocked|trigger \S{1,200} (?:starting|completed)/i,
	],
	[
		'dag-processor',
		/DagFileProcessor|dag_processing|import_error_id|Broken DAG|Processing files using up to|Failed to import|DAG File Processing Stats|"stack_trace"/,
	],
	[
		'operation',
		/gcloud[. ](?:beta )?composer|UPDATE operation|CREATE operation|Composer Backend|google\.cloud\.orchestration/,
	],
	[
		'build',
		/^(?:Collecting|Downloading|Looking in (?:indexes|links)|Installing collected packages|Step #?\d|ERROR: (?:Could not|Cannot install|No matching)|INFO: pip is looking)/,
	],
	['events', /^(?:Events:|LAST SEEN|Normal {2,}|Warning {2,})|FailedScheduling|reportingComponent|involvedObject/],
	[
		'api',
		/^(?:[<>] HTTP\/|HTTP\/1\.1 \d{3}|\$ (?:curl|python|http)|HTTP \d{3}|\* Connected to)|"title": "|\/api\/(?:v1|v2|experimental)\//,
	],
];

/** By the greater number of lines that only that component writes; a task log's own marks count thrice. */
function kindOf(lines: readonly LogLine[]): Scene['kind'] {
	const votes = new Map<Scene['kind'], number>();
	const vote = (line: LogLine) => {
		if (line.from === 'task' || line.from === 'task.stdout' || line.from === 'airflow.task')
			votes.set('task', (votes.get('task') ?? 0) + 3);
		for (const [kind, pattern] of KINDS) {
			if (!pattern.test(line.message) && !(line.from !== undefined && pattern.test(line.from))) continue;
			votes.set(kind, (votes.get(kind) ?? 0) + (kind === 'task' ? 3 : 1));
		}
	};
	const middle = lines.length > 1200 ? [...lines.slice(0, 600), ...lines.slice(-600)] : lines;
	for (const line of middle) vote(line);
	let best: Scene['kind'] = 'unknown';
	for (const [kind, count] of votes) if (count > (votes.get(best) ?? 0)) best = kind;
	return best;
}

function generationOf(lines: readonly LogLine[]): 2 | 3 | undefined {
	for (const { text, from } of lines.length > 400 ? [...lines.slice(0, 200), ...lines.slice(-200)] : lines) {
		if (
			/site-packages\/airflow\/sdk\/|airflow\.sdk\.|task_runner\.py", line|execution_time|DAG bundles loaded/.test(text)
		)
			return 3;
		if (/^\[\d{4}-\d\d-\d\d[^\]]{5,40}\] \{[\w./-]{1,120}:\d{1,7}\} [A-Z]{4,8} - /.test(text)) return 2;
		if (from === 'task' || from === 'airflow.sdk') return 3;
	}
	return undefined;
}
