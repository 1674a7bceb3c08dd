import bolt from '@slack/bolt';
import type { Receiver } from '@slack/bolt';

/**
 * Two Socket Mode connections for one app: after any close the client waits `clientPingTimeout` before it comes back, and
 * Slack closes each about once an hour. Slack sends a payload to one of them.
 */
export function socketReceiver(options: { appToken: string; apiUrl: string | undefined }): Receiver {
	const pair = [1, 2].map(
		() =>
			new bolt.SocketModeReceiver({
				appToken: options.appToken,
				clientPingTimeout: 3000,
				logLevel: bolt.LogLevel.ERROR,
				...(options.apiUrl === undefined
					? {}
					: { installerOptions: { clientOptions: { slackApiUrl: options.apiUrl } } }),
			}),
	);
	return {
		init(app) {
			for (const receiver of pair) receiver.init(app);
		},
		start: () => Promise.all(pair.map((receiver) => receiver.start())),
		stop: () => Promise.all(pair.map((receiver) => receiver.stop())),
	};
}
