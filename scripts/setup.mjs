// All the set-up a script needs, on whatever Node the host has: packages, the pinned Node, a Redis.
// Says what it does on standard error only, and nothing when there is nothing to do.
//   --no-redis   the script needs no Redis server
//   --redis-unless-configured   none is needed when REDIS_URL names one (the configured bot)
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stampFile = join(root, 'node_modules', '.concertmaster-setup');
const flags = new Set(process.argv.slice(2));
const say = (text) => process.stderr.write(`setup: ${text}\n`);

function fail(...lines) {
	for (const line of lines) say(line);
	process.exit(1);
}

if (Number(process.versions.node.split('.')[0]) < 20)
	fail(`Node ${process.versions.node} is too old: install Node 20 or newer.`);

function stamp() {
	const hash = createHash('sha256');
	for (const file of ['package.json', 'package-lock.json', '.npmrc']) {
		const path = join(root, file);
		if (!existsSync(path)) continue;
		// Of package.json only what decides the installed tree: a changed script is no reason to install again.
		if (file === 'package.json') {
			const { dependencies, devDependencies, optionalDependencies, overrides, allowScripts } = JSON.parse(
				readFileSync(path, 'utf8'),
			);
			hash.update(JSON.stringify({ dependencies, devDependencies, optionalDependencies, overrides, allowScripts }));
		} else hash.update(readFileSync(path));
	}
	return hash.digest('hex');
}

const pinned = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).devDependencies.node;

function pinnedNodeRuns() {
	const { status, stdout } = spawnSync(join(root, 'node_modules', '.bin', 'node'), ['--version'], {
		encoding: 'utf8',
		shell: process.platform === 'win32',
	});
	return status === 0 && stdout.trim() === `v${pinned}`;
}

const installed = () => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp();

/** Two scripts started at once must not install over each other: the second waits for the first. */
async function withLock(work) {
	const lock = join(root, '.setup-lock');
	for (let told = false; ;) {
		try {
			mkdirSync(lock);
			break;
		} catch (error) {
			if (error.code !== 'EEXIST') throw error;
			let age = 0;
			try {
				age = Date.now() - statSync(lock).mtimeMs;
			} catch (gone) {
				if (gone.code !== 'ENOENT') throw gone;
				continue;
			}
			if (age > 15 * 60_000) {
				rmSync(lock, { recursive: true, force: true });
				continue;
			}
			if (!told) say('another set-up is running here, waiting for it …');
			told = true;
			await new Promise((done) => setTimeout(done, 500));
		}
	}
	try {
		await work();
	} finally {
		rmSync(lock, { recursive: true, force: true });
	}
}

/** npm prints nothing useful for half a minute, so a line every few seconds shows that it lives. */
function runShown(command, args, what, env = {}) {
	return new Promise((done) => {
		const started = Date.now();
		const child = spawn(command, args, {
			cwd: root,
			stdio: ['ignore', 'pipe', 'pipe'],
			env: { ...process.env, ...env },
			shell: process.platform === 'win32',
		});
		let output = '';
		child.stdout.on('data', (chunk) => (output += chunk));
		child.stderr.on('data', (chunk) => (output += chunk));
		const tick = setInterval(() => say(`${what} … ${Math.round((Date.now() - started) / 1000)} s`), 5000);
		const end = (code) => {
			clearInterval(tick);
			done({ ok: code === 0, output, seconds: ((Date.now() - started) / 1000).toFixed(0) });
		};
		child.on('error', (error) => {
			output += error.message;
			end(1);
		});
		child.on('exit', end);
	});
}

async function installPackages() {
	if (installed()) return;
	await withLock(async () => {
		if (installed()) return;
		say('installing packages (npm ci, about a minute the first time) …');
		// A parent npm's own options must not reach the nested one: `omit=dev` or a foreign prefix would leave the tools out.
		const { ok, output, seconds } = await runShown(
			'npm',
			['ci', '--include=dev', '--no-audit', '--no-fund'],
			'installing packages',
			{
				NODE_ENV: '',
				npm_config_omit: '',
				npm_config_engine_strict: 'false',
			},
		);
		if (!ok) fail(...output.trim().split('\n').slice(-25), 'npm ci failed: see above. Is the npm registry reachable?');
		if (!pinnedNodeRuns()) {
			// An npm that refuses all install scripts leaves the pinned Node without its binary.
			await runShown('npm', ['rebuild', 'node'], 'fetching Node');
			if (!pinnedNodeRuns())
				fail(
					`packages are there, but the pinned Node ${pinned} does not run.`,
					'Allow the install script of the package "node" (npm approve-scripts node), then start again.',
				);
		}
		writeFileSync(stampFile, stamp());
		say(`packages installed in ${seconds} s`);
	});
}

function onPath(name) {
	const names = process.platform === 'win32' ? [`${name}.exe`] : [name];
	return (process.env.PATH ?? '')
		.split(delimiter)
		.some((folder) => names.some((n) => folder !== '' && existsSync(join(folder, n))));
}

const hasRedis = () => onPath('redis-server') || onPath('valkey-server');

/** Commands that need no question: as root, by sudo where it asks for no password, or brew as oneself. */
function packageManager() {
	const isRoot = process.getuid?.() === 0;
	const sudo = !isRoot && onPath('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
	const as = (...command) => (isRoot ? command : ['sudo', '-n', ...command]);
	if (onPath('brew')) return { name: 'brew', steps: [['brew', 'install', '--quiet', 'redis']] };
	if (!isRoot && !sudo) return undefined;
	if (onPath('apt-get'))
		return {
			name: 'apt',
			// RUNLEVEL=1 and policy-rc.d keep the package from starting its system service.
			quietServices: true,
			steps: [
				as('apt-get', 'update', '-qq'),
				as(
					'env',
					'DEBIAN_FRONTEND=noninteractive',
					'RUNLEVEL=1',
					'apt-get',
					'install',
					'-y',
					'-qq',
					'--no-install-recommends',
					'redis-server',
				),
			],
			as,
		};
	if (onPath('apk')) return { name: 'apk', steps: [as('apk', 'add', '--no-progress', 'redis')] };
	if (onPath('dnf'))
		return {
			name: 'dnf',
			steps: [as('dnf', 'install', '-y', '-q', 'redis'), as('dnf', 'install', '-y', '-q', 'valkey')],
			anyOf: true,
		};
	return undefined;
}

const THREE_WAYS = [
	'A Redis server (redis-server or valkey-server) is needed on the PATH. Three ways to get one:',
	'  1. Debian, Ubuntu:  sudo apt-get install redis-server      Alpine: apk add redis      Fedora: dnf install valkey',
	'  2. macOS:           brew install redis',
	'  3. From source:     https://redis.io/docs/latest/operate/oss_and_stack/install/ , then put redis-server on the PATH',
];

async function installRedis() {
	if (hasRedis()) return;
	const manager = packageManager();
	if (!manager) fail('no Redis server found, and it cannot be installed without asking you.', ...THREE_WAYS);
	say(`no Redis server found: installing one with ${manager.name} (no service is started) …`);
	const policy = '/usr/sbin/policy-rc.d';
	const placed =
		manager.quietServices &&
		!existsSync(policy) &&
		spawnSync(
			manager.as('sh', '-c', `printf '#!/bin/sh\\nexit 101\\n' > ${policy} && chmod 755 ${policy}`)[0],
			manager.as('sh', '-c', `printf '#!/bin/sh\\nexit 101\\n' > ${policy} && chmod 755 ${policy}`).slice(1),
		).status === 0;
	let last = { ok: false, output: '' };
	try {
		for (const [command, ...args] of manager.steps) {
			last = await runShown(command, args, 'installing Redis');
			if (manager.anyOf ? last.ok : !last.ok) break;
		}
	} finally {
		if (placed) {
			const [command, ...args] = manager.as('rm', '-f', policy);
			spawnSync(command, args);
		}
	}
	if (!hasRedis())
		fail(
			...last.output.trim().split('\n').slice(-10),
			`${manager.name} could not install a Redis server.`,
			...THREE_WAYS,
		);
	say('Redis server installed');
}

const started = Date.now();
await installPackages();
const needsRedis = !flags.has('--no-redis') && !(flags.has('--redis-unless-configured') && process.env.REDIS_URL);
if (needsRedis) await installRedis();
if (Date.now() - started > 2000) say('ready');
