import type { Ending, Raised, Said, SimDag, SimTask } from '../airflow/types.ts';

/** One call of a Google API, by what it is for; who calls and whether they may is the world's business. */
export type GoogleCall =
	| { api: 'storage'; does: 'get' | 'create'; bucket: string; object: string }
	/** In the world's project. With a table the rows are read too. */
	| { api: 'bigquery'; table?: { dataset: string; name: string } }
	| { api: 'pubsub'; project: string; topic: string }
	/** Takes a token of another account first. */
	| { api: 'impersonate'; account: string };

/** A pod of KubernetesPodOperator, as its DAG asks for it. */
export type PodSpec = {
	image: string;
	/** Composer 3 has only `composer-user-workloads`, whatever stands here. */
	namespace?: string;
	/** Kubernetes service account; `default`. */
	ksa?: string;
	/** Requested, and the limit. */
	cpu: number;
	memoryGb: number;
	/** What its program takes in the end. */
	usesGb?: number;
	secrets?: readonly { name: string; key: string }[];
	calls?: readonly GoogleCall[];
	prints?: readonly string[];
	exitCode?: number;
	runsMs: number;
	/** As the operator has it; 120 s. */
	startupMs?: number;
};

/** What a task meets, in this order, after the time its `ms` gives it. */
export type Step =
	| { kind: 'google'; call: GoogleCall; line: number; function: string }
	| { kind: 'connection'; id: string; line: number; function: string }
	| { kind: 'pod'; pod: PodSpec }
	/** Calls the REST API of an Airflow as one did who learned it some time ago. */
	| {
			kind: 'airflow';
			url: () => string;
			api: 'experimental' | 'v1' | 'v2';
			dag: string;
			token: string;
			line: number;
			function: string;
	  }
	| { kind: 'says'; lines: readonly Said[] }
	/** The user's own mistake: nothing of the world has to do with it. */
	| { kind: 'raises'; raised: Raised }
	| { kind: 'ends'; ending: Ending };

/** Sizes at their peak; a task without needs is a small one. */
export type Needs = {
	/** GB in its process; grows from a quarter of it to all of it over the task's time. 0.1. */
	memoryGb?: number;
	/** vCPU; 0.1. */
	cpu?: number;
	/** GB on the worker's own disk. */
	diskGb?: number;
	steps?: readonly Step[];
};

export type WorldTask = SimTask & { needs?: Needs };
export type WorldDag = Omit<SimDag, 'tasks'> & {
	tasks: readonly WorldTask[];
	/** Imported at the top of its file: the package that has to be installed beside what Composer brings. */
	imports?: { module: string; package: string; line: number };
};
