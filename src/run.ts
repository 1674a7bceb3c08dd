import type { startBot as StartBot } from './bot.ts';
import { loadConfig, problemsText } from './config.ts';

const USAGE = `npm start [-- WHAT]

  (nothing)       the bot, Slack side and worker in one process; the demo when there are no settings
  slack           the Slack side only
  worker          a worker only; start as many as you like
  demo            the demo, settings or not
  doctor          what the bot can and cannot reach with these settings
  --airflow 2|3   the demo with a real Airflow behind it
`;

const words = process.argv.slice(2).filter((arg) => arg !== '--');
// `--airflow 3` alone is an option of the demo.
const [what = 'start', ...rest] = words[0] === '--airflow' ? ['demo', ...words] : words;

switch (what) {
	case 'start':
	case 'slack':
	case 'worker':
		await bot(what);
		break;
	case 'demo':
		await demo();
		break;
	case 'doctor': {
		const { runDoctor } = await import('./doctor.ts');
		process.exit(await runDoctor());
		break;
	}
	case 'help':
	case '--help':
	case '-h':
		process.stdout.write(USAGE);
		break;
	default:
		process.stderr.write(`There is no "${what}".\n\n${USAGE}`);
		process.exitCode = 2;
}

async function bot(part: 'start' | 'slack' | 'worker'): Promise<void> {
	const loaded = loadConfig(part === 'worker' ? 'worker' : 'all');
	if (loaded.kind === 'none' && part === 'start') return demo();
	if (loaded.kind !== 'config') {
		const problems =
			loaded.kind === 'problems'
				? loaded.problems
				: [{ where: 'settings', what: 'there are none: no concertmaster.yaml and no SLACK_… variables' }];
		process.stderr.write(problemsText(problems));
		process.exitCode = 1;
		return;
	}
	// The demo's own process needs nothing of it, so it is read only here.
	const [{ startBot, CannotStart }, { jsonLog }, { voice }] = await Promise.all([
		import('./bot.ts'),
		import('./clients/log.ts'),
		import('./voice.ts'),
	]);
	const log = jsonLog(loaded.config.logLevel, part);
	let askedAt = Infinity;
	let running: Awaited<ReturnType<typeof StartBot>> | undefined;
	const stop = (signal: string): void => {
		// A terminal's Ctrl-C comes twice, from the terminal and from npm; a later one means now.
		if (performance.now() - askedAt > 1500) process.exit(1);
		if (askedAt !== Infinity) return;
		askedAt = performance.now();
		log.info({ signal }, 'stopping');
		// Nothing may keep a stopping process: what is left in hand is carried out by another worker.
		// Without its demo there is no Redis left to hand anything back to.
		setTimeout(() => process.exit(1), signal === 'disconnect' ? 1500 : 10_000).unref();
		void (running?.stop() ?? Promise.resolve()).finally(() => process.exit(0));
	};
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop(signal));
	// Started by the demo: ends with it, however that ended.
	if (process.channel) process.on('disconnect', () => stop('disconnect'));
	try {
		running = await startBot(loaded.config, { slack: part !== 'worker', worker: part !== 'slack' }, { log, voice });
	} catch (error) {
		if (!(error instanceof CannotStart)) throw error;
		process.stderr.write(`Concertmaster cannot start: ${error.message}\n`);
		process.exit(1);
	}
	if (process.send) process.send({ ready: true, port: running.port });
}

async function demo(): Promise<void> {
	const { runDemo } = await import('./demo.ts');
	await runDemo(rest);
}
