import { z } from 'zod';

/** `watch:` in concertmaster.yaml. */
export const watchSchema = z
	.strictObject({
		everySeconds: z
			.number()
			.min(1)
			.max(60)
			.default(5)
			.describe(
				'How often failed runs are asked for; task instances half as often. At 5 that is at most 21 calls a minute for each environment, whatever the number of DAGs.',
			),
		lookBackMinutes: z
			.number()
			.min(0)
			.max(7 * 24 * 60)
			.default(0)
			.describe('What failed that long before the very first start is told as well.'),
		environments: z
			.array(z.string())
			.optional()
			.describe('Names of the environments that are watched; all of them when left out.'),
		blindAfterMinutes: z
			.number()
			.min(0.1)
			.max(60)
			.default(3)
			.describe('An Airflow that could not be asked for that long is told in the admin channel.'),
		tail: z
			.boolean()
			.default(true)
			.describe(
				'On Composer, Cloud Logging is followed as well, where the bot may: failures are noticed within seconds.',
			),
		push: z
			.strictObject({
				secret: z
					.string()
					.min(16, 'at least 16 characters')
					.optional()
					.describe('For signed requests of a callback or a listener; from an environment variable: `${PUSH_SECRET}`.'),
				audience: z.string().min(1).optional().describe("Audience of the Pub/Sub subscription's OIDC token."),
				serviceAccount: z.email().optional().describe("Service account of that token; nobody else's is believed."),
			})
			.refine(({ audience, serviceAccount }) => (audience === undefined) === (serviceAccount === undefined), {
				message: '`audience` and `serviceAccount` belong together',
			})
			.optional()
			.describe('Takes hints of failures at `PUBLIC_URL/push/<environment>`, see [push.md](push.md).'),
	})
	.prefault({})
	.describe('Noticing what fails, without touching any DAG.');

export type WatchOptions = z.output<typeof watchSchema>;
