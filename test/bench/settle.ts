/**
 * An environment with its autoscaler under four loads, a hundred weeks each: our advice applied every week, beside *utilisation above 80 %: add
 * a worker*. `npm run -s bench:settle`. The last line is one JSON object.
 */
import { addWhenBusy, followAdvice, judged, LOADS, type Verdict } from '../scaling/closed-loop.ts';

const ROUNDS = 100;
const COLUMNS = ['changes', 'lastChange', 'takenBack', 'swings', 'missed', 'dollarsADay'] as const;
const HEADS = ['changes', 'last in round', 'taken back', 'swings', 'rounds missed', '$ a day at the end'];

const row = (cells: readonly (string | number)[]): string =>
	cells.map((cell, i) => (i < 2 ? String(cell).padEnd(i === 0 ? 8 : 10) : String(cell).padStart(18))).join('  ');

console.log(row(['load', '', ...HEADS]));
const found: Record<string, { advice: Verdict; baseline: Verdict }> = {};
for (const load of Object.keys(LOADS) as (keyof typeof LOADS)[]) {
	const verdicts = { advice: judged(followAdvice(load, ROUNDS)), baseline: judged(addWhenBusy(load, ROUNDS)) };
	found[load] = verdicts;
	for (const [who, verdict] of Object.entries(verdicts))
		console.log(row([load, who, ...COLUMNS.map((name) => Math.round(100 * verdict[name]) / 100)]));
}
const swings = Object.values(found).reduce((sum, { advice }) => sum + advice.swings, 0);
console.log(JSON.stringify({ rounds: ROUNDS, swings, loads: found }));
process.exitCode = swings === 0 ? 0 : 1;
