import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';

test('the index of the verbs and the command reference are up to date', () => {
	// Fails with the name of the file and the command that repairs it.
	expect(() => execFileSync(process.execPath, ['src/gen.ts', 'commands', '--check'], { stdio: 'pipe' })).not.toThrow();
});
