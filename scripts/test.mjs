// `npm test`: lint, types, every test that needs no network. Extra arguments go to jest.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';

const node = process.execPath;
const report = 'node_modules/.cache/tests.json';
const jest = (...args) => [
	node,
	[
		'--experimental-vm-modules',
		'--disable-warning=ExperimentalWarning',
		'node_modules/jest/bin/jest.js',
		'--json',
		`--outputFile=${report}`,
		...args,
	],
];

function step(name, [command, args]) {
	const started = Date.now();
	console.error(`\n── ${name}`);
	const { status } = spawnSync(command, args, { stdio: ['inherit', 'ignore', 'inherit'] });
	const ok = status === 0;
	console.error(ok ? `── ${name} ok in ${((Date.now() - started) / 1000).toFixed(1)} s` : `── ${name} failed`);
	return ok;
}

const npm = (script) => ['npm', ['run', '-s', script]];
if (!step('lint', npm('lint')) || !step('types', npm('typecheck'))) process.exit(1);

mkdirSync('node_modules/.cache', { recursive: true });
rmSync(report, { force: true });
if (step('tests', jest(...process.argv.slice(2)))) process.exit(0);
// Many files start the bot's real processes against deadlines that are Slack's (three seconds) and not ours to stretch. What failed
// beside the others is tried once more with the machine to itself; what fails there as well, has failed.
const failed = failedFiles();
if (failed.length === 0 || failed.length > 5) process.exit(1);
console.error(`\nFailed beside the others, tried alone:\n${failed.join('\n')}`);
process.exit(step('tests that failed', jest('--runInBand', '--runTestsByPath', ...failed)) ? 0 : 1);

function failedFiles() {
	try {
		const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
		return testResults.filter(({ status }) => status !== 'passed').map(({ name }) => name);
	} catch {
		// jest itself did not come to its end.
		return [];
	}
}
