import { afterEach, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const main = new URL('../../src/main.ts', import.meta.url).pathname;
const running: ChildProcess[] = [];
const folders: string[] = [];
afterEach(async () => {
	for (const child of running.splice(0)) child.kill('SIGKILL');
	await sleep(500);
	for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** `node src/main.ts` as npm start runs it, in a folder without settings. */
async function start(folder: string): Promise<{ child: ChildProcess; url: string; said: () => string; ms: number }> {
	const began = performance.now();
	const child = spawn(process.execPath, [main], { cwd: folder, env: { PATH: process.env['PATH'] } });
	running.push(child);
	let text = '';
	child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
	child.stderr.setEncoding('utf8').on('data', (more: string) => (text += more));
	for (let waited = 0; waited < 20_000; waited += 50) {
		const url = /http:\/\/\S+/.exec(text)?.[0];
		if (url !== undefined) return { child, url, said: () => text, ms: performance.now() - began };
		if (child.exitCode !== null) break;
		await sleep(50);
	}
	throw new Error(`the demo did not come up:\n${text}`);
}

const exitOf = (child: ChildProcess): Promise<number | null> =>
	child.exitCode !== null
		? Promise.resolve(child.exitCode)
		: new Promise((done) => child.once('exit', (code) => done(code)));

/** Processes that work in this folder, or for it. */
async function left(folder: string): Promise<string[]> {
	const found: string[] = [];
	for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)))
		try {
			const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
			const environment = await readFile(`/proc/${pid}/environ`, 'utf8');
			if (`${command} ${environment}`.includes(folder)) found.push(`${pid} ${command}`);
		} catch {
			// It ended while it was looked at.
			continue;
		}
	return found;
}

async function folderOf(): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), 'cm-demo-'));
	folders.push(folder);
	return folder;
}

test('without settings the demo opens its page; a second one says who runs; Ctrl-C leaves nothing; the next is soon there', async () => {
	const folder = await folderOf();
	const { child, url, said } = await start(folder);
	expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
	expect(said().match(/https?:\/\//g)).toHaveLength(1);
	expect((await fetch(url)).status).toBe(200);

	const second = spawn(process.execPath, [main], { cwd: folder, env: { PATH: process.env['PATH'] } });
	let refusal = '';
	second.stderr.setEncoding('utf8').on('data', (more: string) => (refusal += more));
	expect(await exitOf(second)).toBe(1);
	expect(refusal).toContain(`process ${child.pid}, ${url}`);

	child.kill('SIGINT');
	expect(await exitOf(child)).toBe(0);
	expect(await left(folder)).toEqual([]);
	expect(existsSync(join(folder, '.data', 'demo.lock'))).toBe(false);

	const again = await start(folder);
	expect(again.ms).toBeLessThan(10_000);
	again.child.kill('SIGHUP');
	expect(await exitOf(again.child)).toBe(0);
	expect(await left(folder)).toEqual([]);
}, 60_000);

test('killed with -9, it still leaves nothing, and the lock it left is no obstacle', async () => {
	const folder = await folderOf();
	const { child } = await start(folder);
	child.kill('SIGKILL');
	await exitOf(child);
	for (let waited = 0; (await left(folder)).length > 0 && waited < 12_000; waited += 200) await sleep(200);
	expect(await left(folder)).toEqual([]);
	const again = await start(folder);
	again.child.kill('SIGTERM');
	expect(await exitOf(again.child)).toBe(0);
}, 60_000);

test('settings that are there but incomplete are an error that lists all that is missing', async () => {
	const folder = await folderOf();
	const child = spawn(process.execPath, [main], {
		cwd: folder,
		env: { PATH: process.env['PATH'], SLACK_BOT_TOKEN: 'xoxb-1' },
	});
	let text = '';
	child.stderr.setEncoding('utf8').on('data', (more: string) => (text += more));
	expect(await exitOf(child)).toBe(1);
	for (const name of ['SLACK_APP_TOKEN', 'SLACK_SIGNING_SECRET', 'REDIS_URL', 'concertmaster.yaml'])
		expect(text).toContain(name);
}, 20_000);
