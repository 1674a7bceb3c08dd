/**
 * How long `npm run advise` takes for a week of a large environment, and what memory: 300, 900 and 3,000 DAGs, which are 0.1, 0.3 and 1 million
 * task instances. Each is read and advised on by the command itself, in a process of its own, which says its peak memory as it ends.
 * `npm run -s bench:advise`; the goal is 10 s and 512 MB for a million. The last line is one JSON object.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

const GOAL = { seconds: 10, peakMb: 512 };
const root = join(import.meta.dirname, '../..');
// On a descriptor of its own, so that the answer stays what it is.
const tellPeak =
	"data:text/javascript,import{writeSync}from'node:fs';process.on('exit',()=>writeSync(3,String(process.resourceUsage().maxRSS)))";

function run(args: readonly string[]): { out: string; peakMb: number; seconds: number } {
	const before = performance.now();
	const done = spawnSync(process.execPath, ['--import', tellPeak, ...args], {
		cwd: root,
		stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
		maxBuffer: 1 << 28,
		encoding: 'utf8',
	});
	if (done.status !== 0) throw new Error(`${args.join(' ')} ended with ${done.status ?? done.signal}`);
	return {
		out: done.stdout,
		seconds: (performance.now() - before) / 1000,
		peakMb: Number(done.output[3]) / 1024,
	};
}

const answer = z.object({ decision: z.string(), seen: z.object({ tasks: z.number() }) });
const round = (value: number, digits = 10): number => Math.round(value * digits) / digits;
const folder = mkdtempSync(join(tmpdir(), 'concertmaster-week-'));
try {
	const rows = [300, 900, 3000].map((dags) => {
		const file = join(folder, `${dags}.jsonl`);
		run(['test/bench/make-week.ts', file, String(dags)]);
		const { out, seconds, peakMb } = run(['src/scaling/cli.ts', '--json', file]);
		const { decision, seen } = answer.parse(JSON.parse(out));
		const megabytes = statSync(file).size / 2 ** 20;
		rmSync(file);
		console.log(
			`${dags} DAGs, ${seen.tasks} task instances (${Math.round(megabytes)} MB): ${seconds.toFixed(1)} s, ${Math.round(peakMb)} MB, ${decision}`,
		);
		return { taskInstances: seen.tasks, seconds: round(seconds, 100), peakMb: Math.round(peakMb) };
	});
	const [small, , large] = rows;
	if (!small || !large) throw new Error('nothing measured');
	const times = large.taskInstances / small.taskInstances;
	console.log(
		`${times.toFixed(1)} times the task instances: ${(large.seconds / small.seconds).toFixed(1)} times the time, ${(large.peakMb / small.peakMb).toFixed(1)} times the memory`,
	);
	const good = large.seconds <= GOAL.seconds && large.peakMb <= GOAL.peakMb;
	console.log(JSON.stringify({ ...large, goal: GOAL, good, growth: rows }));
	process.exitCode = good ? 0 : 1;
} finally {
	rmSync(folder, { recursive: true, force: true });
}
