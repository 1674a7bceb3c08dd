import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';

test('the index and the catalogue are those of the rules as they stand', () => {
	const { status, stderr } = spawnSync(process.execPath, ['src/gen.ts', 'rules', '--check'], { encoding: 'utf8' });
	// What is printed names the file and the command that renews it.
	expect([status, stderr]).toEqual([0, '']);
});
