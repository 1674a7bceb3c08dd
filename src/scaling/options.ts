import { z } from 'zod';
import { CLOCK, isTimeZone, WEEKDAYS } from '../alerts/options.ts';

/** `scaling:` in concertmaster.yaml. */
export const scalingSchema = z
	.strictObject({
		target: z
			.strictObject({
				waitSeconds: z
					.number()
					.positive()
					.max(86_400)
					.default(60)
					.describe('Of twenty tasks nineteen should start within that time of their release (p95).'),
				memoryPercent: z
					.number()
					.min(10)
					.max(100)
					.default(80)
					.describe("Highest use of a worker's memory that is planned with."),
			})
			.prefault({})
			.describe('What the size of an environment is judged by.'),
		weekly: z
			.strictObject({
				channel: z
					.string()
					.regex(/^[CG][A-Z0-9]{2,20}$/, 'must be a Slack channel id, such as C0123ABCD')
					.describe('Channel of the weekly post; the bot must be in it.'),
				weekday: z.enum(WEEKDAYS).default('mon').describe('When.'),
				at: z.string().regex(CLOCK, 'must be a time such as 07:00').default('09:00').describe('When.'),
				timeZone: z
					.string()
					.refine(isTimeZone, 'must be a time zone such as Asia/Tokyo')
					.optional()
					.describe('Such as `Asia/Tokyo`; else `alerts.timeZone`.'),
				environments: z.array(z.string()).min(1).optional().describe('Names of environments above; else all of them.'),
				language: z.enum(['en', 'ja']).optional().describe('Language of the post; else `language`.'),
			})
			.optional()
			.describe('Advice on each environment once a week. Left out: none.'),
		apply: z
			.boolean()
			.default(false)
			.describe(
				'Admins may apply advice from Slack, when a second admin approves it. What its account then needs: `scripts/grant-roles.sh --with-changes`.',
			),
		approvalMinutes: z.number().min(1).max(1440).default(30).describe('How long a second admin has for the approval.'),
		prices: z
			.strictObject({
				readOn: z.iso
					.date()
					.describe('The day on which they were read, such as `2026-10-08`; it is shown with every cost.'),
				source: z.string().min(1).max(100).default('settings').describe('Where they were read; shown too.'),
				cpuHour: z.number().positive().describe('US dollars for a vCPU and hour.'),
				memoryGbHour: z.number().positive().describe('US dollars for a GB of memory and hour.'),
				storageGbHour: z.number().nonnegative().default(0).describe('US dollars for a GB of storage and hour.'),
			})
			.optional()
			.describe(
				'What workers cost here. Left out: on Composer 2 the list price (vCPU $0.045, GB $0.005, storage $0.0002 an hour; read on 2026-10-08), else costs are only compared with each other.',
			),
	})
	.prefault({})
	.describe('Sizing advice.');

export type ScalingOptions = z.output<typeof scalingSchema>;

/** What `advise` takes of it. */
export function targetOf({ target }: ScalingOptions): { waitMs: number; memoryShare: number } {
	return { waitMs: target.waitSeconds * 1000, memoryShare: target.memoryPercent / 100 };
}
