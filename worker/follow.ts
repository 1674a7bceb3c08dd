import type { Held, Outcome } from '../src/clients/queue.ts';
import type { Place } from '../src/clients/store.ts';
import { Trouble } from '../src/domain/errors.ts';
import { followJob } from './jobs.ts';
import type { FollowJob } from './jobs.ts';
import { runNews } from './run-news.ts';
import type { RunNews } from './run-news.ts';
import { LAST, say } from './wires.ts';
import type { Wires } from './wires.ts';

/** Over all workers, one environment's Airflow is asked for followed runs at most ten times a second. */
const POLL_SPACING_MS = 100;
/** Airflow must say so three times in a row: a web server that starts answers 404 as well. */
const MOST_MISSES = 3;
/** A run that waits longer than this is said to be running when it starts to. */
const WORTH_SAYING_MS = 10_000;

/** Asks how a run stands until it ends, less and less often, and keeps its message up to date. */
export async function follow(held: Held, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const parsed = followJob.safeParse(held.data);
	if (!parsed.success) {
		deps.log.warn({ job: held.id }, 'follow of another version parked');
		return { againInMs: 30_000 };
	}
	const job = parsed.data;
	const age = deps.now() - job.since;
	// With many runs to follow each tries again at its own pace: what Airflow and Redis bear stays the same.
	if (!(await deps.store.take(`poll:${job.env}`, POLL_SPACING_MS)))
		return { againInMs: (nextPoll(age) / 4) * (0.75 + Math.random() / 2) };

	try {
		const run = await deps.airflow(job.env).run(job.dag, job.run);
		if (run === undefined) {
			if (job.misses + 1 >= MOST_MISSES) return await tell(job, { kind: 'deleted' }, LAST, wires);
			await held.keepOnly({ ...job, misses: job.misses + 1 });
			return { againInMs: Math.max(2000, nextPoll(age)) };
		}
		if (job.misses > 0) await held.keepOnly({ ...job, misses: 0 });
		if (run.state === 'success' || run.state === 'failed') return await tell(job, { kind: 'run', run }, LAST, wires);
		if (age > deps.followGiveUpMs) return await tell(job, { kind: 'given up' }, LAST, wires);
		if (run.state === 'running' && age > WORTH_SAYING_MS) await tell(job, { kind: 'run', run }, 20, wires);
		return { againInMs: nextPoll(age) };
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		deps.log.warn({ job: held.id, env: job.env, label: error.label }, 'followed run could not be read');
		if (age > deps.followGiveUpMs) return tell(job, { kind: 'given up' }, LAST, wires);
		return { againInMs: error.retryAfterMs ?? Math.min(2 * nextPoll(age), 60_000) };
	}
}

/** Every second at first, then a tenth of the run's age, at most once a minute. */
function nextPoll(ageMs: number): number {
	return Math.min(Math.max(1000, ageMs / 10), 60_000);
}

async function tell(job: FollowJob, news: RunNews, stage: number, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const reply = await runNews(job, news, deps);
	const place: Place = { kind: 'channel', channel: job.channel, user: job.user };
	// Whoever removed the message does not want it back in the channel; the asker still learns how it ended.
	if (stage === LAST && (await deps.store.isGone(job.id)))
		await say(wires, `${job.id}-end`, { kind: 'direct', user: job.user }, { reply, lang: job.lang, stage });
	else await say(wires, job.id, place, { reply, lang: job.lang, stage });
	return 'done';
}
