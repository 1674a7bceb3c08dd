import { describe, expect, test } from '@jest/globals';
import { candidates, wanted } from '../../src/diagnosis/candidate.ts';
import { verify, type Verdict } from '../../src/diagnosis/verify.ts';
import type { Gap, Seen, SourceName } from '../../src/domain/evidence.ts';
import type { Diagnosis } from '../../src/domain/rule.ts';
import type { Lang } from '../../src/domain/text.ts';
import { rules } from '../../src/rules/index.ts';
import { cases } from './cases.ts';
import { failed } from './failed.ts';
import { environment, type Case } from './values.ts';

function logOf({ told }: Case): Diagnosis | undefined {
	if (told === undefined) return undefined;
	return {
		verdict: told[0]?.[0] ?? 'unknown',
		status: told[0]?.[1] ?? 'unknown',
		findings: told.map(([cause, status, facts = {}]) => ({
			cause,
			status,
			facts,
			evidence: [{ line: 7, text: `line of ${cause}` }],
			fix: [],
			docs: 'https://example.com',
		})),
		notes: [],
		tail: [],
	};
}

function judge(
	one: Case,
	{ seen = one.seen, gaps = [], lang = 'en' }: { seen?: Seen; gaps?: readonly Gap[]; lang?: Lang } = {},
): Verdict {
	const diagnosis = logOf(one);
	const env = one.env ?? environment('composer-2');
	const it = failed({
		told: (diagnosis?.findings ?? []).map(({ cause }) => cause),
		log: diagnosis === undefined ? 'missing' : 'there',
		generation: env.generation,
		...one.failed,
	});
	const all = candidates(rules, diagnosis, it);
	// What nobody asked for is not there in truth either.
	const asked = wanted(all);
	const read = Object.fromEntries(Object.entries(seen).filter(([name]) => asked.has(name as SourceName)));
	return verify({ diagnosis, candidates: all, failed: it, seen: read, gaps, env, lang });
}

const RANK = ['unknown', 'possible', 'likely', 'confirmed'];

describe.each(cases.map((one) => [one.name, one] as const))('%s', (_, one) => {
	test('verdict, what says so, and the fix', () => {
		const { verdict, status, findings, ruledOut, beside } = judge(one);
		const [first] = findings;
		const codes = (first?.fix ?? []).map(({ code }) => code ?? '').join('\n');
		expect({
			is: [verdict, status],
			says: one.says === undefined || first?.because?.because.en.includes(one.says) || first?.because?.because.en,
			ruledOut: one.ruledOut?.filter((cause) => !ruledOut.some((out) => out.cause === cause)) ?? [],
			beside: one.beside?.filter((cause) => !beside.some((each) => each.cause === cause)) ?? [],
			fix: one.fix?.filter((text) => !codes.includes(text)) ?? [],
		}).toEqual({ is: one.is, says: true, ruledOut: [], beside: one.beside ?? [], fix: [] });
	});

	test('speaks both languages', () => {
		for (const lang of ['en', 'ja'] as const) {
			const { findings, ruledOut, beside } = judge(one, { lang });
			const said = [
				...findings.flatMap(({ because }) => (because ? [because.because] : [])),
				...ruledOut.map(({ because }) => because),
				...beside.map(({ because }) => because),
			];
			for (const text of said) {
				expect(text[lang]).not.toMatch(/undefined|NaN|\[object/);
				if (lang === 'ja') expect(text.ja).toMatch(/[\u3040-\u30ff\u4e00-\u9fff]/);
			}
		}
	});

	test('without the source that decides it is less sure, and the gap is told', () => {
		const [first] = judge(one).findings;
		const source = first?.because?.source;
		if (first?.because?.verified !== 'confirmed' || source === undefined) return;
		const gap: Gap = { source, because: 'denied', say: { en: 'x', ja: 'x' } };
		const { [source]: _away, ...rest } = one.seen;
		const blind = judge(one, { seen: rest, gaps: [gap] });
		const same = blind.findings.find(({ cause }) => cause === first.cause);
		expect(RANK.indexOf(same?.status ?? 'unknown')).toBeLessThan(RANK.indexOf(first.status));
		expect(blind.gaps).toEqual([gap]);
		if (same) expect(same.gaps).toEqual([gap]);
	});
});

test('every case is about something else', () => {
	expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
});
