import type { Environment } from '../domain/environment.ts';
import { CUT, quote, quoteLines } from '../domain/quote.ts';
import type { ChainLink, Diagnosis, Facts, Finding, FixStep, Hit, Rule, Status, Strength } from '../domain/rule.ts';
import { clip } from '../domain/text.ts';
import type { Lang, Text } from '../domain/text.ts';
import { catalogue } from './catalogue.ts';
import type { Head } from './head.ts';
import type { LogLine } from './line.ts';
import { keep, match } from './match.ts';
import { rank } from './rank.ts';
import type { Suspect } from './rank.ts';
import { setScene } from './scene.ts';
import type { About, Setting } from './scene.ts';
import { unwrap } from './unwrap.ts';

export type DiagnoseOptions = {
	rules: readonly Rule[];
	env?: Environment | undefined;
	lang?: Lang | undefined;
	about?: About | undefined;
};

const STATUS: Readonly<Record<Strength, Status>> = { proof: 'confirmed', strong: 'likely', weak: 'possible' };

/** Names the cause of a failed try out of what it left behind. Everything in the answer is masked and safe to show. */
export function diagnose(log: Uint8Array, options: DiagnoseOptions): Diagnosis {
	return judge({ lines: unwrap(new TextDecoder().decode(log)) }, options).diagnosis;
}

/** What was read of a log. */
export type Read = {
	/** The end of it, or all, unwrapped. */
	lines: readonly LogLine[];
	/** Of a longer log: its first lines, and what the scan of everything before `lines` found (undefined: not scanned). */
	earlier?: { opening: readonly LogLine[]; head: Head | undefined } | undefined;
};

/** `decisive`: nothing that may stand before the lines read could change the verdict. */
export function judge(
	{ lines, earlier }: Read,
	{ rules, env = {}, lang = 'en', about }: DiagnoseOptions,
): { diagnosis: Diagnosis; decisive: boolean } {
	const compiled = catalogue(rules);
	const setting = setScene(lines, compiled.asks, about, earlier);
	const hits = match(lines, compiled, setting);
	for (const hit of earlier?.head?.hits ?? []) keep(hits, hit.rule, { ...hit, place: setting.placeOfHead(hit) });
	const suspects = rank(hits, setting).filter((suspect) => suspect.score > 0);
	const findings = suspects.slice(0, 5).map((suspect) => toFinding(suspect, env, lang));
	const first = findings[0];
	const upstream = lines.findLast((line) => UPSTREAM_FAILED.test(line.text));
	const lastException = setting.last && quote(describe(setting.last));
	const common = {
		tail: quoteLines(
			lines.slice(-20).map((line) => line.text),
			500,
		),
		...(lastException === undefined ? {} : { lastException }),
		...(setting.scene.pod === undefined ? {} : { pod: setting.scene.pod }),
	};
	const decisive = suspects[0] !== undefined && explainsAlone(suspects[0]);
	if (first !== undefined) {
		return { decisive, diagnosis: { verdict: first.cause, status: first.status, findings, notes: [], ...common } };
	}
	const [verdict, status, notes] =
		upstream === undefined
			? (['unknown', 'unknown', notesFor(setting, lines, lang)] as const)
			: (['upstream-failed', 'likely', [UPSTREAM[lang]]] as const);
	return { decisive: false, diagnosis: { verdict, status, findings: [], notes, ...common } };
}

const UPSTREAM_FAILED = /requires all upstream tasks to have succeeded/;

/** In the chain that ended the try, and no symptom: a line that was logged before it cannot outrank it. */
function explainsAlone({ rule, says, hits }: Suspect): boolean {
	if (rule.symptom === true || rule.lastResort === true || says === 'weak') return false;
	return hits.some(({ place }) => place === 'root' || place === 'chain');
}

function toFinding({ rule, says, hits, facts }: Suspect, env: Environment, lang: Lang): Finding {
	const safe: Record<string, string> = {};
	for (const [name, value] of Object.entries(facts)) safe[name] = quote(value, 300);
	return {
		cause: rule.id,
		status: STATUS[says],
		evidence: evidenceOf(hits),
		facts: safe,
		fix: fixOf(rule, env, safe, lang),
		docs: rule.docs,
	};
}

function fixOf(rule: Rule, env: Environment, facts: Facts, lang: Lang): FixStep[] {
	return rule.fix({ env, facts, lang });
}

/** The lines that decide, each once, at most four. */
function evidenceOf(hits: readonly Hit[]): Finding['evidence'] {
	const seen = new Set<string>();
	const evidence: { line: number; text: string }[] = [];
	for (const hit of hits) {
		const text = excerpt(hit);
		if (seen.has(text)) continue;
		seen.add(text);
		evidence.push({ line: hit.line, text });
		if (evidence.length === 4) break;
	}
	return evidence;
}

const EXCERPT = 1000;

/** The line, or of a long one what stands around the match. Masked before it is cut. */
function excerpt({ text, signature }: Hit): string {
	const safe = quote(text, text.length);
	if (safe.length <= EXCERPT) return safe;
	const at = signature.pattern.exec(safe)?.index ?? 0;
	const from = Math.max(0, at - EXCERPT / 4);
	return clip(`${from > 0 ? CUT : ''}${safe.slice(from)}`, EXCERPT);
}

function describe({ type, message }: ChainLink): string {
	return message === '' ? type : `${type}: ${message}`;
}

const UPSTREAM = {
	en: 'The task did not run because a task before it failed: diagnose the first failed upstream task.',
	ja: '上流のタスクが失敗したため、このタスクは実行されていません。最初に失敗した上流タスクを診断してください。',
};
const NOTES = {
	succeeded: {
		en: 'The try succeeded in spite of the errors it logged: they were handled.',
		ja: 'エラーが記録されていますが処理済みで、この試行は成功しています。',
	},
	skipped: {
		en: 'The task was skipped on purpose, not failed.',
		ja: 'タスクは失敗ではなく、意図的にスキップされています。',
	},
	deferred: {
		en: 'The task waits for its trigger here; what happened afterwards stands in the log of the next part or of the triggerer.',
		ja: 'タスクはトリガーを待っています。その後の経過は続きのログまたは triggerer のログを確認してください。',
	},
	empty: {
		en: 'The log is empty: the try never started or its worker was lost. Look at the scheduler log for this run, then at the worker log of that time.',
		ja: 'ログが空です。試行が開始されなかったか、ワーカーが失われています。この DAG 実行のスケジューラーのログと、その時刻のワーカーのログを確認してください。',
	},
	stops: {
		en: 'The log stops without saying how the try ended. Look in the scheduler log for this task (heartbeat, state changes), then at the worker of that time: restarts, evictions, memory.',
		ja: 'ログは試行の結果を記録しないまま途切れています。スケジューラーのログでこのタスク (ハートビート、状態の変更) を、続いて同時刻のワーカー (再起動、退避、メモリ) を確認してください。',
	},
	exception: {
		en: 'No known cause matches. Look at the last exception and at what was logged just before it.',
		ja: '既知の原因に一致しません。最後の例外と、その直前の記録を確認してください。',
	},
	nothing: {
		en: 'No known cause matches. Look at the last lines, and at the logs of the scheduler and the worker at that time.',
		ja: '既知の原因に一致しません。末尾の行と、同時刻のスケジューラーおよびワーカーのログを確認してください。',
	},
} satisfies Record<string, Text>;

/** A note in the other language: it is made in one, and a card speaks both. */
export function noteIn(note: string, lang: Lang): string {
	return [UPSTREAM, ...Object.values(NOTES)].find(({ en, ja }) => en === note || ja === note)?.[lang] ?? note;
}

/** What an unknown cause is told with: why it is none, or where to look next. */
function notesFor({ scene, last }: Setting, lines: readonly LogLine[], lang: Lang): string[] {
	const which =
		scene.ended === 'success'
			? 'succeeded'
			: scene.ended === 'skipped'
				? 'skipped'
				: scene.ended === 'deferred'
					? 'deferred'
					: lines.every((line) => line.text.trim() === '')
						? 'empty'
						: last !== undefined
							? 'exception'
							: scene.kind === 'task' && scene.ended === 'none'
								? 'stops'
								: 'nothing';
	return [NOTES[which][lang]];
}
