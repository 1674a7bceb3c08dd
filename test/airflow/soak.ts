import { parseArgs } from 'node:util';
import { soakHealthy } from './soak-healthy.ts';
import { soakReplay } from './soak-replay.ts';

/**
 * `npm run soak:airflow -- [healthy [minutes] | replay [repeats]] [--airflow 2|3] [--keep FOLDER]`: long trials on real
 * Airflows; without words all of them. Each result is a line of JSON as soon as it is there, the last line is one JSON object with
 * all of them; exit code 1 when one is not good. `--keep`: what the replay recorded is written there.
 */
const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { airflow: { type: 'string', multiple: true }, keep: { type: 'string' } },
});
const [what = 'all', count] = positionals;
const generations = ([3, 2] as const).filter((one) => values.airflow?.includes(String(one)) ?? true);
if (!['all', 'healthy', 'replay'].includes(what) || generations.length === 0 || !(Number(count ?? 1) > 0)) {
	console.error(
		'Usage: npm run soak:airflow -- [healthy [minutes] | replay [repeats]] [--airflow 2|3] [--keep FOLDER]',
	);
	process.exit(2);
}

const say = (line: string): void => console.error(line);
const results: { good: boolean }[] = [];
function report(result: { good: boolean }): void {
	results.push(result);
	console.log(JSON.stringify(result));
}

if (what !== 'replay')
	for (const generation of generations) await soakHealthy(generation, Number(count ?? 10), { say, report });
if (what !== 'healthy')
	// In turns, so that what is there when it is broken off says something of both.
	for (let repeat = 1; repeat <= Number(count ?? 3); repeat++)
		for (const generation of generations) await soakReplay(generation, repeat, { say, report, keep: values.keep });

const good = results.every((result) => result.good);
console.log(JSON.stringify({ good, results }));
process.exitCode = good ? 0 : 1;
