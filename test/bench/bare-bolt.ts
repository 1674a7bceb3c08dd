// The measure of bench:ack: Bolt as its guide shows it, one slash command that is only acked.
import bolt from '@slack/bolt';

const app = new bolt.App({
	signingSecret: process.env['SLACK_SIGNING_SECRET'] ?? '',
	logLevel: bolt.LogLevel.ERROR,
	authorize: async () => ({ botToken: 'xoxb-bare', botId: 'B0', botUserId: 'U0' }),
});
app.command('/dag', async ({ ack }) => {
	await ack();
});
const server = await app.start(0);
const address = 'address' in server ? server.address() : null;
process.send?.({ ready: true, port: typeof address === 'object' && address !== null ? address.port : 0 });
process.on('disconnect', () => process.exit(0));
