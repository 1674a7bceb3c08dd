import type { Receiver } from '@slack/bolt';
import type { Config } from '../config.ts';
import { producer } from '../clients/queue.ts';
import type { Dispatch } from '../http/public.ts';
import type { Doors } from './doors.ts';
import { httpReceiver } from './http-receiver.ts';
import { listen } from './listen.ts';
import { socketReceiver } from './socket-receiver.ts';
import { isOurs, originOf } from './verify.ts';

export type SlackSide = { port: number | undefined; close(): Promise<void> };

/** The Slack side of one process: its way in by the settings, Socket Mode or signed HTTP. Resolves when it takes commands. */
export async function openSlackSide(
	config: Config,
	inside: Omit<Doors, 'producer'>,
	me: { team: string; user: string; bot: string | undefined },
	/** Other paths from outside, with HTTP. */
	also?: Dispatch,
): Promise<SlackSide> {
	const { log } = inside.deps;
	const now = (): number => inside.deps.now();
	const queue = await producer(config.redisUrl, log, now);
	const { appToken, apiUrl, signingSecret, appId, botToken } = config.slack;
	const ours = { team: me.team, app: appId, botUser: me.user, botId: me.bot, botToken };
	// A frozen Redis answers nothing at all; a probe must not hang with it.
	const answers = (): Promise<boolean> =>
		Promise.race([
			queue.ping().then(
				() => true,
				() => false,
			),
			new Promise<boolean>((done) => setTimeout(() => done(false), 1000).unref()),
		]);
	const receiver: Receiver & { port?(): number } =
		appToken === undefined
			? httpReceiver({
					signingSecret: signingSecret ?? '',
					port: config.slack.port,
					now,
					log,
					accepts: (body) => isOurs(originOf(body), ours),
					also,
					health: { '/healthz': () => Promise.resolve(true), '/readyz': answers },
				})
			: socketReceiver({ appToken, apiUrl });
	const listening = listen({ ...inside, producer: queue }, receiver, ours);
	await listening.app.start();
	const port = receiver.port?.();
	log.info({ port, team: me.team }, 'taking commands');
	return {
		port,
		async close() {
			await listening.app.stop();
			listening.stop();
			await queue.close();
		},
	};
}
