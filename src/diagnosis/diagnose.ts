import type { Environment } from '../domain/environment.ts';
import { mask } from '../domain/mask.ts';
import type { ChainLink, Diagnosis, Facts, Finding, FixStep, Hit, Rule, Status, Strength } from '../domain/rule.ts';
import { clip, visible } from '../domain/text.ts';
import type { Lang } from '../domain/text.ts';
import { catalogue } from './catalogue.ts';
import type { LogLine } from './line.ts';
import { match } from './match.ts';
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
	const lines = unwrap(new TextDecoder().decode(log));
	return judge(lines, options);
}

export function judge(lines: readonly LogLine[], { rules, env = {}, lang = 'en', about }: DiagnoseOptions): Diagnosis {
	const compiled = catalogue(rules);
	const setting = setScene(lines, compiled.asks, about);
	const suspects = rank(match(lines, compiled, setting), setting);
	const findings = suspects
		.filter((suspect) => suspect.score > 0)
		.slice(0, 5)
		.map((suspect) => toFinding(suspect, env, lang));
	const upstream = lines.findLast((line) => /requires all upstream tasks to have succeeded/.test(line.text));
	const first = findings[0];
	const tail = lines.slice(-20).map((line) => shown(line.text));
	const lastException = setting.last && shown(describe(setting.last));
	const common = { tail, ...(lastException === undefined ? {} : { lastException }) };
	if (upstream && first === undefined) {
		return { verdict: 'upstream-failed', status: 'likely', findings: [], notes: [say(UPSTREAM, lang)], ...common };
	}
	if (first === undefined)
		return { verdict: 'unknown', status: 'unknown', findings: [], notes: notesFor(setting, lang), ...common };
	return { verdict: first.cause, status: first.status, findings, notes: [], ...common };
}

function toFinding({ rule, says, hits, facts }: Suspect, env: Environment, lang: Lang): Finding {
	const safe: Record<string, string> = {};
	for (const [name, value] of Object.entries(facts)) safe[name] = shown(value);
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
		const text = shown(hit.text);
		if (seen.has(text)) continue;
		seen.add(text);
		evidence.push({ line: hit.line, text });
		if (evidence.length === 4) break;
	}
	return evidence;
}

/** Foreign text on its way out: masked, harmless, not too long. */
export function shown(text: string): string {
	return clip(visible(mask(text)), 1000);
}

function describe({ type, message }: ChainLink): string {
	return message === '' ? type : `${type}: ${message}`;
}

const UPSTREAM = {
	en: 'The task did not run because a task before it failed: diagnose the first failed upstream task.',
	ja: '上流のタスクが失敗したため、このタスクは実行されていません。最初に失敗した上流タスクを診断してください。',
};
const SUCCEEDED = {
	en: 'The try succeeded in spite of the errors it logged: they were handled.',
	ja: 'エラーが記録されていますが処理済みで、この試行は成功しています。',
};
const NOTHING = {
	en: 'No known cause matches. Look at the last exception and the lines before it.',
	ja: '既知の原因に一致しません。最後の例外とその前の行を確認してください。',
};

function say(text: { en: string; ja: string }, lang: Lang): string {
	return text[lang];
}

function notesFor({ scene }: Setting, lang: Lang): string[] {
	return [say(scene.ended === 'success' ? SUCCEEDED : NOTHING, lang)];
}
