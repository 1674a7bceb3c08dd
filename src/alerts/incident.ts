import type { Verdict } from '../diagnosis/verify.ts';
import type { Environment } from '../domain/environment.ts';
import type { TryKey } from '../domain/ids.ts';
import type { Text } from '../domain/text.ts';
import type { Destination, Severity } from './about.ts';

/** One failed try as an incident lists it. Ids are foreign text. */
export type FailedTry = TryKey & {
	/** Set where its run was deleted and made anew under the same id: when this try began. */
	again?: number | undefined;
	/** How many tries there are in all; 1 for a task without retries. */
	ofTries: number;
	/** No further try follows by itself. */
	last: boolean;
	/** ISO 8601, as Airflow has it. */
	endedAt?: string | undefined;
	hostname?: string | undefined;
	operator?: string | undefined;
	/** ISO 8601: when Airflow tries again. */
	retryAt?: string | undefined;
	/** Epoch milliseconds when it was noticed. */
	seenAt: number;
};

/** Something wrong that is no failed try; `kind` and `key` as in the job of the watch. */
export type Condition = {
	kind: string;
	key: string;
	dag?: string | undefined;
	run?: string | undefined;
	task?: string | undefined;
	/** ISO 8601. */
	since: string;
	/** Foreign text, masked. */
	facts: Readonly<Record<string, string>>;
};

/** What a person did about it; `by` is a Slack user id, `name` foreign text. */
export type Act = { by: string; name: string; at: number } & (
	| { kind: 'ack' }
	| { kind: 'assign'; to: string; toName: string }
	/** `mute`: the id of the mute. */
	| { kind: 'mute'; mute: string; until?: number | undefined; ticket?: string | undefined }
	| { kind: 'unmute'; mute: string }
	/** What was cleared. Without `task`: the failed tasks of the run. `runs`: of so many runs, of which this is the first; `left`: of so many more not yet. */
	| {
			kind: 'rerun';
			dag: string;
			run: string;
			task?: string | undefined;
			mapIndex?: number | undefined;
			tryNumber?: number | undefined;
			runs?: number | undefined;
			left?: number | undefined;
	  }
);

/** Why it failed, in a form that can be said in both languages: the fix is made from facts and environment when it is said. */
export type Why = {
	verdict: Verdict;
	env: Environment;
	/** A second look is due, because not every source had been asked, or could be read. */
	provisional: boolean;
};

/** `task`: a task or a DAG suffers. `environment`: whatever runs there may. */
export type Scope = 'task' | 'environment';

export type Phase = 'retrying' | 'open' | 'recovered' | 'folded' | 'closed';

/** How often this came before, told when it opened. */
export type History = {
	/** Earlier incidents with this cause and these facts, in the last 30 days. */
	before: number;
	/** Epoch milliseconds. */
	lastAt?: number | undefined;
	lastTookMs?: number | undefined;
	/** Of the last tries of this task that failed and were retried, how many went well then. */
	retries?: { passed: number; of: number } | undefined;
};

/**
 * Failures with one cause, from the first that was noticed until all of them have gone well. It is what its events make of it
 * (`fold.ts`), in whatever order and however often they came.
 */
export type Incident = {
	/** 12 hexadecimal digits; words such as `ack incident:<id>` carry it. */
	id: string;
	env: string;
	scope: Scope;
	/** A cause id, `unknown`, or the kind of a condition. */
	cause: string;
	why: Why | undefined;
	condition: Condition | undefined;
	history: History;
	/** Epoch milliseconds: when the first of it was noticed. */
	openedAt: number;
	/** When it began by Airflow's clock: the end of the earliest failed try. Epoch milliseconds. */
	since: number;
	/**
	 * `retrying`: something failed, and each will be tried again. `open`: something failed for good or is still wrong.
	 * `recovered`: everything has gone well since. `folded`: part of a bigger one. `closed`: nothing was heard for a week, or there is nothing left to recover.
	 */
	phase: Phase;
	/** When it recovered, by Airflow's clock. Epoch milliseconds. */
	endedAt?: number | undefined;
	/** When the newest failure of it was noticed. Epoch milliseconds. */
	heardAt: number;
	/** How often it failed again after it had recovered. */
	relapses: number;
	/** Something failed for good, or is no failed try at all: told also where only last tries are. */
	final: boolean;
	counts: {
		/** Failed tries, each once; those of incidents it took in are not among them. */
		tries: number;
		/** Task instances and conditions, and how many of them are still bad. */
		members: number;
		bad: number;
		dags: number;
		/** Failed tries of incidents it took in. */
		taken: number;
	};
	/** At most 1,000 of each, sorted. */
	dags: readonly string[];
	tasks: readonly { dag: string; task: string }[];
	/** The DAG run that all failed tries belong to, where it is one. */
	run?: { dag: string; run: string } | undefined;
	/** The failed try it is told by: the first that failed for good, else the first. Undefined: conditions only. */
	first: FailedTry | undefined;
	/** The newest failed try, for what is to be done now. */
	latest: FailedTry | undefined;
	/** When Airflow tries again next; epoch milliseconds. Undefined: not known, or nothing will be tried. */
	retryAt?: number | undefined;
	/** The DAG run that passed in place of the failed one. */
	passedIn?: { dag: string; run: string } | undefined;
	/** Oldest first, at most 50; of what can be done once, the first. */
	acts: readonly Act[];
	/** The bigger one it is part of. */
	partOf?: string | undefined;
	/** Incidents it took in, at most 50. */
	took: readonly string[];
	severity: Severity;
	/** How many tries are on each page of its list. */
	pages: readonly number[];
	/** Who was told, once it was told. */
	told: readonly Told[];
	/** How many events it is made of. */
	rev: number;
};

/** One conversation that was told, and what of it stands in the thread of its card. */
export type Told = Destination & {
	/** As a line of that storm's digest, and not by a card of its own. */
	digest?: string | undefined;
	/** When its card was last edited. Epoch milliseconds. */
	editedAt?: number | undefined;
	/** Its card was seen to stand. */
	stands?: true | undefined;
	/** Which verdict its details show, by when it was found. */
	details?: number | undefined;
	/** Pages of the list of tries that are full and stand; how many tries the last one shows. */
	pages?: { full: number; last: number } | undefined;
	/** How many recoveries were said. */
	recoveries?: number | undefined;
};

/** `condition`: what is wrong; `over`: it no longer is. */
export type IncidentEvent = { at: number } & (
	| { kind: 'failed'; failed: FailedTry }
	/** A task instance went well. ISO times of that try. */
	| {
			kind: 'passed';
			dag: string;
			run: string;
			task: string;
			mapIndex: number;
			tryNumber: number;
			startedAt?: string | undefined;
			endedAt?: string | undefined;
	  }
	/** This later try of it failed for another reason, and is told there. */
	| { kind: 'moved'; dag: string; run: string; task: string; mapIndex: number; tryNumber: number }
	/** The run or the task instance is no longer there. */
	| { kind: 'gone'; dag: string; run: string; task: string; mapIndex: number; again?: number | undefined }
	| { kind: 'wrong'; condition: Condition }
	| { kind: 'over'; condition: Condition }
	| { kind: 'why'; cause: string; scope: Scope; why: Why }
	| { kind: 'act'; act: Act }
	| { kind: 'folded'; into: string }
	| { kind: 'took'; from: string; tries: number }
	| { kind: 'stale' }
);

/** Titles of what is no cause of the catalogue. */
export const CONDITION_TITLES: Readonly<Record<string, Text>> = {
	'run-failed-without-task': { en: 'A run failed without a failed task', ja: '失敗タスクのない DAG 実行の失敗' },
	'queued-too-long': { en: 'A task waits in the queue for too long', ja: 'タスクがキューで長時間待機しています' },
	'running-without-heartbeat': {
		en: 'A running task gives no sign of life',
		ja: '実行中のタスクのハートビートが途絶えています',
	},
	'import-error': { en: 'A DAG file cannot be imported', ja: 'DAG ファイルをインポートできません' },
	'scheduler-heartbeat-lost': {
		en: 'The scheduler gives no sign of life',
		ja: 'スケジューラーのハートビートが途絶えています',
	},
	'triggerer-heartbeat-lost': {
		en: 'The triggerer gives no sign of life',
		ja: 'triggerer のハートビートが途絶えています',
	},
	'dag-processor-heartbeat-lost': {
		en: 'The DAG processor gives no sign of life',
		ja: 'DAG プロセッサーのハートビートが途絶えています',
	},
	'operation-failed': { en: 'An operation on the environment failed', ja: '環境の操作が失敗しました' },
};

/** What the lines of evidence of a condition count in; of others it is the task log. */
export const CONDITION_LOGS: Readonly<Record<string, Text>> = {
	'import-error': { en: 'the import error', ja: 'インポートエラー' },
	'operation-failed': { en: "the operation's error", ja: '操作のエラー' },
};
