/**
 * Megabytes a second through a generated Airflow log: this engine with the whole catalogue, ripgrep with the same patterns on one
 * thread, and the naive engine that runs every pattern on every line. Interleaved; the hits of all three are compared.
 * `npm run bench:scan [-- --mb 200 --rounds 5]`. The last line on standard output is one JSON object.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import type { Signature } from '../../src/domain/rule.ts';
import { catalogue } from '../../src/diagnosis/catalogue.ts';
import { scanHead } from '../../src/diagnosis/head.ts';
import { diagnoseSource } from '../../src/diagnosis/read.ts';
import { unwrap } from '../../src/diagnosis/unwrap.ts';
import { rules } from '../../src/rules/index.ts';
import { caseFiles, parseCase } from '../rules/txtar.ts';
import { writeAirflowLog } from './airflow-log.ts';
import { toRust } from './rust.ts';

const { values } = parseArgs({
	options: { mb: { type: 'string', default: '200' }, rounds: { type: 'string', default: '5' } },
});
const bytes = Number(values.mb) * 1e6;
const rounds = Number(values.rounds);
const naiveBytes = Math.min(bytes, 4e6);

const signatures: Signature[] = rules.flatMap((rule) => rule.signatures);
const compiled = catalogue(rules);
const folder = mkdtempSync(join(tmpdir(), 'bench-scan-'));
process.on('exit', () => {
	rmSync(folder, { recursive: true, force: true });
});
const log = join(folder, 'airflow.log');

/** Lines that some rule knows, out of the rules' own cases. */
const planted = caseFiles()
	.flatMap((file) => unwrap(parseCase(file.rule, file.name, file.text).log).map((line) => line.text))
	.filter(
		(text) =>
			text.length > 40 &&
			text.length < 2000 &&
			text.trim() === text &&
			signatures.some(({ pattern }) => pattern.test(text)),
	)
	.filter((text, i, all) => all.indexOf(text) === i)
	.filter((_, i, all) => i % Math.ceil(all.length / 250) === 0);
const lines = writeAirflowLog(log, bytes, planted);
const size = statSync(log).size;
console.log(
	`${(size / 1e6).toFixed(0)} MB, ${lines} lines, ${planted.length} planted; ${signatures.length} signatures, ${compiled.literals.length} literals`,
);

const index = new Map(signatures.map((signature, i) => [signature, i] as const));

/** `line:signature` pairs of the whole catalogue. */
function engine(): Set<string> {
	const found = new Set<string>();
	const scan = scanHead(compiled, ({ line, signature }) => found.add(`${line}:${index.get(signature)}`));
	const fd = openSync(log, 'r');
	const buffer = Buffer.allocUnsafe(256 * 1024);
	for (let n = readSync(fd, buffer); n > 0; n = readSync(fd, buffer)) scan.push(buffer.subarray(0, n));
	closeSync(fd);
	scan.end();
	return found;
}

/** Every pattern on every line of the first bytes. */
function naive(): Set<string> {
	const found = new Set<string>();
	const text = readFileSync(log).subarray(0, naiveBytes).toString();
	text
		.slice(0, text.lastIndexOf('\n'))
		.split('\n')
		.forEach((line, n) => {
			signatures.forEach(({ pattern }, i) => {
				if (pattern.test(line)) found.add(`${n + 1}:${i}`);
			});
		});
	return found;
}

function findRipgrep(): string | undefined {
	if (spawnSync('rg', ['--version']).status === 0) return 'rg';
	console.log('rg is not on the PATH: asking Debian for it');
	spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'ripgrep'], { stdio: 'ignore' });
	return spawnSync('rg', ['--version']).status === 0 ? 'rg' : undefined;
}

const rg = findRipgrep();
/** Signatures whose pattern ripgrep takes too. */
const common = new Set<number>();
const patternFile = join(folder, 'patterns');
let ripgrepVersion: string | null = null;
if (rg !== undefined) {
	ripgrepVersion = spawnSync(rg, ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0] ?? null;
	const taken: string[] = [];
	signatures.forEach(({ pattern }, i) => {
		const rust = toRust(pattern);
		if (rust === undefined) return;
		if (spawnSync(rg, ['--no-config', '--no-unicode', '-e', rust], { input: '' }).status === 2) return;
		common.add(i);
		taken.push(rust);
	});
	writeFileSync(patternFile, `${taken.join('\n')}\n`);
	console.log(`${ripgrepVersion}: takes ${common.size} of ${signatures.length} patterns`);
}

function ripgrep(): Set<string> {
	const { stdout, status, stderr } = spawnSync(
		rg ?? '',
		['--no-config', '--no-unicode', '-j1', '-N', '-n', '--no-heading', '--color=never', '-a', '-f', patternFile, log],
		{ encoding: 'utf8', maxBuffer: 1 << 28 },
	);
	if (status === 2) throw new Error(stderr);
	return new Set(
		stdout
			.split('\n')
			.filter(Boolean)
			.map((line) => line.slice(0, line.indexOf(':'))),
	);
}

const speeds: Record<'engine' | 'ripgrep' | 'naive', number[]> = { engine: [], ripgrep: [], naive: [] };
function timed<T>(name: keyof typeof speeds, work: () => T, worked: number): T {
	const started = performance.now();
	const result = work();
	const speed = worked / 1e3 / (performance.now() - started);
	speeds[name].push(speed);
	return result;
}
const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;

let same = true;
function check(what: string, left: Iterable<string>, right: ReadonlySet<string>) {
	const mine = new Set(left);
	const missing = [...right].filter((each) => !mine.has(each));
	const extra = [...mine].filter((each) => !right.has(each));
	if (missing.length + extra.length === 0) return;
	same = false;
	console.log(`${what}: the engine misses ${missing.slice(0, 5).join(' ')} and adds ${extra.slice(0, 5).join(' ')}`);
}

let hits = 0;
for (let round = 0; round < rounds; round++) {
	const mine = timed('engine', engine, size);
	hits = mine.size;
	if (rg !== undefined) {
		const theirs = timed('ripgrep', ripgrep, size);
		if (round === 0)
			check(
				'ripgrep',
				[...mine].filter((pair) => common.has(Number(pair.split(':')[1]))).map((pair) => pair.split(':')[0] ?? ''),
				theirs,
			);
	}
	const plain = timed('naive', naive, naiveBytes);
	if (round === 0) {
		const last = naiveLines();
		check(
			'naive',
			[...mine].filter((pair) => Number(pair.split(':')[0]) <= last),
			plain,
		);
	}
	console.log(
		`round ${round + 1}: ${Object.entries(speeds)
			.map(([name, list]) => `${name} ${(list.at(-1) ?? 0).toFixed(1)}`)
			.join(', ')} MB/s`,
	);
}

function naiveLines(): number {
	const text = readFileSync(log).subarray(0, naiveBytes);
	let count = 0;
	for (const byte of text) if (byte === 10) count++;
	return count;
}

let firstMs = Infinity;
for (let i = 0; i < 3; i++) {
	const fd = openSync(log, 'r');
	const started = performance.now();
	await diagnoseSource({ fd }, { rules, onFirst: () => (firstMs = Math.min(firstMs, performance.now() - started)) });
	closeSync(fd);
}

const mbPerSecond = median(speeds.engine);
const result = {
	mbPerSecond: Math.round(mbPerSecond),
	vsRipgrep: rg === undefined ? null : Number((mbPerSecond / median(speeds.ripgrep)).toFixed(2)),
	vsNaive: Number((mbPerSecond / median(speeds.naive)).toFixed(1)),
	firstVerdictMs: Math.round(firstMs),
	sameHits: same,
	hits,
	signatures: signatures.length,
	commonPatterns: common.size,
	ripgrep: ripgrepVersion,
	megabytes: Math.round(size / 1e6),
	rounds,
};
if (rg === undefined || !same) process.exitCode = 1;
console.log(JSON.stringify(result));
