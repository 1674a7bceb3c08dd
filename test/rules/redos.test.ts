import { describe, expect, test } from '@jest/globals';
import { rules } from '../../src/rules/index.ts';
import { attacks, leastMs } from '../bench/attack.ts';
import { answers, ask, keyOf, patternsOf } from './recheck.ts';

describe('no pattern can be kept busy', () => {
	test('recheck knows of no exponential one', async () => {
		const known = answers();
		const fresh = patternsOf(rules).filter((pattern) => known[keyOf(pattern)] === undefined);
		// Asking takes about a second a pattern, so answers are kept; a few new ones are asked here and now.
		if (fresh.length > 5) throw new Error(`recheck was not asked about ${fresh.length} patterns: npm run recheck`);
		const exponential = patternsOf(rules)
			.filter((pattern) => known[keyOf(pattern)] === 'exponential')
			.map(String);
		for (const pattern of fresh) if ((await ask(pattern)) === 'exponential') exponential.push(String(pattern));
		expect(exponential).toEqual([]);
	}, 60_000);

	test('the longest lines made against each end soon', () => {
		const slow: string[] = [];
		for (const rule of rules) {
			for (const { pattern, literals } of rule.signatures) {
				for (const line of attacks(pattern, literals, 1)) {
					const ms = leastMs(() => pattern.exec(line), 60);
					if (ms > 60) slow.push(`${rule.id}: ${ms.toFixed(0)} ms for ${pattern.source} on ${line.slice(0, 60)}`);
				}
			}
		}
		// bench:hostile holds the goal of 20 ms; what grows without bound is far above this.
		expect(slow).toEqual([]);
	}, 60_000);
});
