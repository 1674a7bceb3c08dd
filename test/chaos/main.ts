// npm run -s chaos -- --seed N --commands N [--failures N] [--break dedup|intent|adopt|watermark|seen|join] [--api 1|2]
import { parseArgs } from 'node:util';
import { PROTECTIONS } from '../../src/config.ts';
import { chaos, wrongs } from './run.ts';

const { values } = parseArgs({
	args: process.argv.slice(2).filter((arg) => arg !== '--'),
	options: {
		seed: { type: 'string', default: String(Date.now() % 1_000_000) },
		commands: { type: 'string', default: '300' },
		failures: { type: 'string', default: '0' },
		break: { type: 'string' },
		api: { type: 'string', default: '2' },
	},
});
const number = (name: 'seed' | 'commands' | 'failures'): number => {
	const value = Number(values[name]);
	if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} must be a whole number`);
	return value;
};
const breaks = PROTECTIONS.find((one) => one === values.break);
if (values.break !== undefined && breaks === undefined) throw new Error(`--break takes ${PROTECTIONS.join(', ')}`);

process.stdout.write(`chaos with seed ${values.seed}${breaks === undefined ? '' : `, without ${breaks}`}\n`);
const result = await chaos({
	seed: number('seed'),
	commands: number('commands'),
	failures: number('failures'),
	breaks,
	api: values.api === '1' ? 1 : 2,
	say: (line) => process.stdout.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exitCode = wrongs(result) === 0 ? 0 : 1;
