import { z } from 'zod';

const slackId = (what: string, letters: string) =>
	z.string().regex(new RegExp(`^[${letters}][A-Z0-9]{2,20}$`), `must be ${what}, such as ${letters[0] ?? ''}0123ABCD`);
const channelId = slackId('a Slack channel id', 'CGD');
const patterns = z.array(z.string().min(1)).min(1).optional();

/** An IANA name that this Node knows. */
export function isTimeZone(name: string): boolean {
	try {
		return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
	} catch {
		return false;
	}
}

const zone = z
	.string()
	.refine(isTimeZone, 'must be a time zone such as Asia/Tokyo')
	.optional()
	.describe('Such as `Asia/Tokyo`; else `alerts.timeZone`.');

/** `07:00`; 24 hours. */
export const CLOCK = /^(?:[01]\d|2[0-3]):[0-5]\d$/;
const clock = z.string().regex(CLOCK, 'must be a time such as 07:00');

const quietSchema = z
	.strictObject({
		from: clock.describe('Beginning, such as `22:00`.'),
		to: clock.describe('End, such as `07:00`; earlier than the beginning means the next morning.'),
		timeZone: zone,
	})
	.refine(({ from, to }) => from !== to, 'begins and ends at the same time')
	.optional();

export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

const digestSchema = z
	.strictObject({
		every: z.enum(['day', 'week']).describe('How often.'),
		at: clock.default('09:00').describe('When.'),
		weekday: z.enum(WEEKDAYS).default('mon').describe('With `every: week`.'),
		timeZone: zone,
	})
	.optional();

/** How a channel wants to hear. What is left out is asked of the next wider place: route, then `alerts` itself. */
const manners = {
	language: z.enum(['en', 'ja']).optional().describe('Language of the messages there; else `language`.'),
	tries: z
		.enum(['last', 'all'])
		.optional()
		.describe('`last`: a message when no try is left, earlier ones are counted in the card. `all`: each failed try.'),
	thread: z.boolean().optional().describe("Detail goes into the card's thread."),
	recovery: z.boolean().optional().describe('A recovery is also said, not only shown by the card.'),
	quiet: quietSchema.describe('Quiet hours: only what is critical is said in them, the rest afterwards.'),
	digest: digestSchema.describe('A summary of what failed, recovered, is open and is muted.'),
};

const routeSchema = z
	.strictObject({
		environments: z.array(z.string()).min(1).optional().describe('Names of environments above.'),
		dags: patterns.describe('DAG ids; `*` stands for any characters.'),
		tags: patterns.describe('One of these tags; `*` as above.'),
		owners: patterns.describe('One of these owners; `*` as above.'),
		causes: patterns.describe('Cause ids of [rules.md](rules.md); `*` as above.'),
		severity: z
			.enum(['info', 'warning', 'critical'])
			.optional()
			.describe('At least: `critical` is what more than one DAG suffers from, `warning` a task that failed for good.'),
		channels: z.array(channelId).default([]).describe('Slack channels that hear of it; the bot must be in them.'),
		people: z
			.array(slackId('a Slack user id', 'UW'))
			.default([])
			.describe('Slack users: mentioned in `channels`; without any, told by direct message.'),
		groups: z.array(slackId('a Slack user group id', 'S')).default([]).describe('User groups mentioned in `channels`.'),
		...manners,
		stop: z.boolean().default(false).describe('Routes below do not see what this one took.'),
	})
	.refine(({ channels, people }) => channels.length + people.length > 0, 'needs `channels` or `people`')
	.refine(({ channels, groups }) => groups.length === 0 || channels.length > 0, 'user groups need `channels`');

/** `alerts:` in concertmaster.yaml. */
export const alertsSchema = z
	.strictObject({
		channel: channelId
			.optional()
			.describe('Hears of what no route and no watch takes. Without it that is told nobody.'),
		adminChannel: channelId.optional().describe('Where the bot tells of its own troubles; else `channel`.'),
		timeZone: z
			.string()
			.refine(isTimeZone, 'must be a time zone such as Asia/Tokyo')
			.default('UTC')
			.describe('Of quiet hours and digests that name none.'),
		...manners,
		tries: manners.tries.default('last'),
		thread: manners.thread.default(true),
		recovery: manners.recovery.default(true),
		routes: z
			.array(routeSchema)
			.default([])
			.describe('Who hears of what. Every route that fits is followed, a channel hears once.'),
		mute: z
			.strictObject({
				ticketDays: z
					.number()
					.min(1)
					.max(30)
					.default(7)
					.describe('How long a mute until a ticket is done lasts at most; a day before its end it reminds.'),
				mostDays: z
					.number()
					.min(1)
					.max(30)
					.default(30)
					.describe('No mute lasts longer, prolonged or not: none is silent for ever.'),
			})
			.prefault({}),
		audit: z
			.strictObject({
				keepDays: z.number().min(1).max(3650).default(90).describe('How long `/dag audit` remembers.'),
				most: z.int().min(100).max(1_000_000).default(20_000).describe('How many entries it remembers at most.'),
			})
			.prefault({}),
	})
	.prefault({})
	.describe('Where failures are told, and how.');

export type AlertsOptions = z.output<typeof alertsSchema>;
export type RouteOptions = AlertsOptions['routes'][number];
export type Quiet = NonNullable<AlertsOptions['quiet']>;
export type DigestOptions = NonNullable<AlertsOptions['digest']>;
/** What one place of the settings says of how it wants to hear; nothing is required. */
export type Manners = Partial<Pick<RouteOptions, 'language' | 'tries' | 'thread' | 'recovery' | 'quiet' | 'digest'>>;
/** What was set for one conversation in Slack. */
export type OwnManners = Omit<Manners, 'quiet' | 'digest'> & {
	quiet?: Quiet | 'off' | undefined;
	digest?: DigestOptions | 'off' | undefined;
};
