// `npm test`: lint, types, every test that needs no network. Extra arguments go to jest.
import { spawnSync } from 'node:child_process';

/**
 * They start the bot's real processes, up to seven at once, against deadlines that are Slack's (three seconds) and not ours to
 * stretch: one file at a time, with the machine to itself.
 */
const PROCESSES = 'test/(faults|chaos|redis)/';

const npm = (script) => ({ command: 'npm', args: ['run', '-s', script] });
const jest = (...args) => ({
	command: process.execPath,
	args: [
		'--experimental-vm-modules',
		'--disable-warning=ExperimentalWarning',
		'node_modules/jest/bin/jest.js',
		...args,
	],
});
const asked = process.argv.slice(2);
const tests =
	asked.length > 0
		? [{ name: 'tests', ...jest(...asked) }]
		: [
				{ name: 'tests', ...jest('--testPathIgnorePatterns', '/node_modules/', PROCESSES) },
				{ name: 'tests with real processes', ...jest('--maxWorkers=1', '--testPathPatterns', PROCESSES) },
			];

for (const { name, command, args } of [
	{ name: 'lint', ...npm('lint') },
	{ name: 'types', ...npm('typecheck') },
	...tests,
]) {
	const started = Date.now();
	console.error(`\n── ${name}`);
	const { status } = spawnSync(command, args, { stdio: 'inherit' });
	if (status !== 0) {
		console.error(`── ${name} failed`);
		process.exit(status ?? 1);
	}
	console.error(`── ${name} ok in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}
