import { readVerb } from '../commands/route.ts';
import { asTrouble, toReply } from '../commands/_parts/trouble.ts';
import type { Trouble } from '../src/domain/errors.ts';
import type { Held, Outcome } from '../src/clients/queue.ts';
import type { Place } from '../src/clients/store.ts';
import type { Asker, Deps, Typed } from '../src/deps.ts';
import type { Reply } from '../src/domain/reply.ts';
import type { Lang, Text } from '../src/domain/text.ts';
import { cardsDue } from './alerts/due.ts';
import { carriedOut, commandJob } from './jobs.ts';
import { say } from './wires.ts';
import type { Wires } from './wires.ts';

/** A job that was in the hands of so many workers when they died is set aside, and that is said. */
const MOST_STALLS = 8;
/** Who asks is read again when the command is carried out. */
const FRESH_MS = 10_000;
/** After this long without Airflow the asker hears that it is still being tried. */
const PATIENCE_MS = 8000;
/** A bug of ours is tried so often: it may have been a passing one, and everything here can be done again. */
const MOST_BUGS = 3;
const PARKED_MS = 30_000;

/** One command, exactly once in effect: everything it does is keyed by the job, so doing it again changes nothing. */
export async function command(held: Held, wires: Wires): Promise<Outcome> {
	const { deps, work } = wires;
	const job = commandJob.safeParse(held.data);
	if (!job.success) {
		deps.log.warn({ job: held.id }, 'command of another version parked');
		return { againInMs: PARKED_MS };
	}
	if ('done' in job.data) return 'done';
	const { typed, responseUrl } = job.data;
	const asked = placeOfAsker(typed, responseUrl);
	const answer = (id: string, reply: Reply, lang: Lang, stage = 10): Promise<void> =>
		say(wires, id, asked, { reply, lang, stage, responseUrl });
	const end = async (): Promise<Outcome> => {
		await held.keepOnly(carriedOut);
		return 'done';
	};

	if (await work.wasRefused(held.id)) {
		// The person was told that it was not accepted.
		deps.log.info({ job: held.id }, 'refused command dropped');
		return end();
	}
	if (held.stalls >= MOST_STALLS) {
		await deps.store.quarantine(held.id, `command of ${typed.user}, ${held.stalls} workers died`);
		deps.log.error({ job: held.id, stalls: held.stalls }, 'command set aside');
		await answer(typed.key, setAside(deps.lang, typed), deps.lang);
		return end();
	}

	const tryAgain = async (trouble: Trouble, lang: Lang): Promise<Outcome> => {
		const age = deps.now() - typed.at;
		if (age > PATIENCE_MS) await answer(`${typed.key}-wait`, stillTrying(lang, trouble), lang);
		deps.log.warn({ job: held.id, label: trouble.label, age }, 'command tried again');
		return { againInMs: trouble.retryAfterMs ?? backoff(age) };
	};
	const worthRetrying = (trouble: Trouble): boolean =>
		(trouble.kind === 'upstream' && deps.now() - typed.at < deps.retryGiveUpMs) ||
		(trouble.kind === 'bug' && held.starts < MOST_BUGS);

	let asker: Asker;
	try {
		asker = await deps.asker(typed.user, FRESH_MS);
	} catch (error) {
		// Without knowing who asks nothing is carried out.
		const trouble = asTrouble(error);
		if (worthRetrying(trouble)) return tryAgain(trouble, deps.lang);
		await answer(typed.key, toReply(trouble, deps.lang, typed.key.slice(0, 8)), deps.lang);
		return end();
	}
	const { lang } = asker;
	const placeOf = ({ to }: Reply): Place => {
		if (to === 'asker') return asked;
		if (typed.direct) return { kind: 'direct', user: typed.user };
		return { kind: 'channel', channel: typed.channel, thread: typed.thread, user: typed.user };
	};
	const { reply, follow, trouble, card, apply } = await wires.execute(
		typed,
		asker,
		wires.broken === 'adopt' ? neverFinds(deps) : deps,
		(soFar) => say(wires, typed.key, placeOf(soFar), { reply: soFar, lang, stage: 5, responseUrl }),
	);
	if (trouble && worthRetrying(trouble)) return tryAgain(trouble, lang);
	if (trouble) deps.log.info({ job: held.id, label: trouble.label }, 'command ended in trouble');
	const read = readVerb(typed);
	deps.measure.count('commands', {
		verb: read.kind === 'verb' ? read.verb.name : 'unknown',
		outcome: trouble?.kind ?? 'done',
	});
	await say(wires, typed.key, placeOf(reply), { reply, lang, stage: 10, responseUrl });
	if (apply?.expiresInMs !== undefined)
		await work.add('chores', `expire-${apply.id}`, { v: 1, kind: 'expire', id: apply.id }, apply.expiresInMs);
	else if (apply) await work.add('chores', `apply-${apply.id}`, { v: 1, kind: 'apply', id: apply.id });
	if (card !== undefined) await cardsDue(wires, { id: card, rev: typed.key });
	if (follow)
		await work.add('follows', `f-${typed.key}`, {
			v: 1,
			id: typed.key,
			...follow,
			channel: typed.channel,
			user: typed.user,
			by: asker.name,
			lang,
			since: deps.now(),
		});
	return end();
}

function placeOfAsker(typed: Typed, responseUrl: string | undefined): Place {
	const { via, direct, user, channel, thread, newThread } = typed;
	if (via === 'home') return { kind: 'home', user };
	// A click in the App Home is in no channel where something could be whispered.
	if (direct && responseUrl === undefined) return { kind: 'direct', user };
	return { kind: 'asker', user, channel, thread: newThread ? undefined : thread };
}

/** For the chaos run: an Airflow that does not find the run which an earlier attempt started. */
function neverFinds(deps: Deps): Deps {
	return { ...deps, airflow: (env) => ({ ...deps.airflow(env), run: () => Promise.resolve(undefined) }) };
}

/** Half as long again as it has been tried: 0.5 s at first, at most 20 s; with jitter, so that a fleet does not knock in step. */
function backoff(ageMs: number): number {
	return Math.min(Math.max(ageMs / 2, 500), 20_000) * (0.75 + Math.random() / 2);
}

function stillTrying(lang: Lang, trouble: Trouble): Reply {
	const text: Text = {
		en: 'Your command is kept and tried again; nothing needs to be typed a second time.',
		ja: 'コマンドは保存されており、自動的に再試行します。もう一度入力する必要はありません。',
	};
	const message = lang === 'ja' ? (trouble.ja?.message ?? trouble.message) : trouble.message;
	return {
		to: 'asker',
		parts: [
			{ kind: 'title', icon: '⏳', line: [message] },
			{ kind: 'text', line: [text[lang]] },
		],
	};
}

function setAside(lang: Lang, typed: Typed): Reply {
	const text: Text = {
		en: 'Your command ended the worker again and again, so it was set aside. Whether it took effect is not known: please look in Airflow, and tell whoever runs the bot.',
		ja: 'コマンドの処理中にワーカーが繰り返し停止したため、処理を中止しました。実行されたかどうかは不明です。Airflow をご確認のうえ、ボットの運用担当者にお知らせください。',
	};
	return {
		to: 'asker',
		parts: [
			{ kind: 'title', icon: '🧯', line: [text[lang]] },
			{ kind: 'note', line: [`ref ${typed.key.slice(0, 8)}`] },
		],
	};
}
