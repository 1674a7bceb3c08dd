import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { z } from 'zod';
import { blindId, blindLine, blindReply } from '../../src/alerts/blind.ts';
import type { Blind } from '../../src/alerts/blind.ts';
import type { Place } from '../../src/clients/store.ts';
import { deliver } from '../deliver.ts';
import { say } from '../wires.ts';
import type { Wires } from '../wires.ts';
import { clockFinding, sharedFindings } from './findings.ts';

/** The name under which the bot's own troubles are kept. No environment can be called so. */
const SELF = '@self';
const EVERY_MS = 10_000;
/** A host whose clock was wrong and that is no longer there says nothing more; then it counts as over. */
const HOST_MS = 5 * 60_000;
const MOST_SENDS = 8;

const openSchema = z.object({
	since: z.number(),
	kind: z.enum(['polling', 'refused', 'silent', 'clock', 'memory', 'eviction', 'channel', 'push', 'slack']),
	subject: z.string(),
	found: z.object({ en: z.string(), ja: z.string() }),
	mend: z.object({ en: z.string(), ja: z.string() }).optional(),
});
type Open = z.output<typeof openSchema>;

export type SelfWatch = {
	/** One look at ourselves. */
	check(): Promise<void>;
	/** What we are blind to, one line each, as last seen. */
	problems(): readonly string[];
	stop(): void;
};

/**
 * The watch of the watch, in every process: what the bot cannot see is told in the admin channel, once when it begins and once when it is
 * over, and shown in `/readyz` and in the metrics. `deliversItself`: this process takes no deliveries, so where no worker is alive it
 * sends the message with its own hands.
 */
export function watchOurselves(
	wires: Wires,
	{
		deliversItself,
		host = hostname(),
		everyMs = EVERY_MS,
	}: { deliversItself: boolean; host?: string; everyMs?: number },
): SelfWatch {
	const { deps } = wires;
	const { watching, log } = deps;
	let known: readonly Open[] = [];
	let startedAt: number | undefined;
	let checking = false;

	async function check(): Promise<void> {
		const now = await watching.time();
		startedAt ??= now;
		const open = await readOpen();
		const clock = clockFinding(deps, now, host, isOpen(open, 'clock', host));
		if (clock) await watching.alive(`clock ${host}`, HOST_MS);
		const found: Blind[] = clock ? [clock] : [];
		const mine = (one: Pick<Blind, 'kind' | 'subject'>): boolean => one.kind === 'clock' && one.subject === host;
		const shared = await watching.turn('self', everyMs * 0.8);
		if (shared) {
			found.push(
				...(await sharedFindings(wires, { now, startedAt, isOpen: (kind, subject) => isOpen(open, kind, subject) })),
			);
			for (const one of open)
				if (one.kind === 'clock' && !mine(one) && (await watching.isAlive(`clock ${one.subject}`))) found.push(one);
		}
		await reconcile(open, found, (one) => mine(one) || shared, now);
		known = await readOpen();
		await Promise.all(known.map((one) => tell(one, false)));
		gauges(open, known, now);
	}

	async function reconcile(
		open: readonly Open[],
		found: readonly Blind[],
		ours: (one: Blind) => boolean,
		now: number,
	): Promise<void> {
		const is = new Set(found.map(blindId));
		for (const one of found) {
			const began = await watching.open(SELF, blindId(one), JSON.stringify({ ...one, since: now }));
			if (began) log.error({ blind: blindLine(one) }, 'blind');
		}
		for (const one of open)
			if (ours(one) && !is.has(blindId(one))) {
				// Told first: a crash in between tells it again, which changes nothing.
				await tell(one, true);
				await watching.over(SELF, blindId(one));
				log.info({ blind: blindLine(one) }, 'no longer blind');
			}
	}

	async function readOpen(): Promise<Open[]> {
		const kept = [...(await watching.conditions(SELF)).values()];
		return kept.flatMap((one) => {
			const read = openSchema.safeParse(JSON.parse(one));
			return read.success ? [read.data] : [];
		});
	}

	/** Saying it again changes nothing, so it is said at every look until Slack shows it. */
	async function tell(one: Open, over: boolean): Promise<void> {
		const place = adminPlace(wires);
		if (!place) return;
		const id = createHash('sha256')
			.update(JSON.stringify(['self', blindId(one), one.since, over]))
			.digest('hex')
			.slice(0, 24);
		await say(wires, id, place, { reply: blindReply(one, deps.lang, over), lang: deps.lang, stage: 10 });
		if (deliversItself) await deliverHere(id, place);
	}

	async function deliverHere(id: string, place: Place): Promise<void> {
		const line = place.kind === 'channel' ? place.channel : place.user;
		const held = {
			id,
			data: { v: 1, id, line },
			addedAt: deps.now(),
			starts: 1,
			stalls: 0,
			keepOnly: async () => undefined,
		};
		for (let sends = 0; sends < MOST_SENDS; sends++) {
			const outcome = await deliver(held, wires);
			if (outcome === 'done') return;
			await new Promise((done) => setTimeout(done, Math.min(outcome.againInMs, 3000)));
		}
	}

	function gauges(before: readonly Open[], after: readonly Open[], now: number): void {
		const still = new Set(after.map(blindId));
		const set = ({ kind, subject }: Open, value: number): void =>
			deps.measure.gauge('blind', value, { what: kind, env: deps.environments.includes(subject) ? subject : '' });
		for (const one of before) if (!still.has(blindId(one))) set(one, 0);
		for (const one of after) set(one, 1);
		void Promise.all(
			deps.environments.map(async (env) => {
				const okAt = Number((await watching.fields(env)).get('okAt') ?? NaN);
				if (!Number.isNaN(okAt)) deps.measure.gauge('watch_lag', (now - okAt) / 1000, { env });
			}),
		).catch((error: unknown) => log.warn({ error: String(error) }, 'lag of the watch not measured'));
	}

	const timer = setInterval(() => {
		// Redis that is away holds a look up; the next ones wait for it.
		if (checking) return;
		checking = true;
		check()
			.catch((error: unknown) => log.warn({ error: String(error) }, 'the bot could not look at itself'))
			.finally(() => (checking = false));
	}, everyMs);
	return {
		check,
		problems: () => known.map(blindLine),
		stop: () => clearInterval(timer),
	};
}

const isOpen = (open: readonly Open[], kind: Blind['kind'], subject: string): boolean =>
	open.some((one) => one.kind === kind && one.subject === subject);

/** Undefined: nobody was named. */
function adminPlace({ deps }: Wires): Place | undefined {
	const channel = deps.alerts.adminChannel ?? deps.alerts.channel;
	if (channel === undefined) return undefined;
	return /^[UW]/.test(channel) ? { kind: 'direct', user: channel } : { kind: 'channel', channel };
}
