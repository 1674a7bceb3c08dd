/**
 * Requests that leave the house for one diagnosis, with the catalogue as it is and with every rule there 2, 5 and 10 times over:
 * rules share what they read, so the number stays. Composer 2 and 3, each story of the sandbox that has a failed task.
 * `npm run bench:calls [-- --only oom]`. The last line on standard output is one JSON object; exit code 1 when a number grew.
 */
import { parseArgs } from 'node:util';
import { investigate } from '../../commands/_parts/investigate.ts';
import { counted } from '../../src/clients/base/calls.ts';
import type { Rule } from '../../src/domain/rule.ts';
import { rules } from '../../src/rules/index.ts';
import { scenarios } from '../../src/sandbox/scenarios/index.ts';
import { botOn } from '../scenarios/bot.ts';
import { tell } from '../scenarios/tell.ts';

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
const TIMES = [1, 2, 5, 10];
const PLACES = ['composer-2', 'composer-3'] as const;

// The catalogue is one array that everybody holds; copies under other names suspect and read what their originals do.
const shelf = rules as Rule[];
const originals = [...rules];

function stock(times: number): void {
	shelf.length = 0;
	for (let copy = 0; copy < times; copy++)
		shelf.push(...originals.map((rule) => (copy === 0 ? rule : { ...rule, id: `${rule.id}-copy-${copy}` })));
}

type Row = { scenario: string; place: string; verdict: string; calls: number[] };
const table: Row[] = [];
for (const scenario of scenarios) {
	if (!scenario.id.includes(values.only) || (scenario.asks ?? 'task') !== 'task') continue;
	for (const place of PLACES) {
		if (!scenario.places.includes(place)) continue;
		const stage = await tell(scenario, place);
		const row: Row = { scenario: scenario.id, place, verdict: '', calls: [] };
		for (const times of TIMES) {
			stock(times);
			// A bot that has asked nothing yet, so that nothing is answered from what it kept.
			const bot = botOn(stage);
			const { value, calls } = await counted(() => investigate({ dag: scenario.dag }, 'prod', 'en', bot));
			row.verdict = value.kind === 'verdict' ? value.verdict.verdict : value.kind;
			row.calls.push(calls);
			await bot.logging('prod')?.close();
		}
		stock(1);
		await stage.close();
		if (row.verdict === 'nothing failed') continue;
		table.push(row);
		process.stdout.write(
			`${row.scenario.padEnd(34)} ${place.padEnd(10)} ${row.calls.map((n) => String(n).padStart(3)).join(' ')}   ${row.verdict}\n`,
		);
	}
}

const grew = table.filter(({ calls }) => calls.some((n) => n > (calls[0] ?? 0)));
const all = table.map(({ calls }) => calls[0] ?? 0).toSorted((a, b) => a - b);
process.stdout.write(
	`\n${JSON.stringify({
		bench: 'calls',
		diagnoses: table.length,
		rules: TIMES.map((times) => times * originals.length),
		callsMedian: all[Math.floor(all.length / 2)],
		callsMost: all.at(-1),
		constant: grew.length === 0,
	})}\n`,
);
process.exit(grew.length === 0 && table.length > 0 ? 0 : 1);
