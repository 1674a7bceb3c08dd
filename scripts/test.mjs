// `npm test`: lint, types, every test that needs no network. Extra arguments go to jest.
import { spawnSync } from 'node:child_process';

const node = process.execPath;
const steps = [
	{ name: 'lint', command: 'npm', args: ['run', '-s', 'lint'] },
	{ name: 'types', command: 'npm', args: ['run', '-s', 'typecheck'] },
	{
		name: 'tests',
		command: node,
		args: [
			'--experimental-vm-modules',
			'--disable-warning=ExperimentalWarning',
			'node_modules/jest/bin/jest.js',
			...process.argv.slice(2),
		],
	},
];
for (const { name, command, args } of steps) {
	const started = Date.now();
	console.error(`\n── ${name}`);
	const { status } = spawnSync(command, args, { stdio: 'inherit' });
	if (status !== 0) {
		console.error(`── ${name} failed`);
		process.exit(status ?? 1);
	}
	console.error(`── ${name} ok in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}
