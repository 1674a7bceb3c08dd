import { afterEach, describe, expect, test } from '@jest/globals';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { gzipSync } from 'node:zlib';
import { startDiagnoser } from '../../src/diagnosis/thread.ts';
import type { Diagnoser } from '../../src/diagnosis/thread.ts';

let diagnoser: Diagnoser | undefined;
afterEach(async () => {
	await diagnoser?.close();
});

const LOST = "OSError: [Errno 107] Transport endpoint is not connected: '/home/airflow/gcs/logs/x'\n";

describe('the diagnosis thread', () => {
	test('answers from memory and from a descriptor, in the order asked', async () => {
		diagnoser = startDiagnoser();
		const folder = mkdtempSync(join(tmpdir(), 'thread-'));
		const path = join(folder, 'x.log');
		writeFileSync(path, 'nothing here\n');
		const fd = openSync(path, 'r');
		const answers = await Promise.all([
			diagnoser.diagnose({ bytes: Buffer.from(LOST) }, { lang: 'ja' }),
			diagnoser.diagnose({ fd }),
		]);
		closeSync(fd);
		rmSync(folder, { recursive: true });
		expect(answers.map(({ verdict }) => verdict)).toEqual(['gcsfuse-mount-lost', 'unknown']);
		expect(answers[0]?.findings[0]?.fix.length).toBeGreaterThan(0);
	}, 20_000);

	test('leaves the event loop free while it reads', async () => {
		diagnoser = startDiagnoser();
		await diagnoser.diagnose({ bytes: Buffer.from('warm\n') });
		const line = '[2026-11-22T22:37:00.808+0000] {process.py:12} INFO - batch of customers, all is well\n';
		const log = gzipSync(Buffer.from(line.repeat(300_000)));
		const delay = monitorEventLoopDelay({ resolution: 5 });
		delay.enable();
		const before = performance.now();
		await diagnoser.diagnose({ bytes: log });
		const tookMs = performance.now() - before;
		delay.disable();
		// Beside the reading's own time, so that it says the same on a busy machine: a loop that is blocked stands still for all of it.
		expect(delay.max / 1e6).toBeLessThan(tookMs / 2);
	}, 20_000);

	test('a log that takes too long or cannot be read is an error, and the next one is answered', async () => {
		diagnoser = startDiagnoser({ limitMs: 1 });
		await expect(diagnoser.diagnose({ bytes: Buffer.from(LOST) })).rejects.toThrow('was not read within');
		await diagnoser.close();
		diagnoser = startDiagnoser();
		await expect(diagnoser.diagnose({ fd: 9999 })).rejects.toThrow('EBADF');
		expect((await diagnoser.diagnose({ bytes: Buffer.from(LOST) })).verdict).toBe('gcsfuse-mount-lost');
	}, 20_000);
});
