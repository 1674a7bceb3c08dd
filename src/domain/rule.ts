import type { Environment } from './environment.ts';
import type { Failed, Seen, SourceName, Subject, Verified } from './evidence.ts';
import type { Lang, Text } from './text.ts';

/**
 * How much one matching line says by itself.
 * `proof`: the sentence names this cause and nothing else prints it (status `confirmed` from text alone).
 * `strong`: the usual sign, yet something else can print it (`likely`).
 * `weak`: fits, with other explanations as good (`possible`); never wins against anything stronger.
 */
export type Strength = 'proof' | 'strong' | 'weak';

/** Data only, so that all rules compile into one pass over the log's bytes. */
export type Signature = {
	/**
	 * Required literals, matched byte for byte (case-sensitive, ASCII where possible): every line that `pattern` matches
	 * holds at least one of them. At least 5 bytes each, better 10 or more: the shortest literal decides the scanner's speed.
	 */
	literals: readonly string[];
	/** Run on the hit line only (unwrapped, at most 8 KiB). Linear: bounded classes, no nested quantifiers. Named groups become facts. */
	pattern: RegExp;
	says: Strength;
};

/** Facts a rule extracts and its fix uses: `principal`, `permission`, `resource`, `pod`, `namespace`, `exitCode`, `connection`, `module`, `table`, `limit` … */
export type Facts = Readonly<Record<string, string>>;

/** One signature that matched one line. */
export type Hit = {
	signature: Signature;
	/** 1-based line in the log as it lay there. */
	line: number;
	/** The unwrapped line, at most 8 KiB, not yet masked. */
	text: string;
	facts: Facts;
	/** Named by the log line's own level (or 'traceback' for lines of a traceback without one). */
	level: 'debug' | 'info' | 'warning' | 'error' | 'critical' | 'traceback' | 'none';
	/** Where it stands in the try that failed. */
	place:
		| 'root' // the root exception of the chain that ended the try
		| 'chain' // elsewhere in that chain, or the lines that belong to it
		| 'end' // among the last lines, outside any traceback
		| 'body' // earlier, in the try that failed
		| 'elsewhere'; // an earlier try, or a line that names another task
};

/** An exception of the chain that ended the try. */
export type ChainLink = {
	/** Dotted name as printed, `google.api_core.exceptions.Forbidden`. */
	type: string;
	message: string;
	/** Innermost last. `own`: outside site-packages, the standard library and Airflow: the user's own file. */
	frames: readonly { file: string; line: number; function: string; own: boolean }[];
};

/** What the log is and how it ends, read once for all rules. */
export type Scene = {
	kind:
		| 'task'
		| 'scheduler'
		| 'worker'
		| 'triggerer'
		| 'dag-processor'
		| 'api'
		| 'operation'
		| 'build'
		| 'events'
		| 'unknown';
	/** Root cause first, wrapper last. Empty when nothing was raised. */
	chain: readonly ChainLink[];
	/** How the try ended by its own words; `none`: the log does not say. */
	ended: 'failed' | 'retry' | 'success' | 'skipped' | 'deferred' | 'none';
	dag?: string | undefined;
	task?: string | undefined;
	run?: string | undefined;
	tryNumber?: number | undefined;
	/** `KubernetesPodOperator`, when the log names it. */
	operator?: string | undefined;
	/** The pod that the operator started, when the log names it. */
	pod?: string | undefined;
	/** 2 or 3 when the wording gives the generation away. */
	airflow?: 2 | 3 | undefined;
	/** Whether any line of the log contains this text (case-sensitive). Only texts listed in the rule's `asks` are looked for. */
	has(text: string): boolean;
};

/** A rule's own second thought over its hits: change what they say, add facts, or dismiss the rule by returning undefined. */
export type Weighing = { says: Strength; facts?: Facts | undefined };

/** One step of a fix. `code` can be pasted as it stands; `say` is a sentence. */
export type FixStep =
	| { say: string; code?: undefined }
	| { code: string; lang: 'sh' | 'hcl' | 'python' | 'ini' | 'yaml' | 'sql'; say?: string | undefined };

export type FixContext = { env: Environment; facts: Facts; lang: Lang };

/** What a rule judges the evidence by, beside the evidence. */
export type About = {
	failed: Failed;
	/** What its signatures found in the log, or in the lines of a component; empty when the rule only suspects. */
	facts: Facts;
	/** Where they found it; undefined: nowhere. */
	told: 'log' | SourceName | undefined;
	env: Environment;
};

export type Deciding<Name extends SourceName = SourceName> = readonly (Name | readonly Name[])[];

export type Rule<Reads extends SourceName = SourceName> = {
	/** A cause id of the catalogue; the folder's name. */
	id: string;
	category:
		| 'permissions'
		| 'resources'
		| 'scheduling'
		| 'kubernetes'
		| 'dag-code'
		| 'data-services'
		| 'api-access'
		| 'environment'
		| 'network'
		| 'quota'
		| 'versions';
	title: Text;
	/** How it looks to the person who meets it, one or two sentences. */
	looks: Text;
	/** What it is confused with and how to tell them apart. */
	confused: Text;
	signatures: readonly Signature[];
	/** Further texts that `weigh` asks for through `scene.has`. */
	asks?: readonly string[];
	/** A symptom gives way to any likely cause that stands beside it. */
	symptom?: boolean;
	/** Explains only what nothing else explains, such as `user-code-exception`: any other likely cause in the same chain goes first. */
	lastResort?: boolean;
	/** Causes that explain this one: when one of them is at least as strong, this one stands behind it. */
	yieldsTo?: readonly string[];
	weigh?(hits: readonly Hit[], scene: Scene): Weighing | undefined;
	/** Evidence that decides; read only when the rule is a candidate. */
	reads?: readonly Reads[];
	/**
	 * Sources that can confirm or exclude the cause: while one of them could not be read (it exists here and did not answer), the
	 * cause is likely at most, whatever else speaks for it. Of a list in the list any one is enough.
	 */
	decides?: Deciding<NoInfer<Reads>> | ((about: About) => Deciding<NoInfer<Reads>>);
	/** A candidate although no line of the log says so: when the log is missing, or says nothing. Then only `verify` speaks for it. */
	suspects?(failed: Failed): boolean;
	/** Given what it `reads`, and nothing else; a source is undefined when it could not be read. Undefined: cannot tell. */
	verify?(seen: Seen<Reads>, about: About): Verified | undefined;
	/** A host, pod or account that the evidence names and that nobody knew: what to read about it, once more and no further. */
	follows?(seen: Seen<Reads>, about: About): { subject: Subject; reads: readonly NoInfer<Reads>[] } | undefined;
	fix(context: FixContext): FixStep[];
	docs: string;
};

/** Identity, but it checks the shape where the rule is written: `verify` sees only what `reads` names. */
export function defineRule<const Reads extends SourceName = never>(rule: Rule<Reads>): Rule {
	return rule;
}

/** `any of these literals` and the pattern that is run on the line that holds one. */
export function line(literals: string | readonly string[], pattern: RegExp, says: Strength = 'strong'): Signature {
	return { literals: typeof literals === 'string' ? [literals] : literals, pattern, says };
}

export type Status = 'confirmed' | 'likely' | 'possible' | 'unknown';

/** `line`: of the task log; of a component's log (`source`) the time counts. */
export type Evidence = { line: number; text: string; source?: SourceName | undefined; at?: string | undefined };

export type Finding = {
	cause: string;
	status: Status;
	evidence: readonly Evidence[];
	facts: Facts;
	fix: readonly FixStep[];
	docs: string;
};

/** `verdict` is a cause id, `upstream-failed` or `unknown`; `findings` are ranked, the verdict's first, at most five. */
export type Diagnosis = {
	verdict: string;
	status: Status;
	findings: readonly Finding[];
	/** What to look at when the verdict is `unknown`, and what could not be read. */
	notes: readonly string[];
	/** The last exception, masked, when there was one. */
	lastException?: string | undefined;
	/** The end of the log, masked, at most 20 lines. */
	tail: readonly string[];
	/** The pod that the operator started, when the log names it. */
	pod?: string | undefined;
};
