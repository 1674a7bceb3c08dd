import { boundWhat, WHOLE } from '../commands/_parts/ask-to-apply.ts';
import { mayDo } from '../src/access/roles.ts';
import type { Composer, ComposerOperation } from '../src/clients/composer.ts';
import type { Outcome } from '../src/clients/queue.ts';
import { Trouble } from '../src/domain/errors.ts';
import { quote } from '../src/domain/quote.ts';
import type { Text } from '../src/domain/text.ts';
import { applyReply } from '../src/scaling/apply-words.ts';
import { valuesOf, type Applying, type Ended } from '../src/scaling/applying.ts';
import { environmentOf } from '../src/scaling/environment.ts';
import type { Head } from '../src/scaling/history.ts';
import { GRADE_AFTER_MS } from '../src/scaling/settle.ts';
import { LAST, say } from './wires.ts';
import type { Wires } from './wires.ts';

/** An update takes minutes: how often it is looked at. */
const LOOK_MS = 10_000;
/** How long after a call of unknown outcome its operation must have appeared. */
const APPEARS_MS = 120_000;
/** Google asks us to wait; a change that could not begin within that time is given up. */
const BEGIN_WITHIN_MS = 15 * 60_000;
const FRESH_MS = 10_000;
/** Between the stored intent and the call; a process that was stopped in between has lost its turn. */
const CALL_WITHIN_MS = 2000;

/** Nobody decided in time. */
export async function expire(id: string, wires: Wires): Promise<Outcome> {
	const applying = await wires.deps.applies.get(id);
	if (!applying || applying.decided || applying.ended) return 'done';
	const left = applying.until - wires.deps.now();
	if (left > 0) return { againInMs: left };
	return end(applying, { how: 'expired' }, wires);
}

/**
 * Carries out a change that was approved, one update after the other. Each is one PATCH, made once: that it is about to be made is stored
 * first, and from then on only what Google says of its operations decides. Called again and again until it has ended.
 */
export async function apply(id: string, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const applying = await deps.applies.get(id);
	if (!applying?.decided) return 'done';
	if (applying.ended) {
		await tidy(applying, wires);
		return 'done';
	}
	if (!applying.decided.approved) return end(applying, { how: 'rejected' }, wires);
	const composer = deps.composer(applying.proposal.env);
	if (!composer) return end(applying, { how: 'refused', why: NO_COMPOSER }, wires);
	try {
		return await goOn(applying, composer, wires);
	} catch (error) {
		if (!(error instanceof Trouble) || error.kind === 'bug') throw error;
		deps.log.warn({ apply: id, label: error.label }, 'change of an environment waits');
		// Nothing was begun and it will not get better by itself.
		if (error.kind !== 'upstream' && applying.steps.length === 0)
			return end(applying, { how: 'refused', why: said(error) }, wires);
		if (applying.steps.length === 0 && deps.now() - applying.decided.at > BEGIN_WITHIN_MS)
			return end(applying, { how: 'failed', why: said(error) }, wires);
		return { againInMs: error.retryAfterMs ?? LOOK_MS };
	}
}

async function goOn(applying: Applying, composer: Composer, wires: Wires): Promise<Outcome> {
	const { steps, proposal } = applying;
	const last = steps.at(-1);
	if (last?.state === 'intended') return findOut(applying, last, composer, wires);
	if (last?.state === 'running') return follow(applying, last.operation, composer, wires);
	if (steps.length === proposal.updates.length) return end(applying, { how: 'done' }, wires);
	return begin(applying, composer, wires);
}

/** The next update, if it may be made and everything stands as it was approved. */
async function begin(applying: Applying, composer: Composer, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const { id, proposal, steps } = applying;
	const done = steps.length;
	if (done === 0) {
		const why = await mayStillNot(applying, wires);
		if (why) return end(applying, { how: 'refused', why }, wires);
		if (!(await deps.applies.lock(proposal.env, id))) return end(applying, { how: 'refused', why: ANOTHER }, wires);
	}
	const [{ state, environment }, operations] = await Promise.all([
		composer.describe({ anew: true }),
		composer.operations(20),
	]);
	const home = environmentOf(environment, proposal.env);
	if (state !== 'RUNNING' || operations.some(isUnderWay))
		return end(applying, { how: done === 0 ? 'refused' : 'failed', why: BUSY }, wires);
	const now = valuesOf(home, proposal.updates);
	const asApproved = proposal.updates.every(
		({ kind }, i) => now[kind] === (i < done ? proposal.after : proposal.before)[kind],
	);
	if (!asApproved) return end(applying, { how: done === 0 ? 'refused' : 'failed', why: CHANGED }, wires);

	const update = proposal.updates[done];
	if (!update) return 'done';
	const intended = await deps.applies.change(id, (fresh) =>
		fresh.ended || fresh.steps.length !== done
			? undefined
			: {
					...fresh,
					steps: [...fresh.steps, { state: 'intended', at: deps.now(), known: operations.map(({ name }) => name) }],
				},
	);
	// Another worker was faster: it goes on from what is stored.
	if (!intended?.changed) return { againInMs: 1000 };
	const before = performance.now();
	await tell(intended.value, home, wires);
	try {
		if (performance.now() - before > CALL_WITHIN_MS) return await notBegun(intended.value, undefined, wires);
		const operation = await composer.patch(update);
		await deps.applies.change(id, (fresh) => withLast(fresh, { state: 'running', at: deps.now(), operation }));
		deps.log.info({ apply: id, env: proposal.env, update: update.kind, operation }, 'update of an environment began');
		return { againInMs: 1000 };
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		// It may have begun: what became of it is found out, it is not called again.
		if (error.outcome === 'unknown') return { againInMs: 1000 };
		return notBegun(intended.value, error, wires);
	}
}

/** Google said no, or we never asked: the intent is taken back. */
async function notBegun(applying: Applying, trouble: Trouble | undefined, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const result = await deps.applies.change(applying.id, (fresh) => ({ ...fresh, steps: fresh.steps.slice(0, -1) }));
	if (trouble === undefined) return { againInMs: 1000 };
	const late = deps.now() - (applying.decided?.at ?? 0) > BEGIN_WITHIN_MS;
	if (trouble.status === 429 && !late) return { againInMs: trouble.retryAfterMs ?? LOOK_MS };
	return end(result?.value ?? applying, { how: 'failed', why: said(trouble) }, wires);
}

/** The call's answer was lost. Its operation, if there is one, is one that was not known before. */
async function findOut(
	applying: Applying,
	{ at, known }: { at: number; known: readonly string[] },
	composer: Composer,
	wires: Wires,
): Promise<Outcome> {
	const { deps } = wires;
	const fresh = (await composer.operations(20)).filter(({ name, type }) => type === 'UPDATE' && !known.includes(name));
	// The first one: Composer takes one update at a time.
	const operation = fresh.at(-1)?.name;
	if (operation !== undefined) {
		await deps.applies.change(applying.id, (now) => withLast(now, { state: 'running', at: deps.now(), operation }));
		return { againInMs: 1000 };
	}
	if (deps.now() - at < APPEARS_MS) return { againInMs: LOOK_MS };
	return end(applying, { how: 'failed', why: LOST }, wires);
}

async function follow(applying: Applying, name: string, composer: Composer, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const operation = await composer.operation(name);
	if (operation && isUnderWay(operation)) {
		const { environment } = await composer.describe();
		await tell(applying, environmentOf(environment, applying.proposal.env), wires);
		return { againInMs: LOOK_MS };
	}
	if (operation && (operation.state === 'FAILED' || operation.error !== undefined))
		return end(applying, { how: 'failed', why: operationSaid(operation) }, wires);
	const { environment } = await composer.describe({ anew: true });
	const { proposal, steps } = applying;
	const now = valuesOf(environmentOf(environment, proposal.env), proposal.updates);
	const kind = proposal.updates[steps.length - 1]?.kind ?? '';
	// Somebody else's update ran in its place.
	if (now[kind] !== proposal.after[kind]) return end(applying, { how: 'failed', why: NOT_OURS }, wires);
	await deps.applies.change(applying.id, (fresh) => withLast(fresh, { state: 'done', at: deps.now() }));
	return { againInMs: 100 };
}

const isUnderWay = ({ state }: ComposerOperation): boolean => state === 'PENDING' || state === 'RUNNING';

const withLast = (applying: Applying, step: Applying['steps'][number]): Applying => ({
	...applying,
	steps: [...applying.steps.slice(0, -1), step],
});

/** Both are asked again what they may, since it was minutes ago. Undefined: they may. */
async function mayStillNot({ by, decided, channel, proposal }: Applying, { deps }: Wires): Promise<Text | undefined> {
	if (!deps.scaling.apply) return SWITCHED_OFF;
	if (!decided || decided.user === by.user) return NOT_ADMIN;
	for (const user of [by.user, decided.user]) {
		const asker = await deps.asker(user, FRESH_MS);
		if (!mayDo(deps, asker, { channel, env: proposal.env, dag: WHOLE }, 'admin')) return NOT_ADMIN;
	}
	return undefined;
}

async function end(applying: Applying, ended: Pick<Ended, 'how' | 'why'>, wires: Wires): Promise<Outcome> {
	const { deps } = wires;
	const result = await deps.applies.change(applying.id, (fresh) =>
		fresh.ended ? undefined : { ...fresh, ended: { ...ended, at: deps.now() } },
	);
	if (result) await tidy(result.value, wires);
	return 'done';
}

/** Everything that follows from an end; doing it again changes nothing. */
async function tidy(applying: Applying, wires: Wires): Promise<void> {
	const { deps, work } = wires;
	const { id, proposal, ended, by, channel, decided } = applying;
	if (!ended) return;
	if (ended.how === 'done') {
		await deps.applies.remember(proposal.env, id, ended.at);
		if (proposal.reverts !== undefined)
			await deps.applies.change(proposal.reverts, (old) =>
				old.revertedBy === undefined ? { ...old, revertedBy: id } : undefined,
			);
		else await work.add('chores', `grade-${id}`, { v: 1, kind: 'grade', id }, GRADE_AFTER_MS);
	}
	await deps.applies.unlock(proposal.env, id);
	await tell(applying, await homeOf(applying, wires), wires);
	if (ended.how === 'rejected' || ended.how === 'expired') return;
	const result = ended.how === 'done' || ended.how === 'refused' || ended.how === 'unknown' ? ended.how : 'failed';
	deps.log.info({ apply: id, env: proposal.env, result }, 'change of an environment ended');
	await deps.audit.note({
		key: `apply-${id}`,
		at: ended.at,
		user: by.user,
		name: by.name,
		channel,
		verb: proposal.reverts === undefined ? 'apply' : 'revert',
		env: proposal.env,
		what: boundWhat(applying),
		result,
		...(decided && { why: `approved by ${decided.name}` }),
	});
}

/** Sizes that are not known any more cost the message its commands, not more. */
async function homeOf({ proposal }: Applying, { deps }: Wires): Promise<Head['environment']> {
	try {
		const found = await deps.composer(proposal.env)?.describe();
		if (found) return environmentOf(found.environment, proposal.env);
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
	}
	return environmentOf({}, proposal.env);
}

/** One message, edited: each state has a stage of its own, so that an older word never comes last. */
async function tell(applying: Applying, home: Head['environment'], wires: Wires): Promise<void> {
	const { message, channel, thread, by, lang, steps, ended } = applying;
	const last = steps.at(-1)?.state;
	const stage = ended ? LAST : 20 + 3 * steps.length + (last === 'running' ? 1 : last === 'done' ? 2 : 0);
	const place = { kind: 'channel' as const, channel, thread, user: by.user };
	await say(wires, message, place, { reply: applyReply(applying, home, lang), lang, stage });
}

function said({ message, hint, ja }: Trouble): Text {
	return {
		en: hint === undefined ? message : `${message} ${hint}`,
		ja: ja === undefined ? message : `${ja.message}${ja.hint ?? ''}`,
	};
}

function operationSaid({ error }: ComposerOperation): Text {
	const words = quote(error ?? '', 400);
	return { en: `Google says: ${words}`, ja: `Google の応答: ${words}` };
}

const NO_COMPOSER: Text = { en: 'It is no Composer environment any more.', ja: 'Composer 環境ではなくなっています。' };
const SWITCHED_OFF: Text = {
	en: 'Changing environments from Slack was switched off meanwhile.',
	ja: 'その間に Slack からの環境変更が無効化されました。',
};
const NOT_ADMIN: Text = {
	en: 'Whoever asked and whoever approved must be two admins of the environment, and just now they are not.',
	ja: '依頼者と承認者は、この環境の異なる 2 名の管理者である必要がありますが、現在その条件を満たしていません。',
};
const ANOTHER: Text = {
	en: 'Another change that was asked for here is under way in this environment.',
	ja: 'この環境では、ここから依頼された別の変更が進行中です。',
};
const BUSY: Text = {
	en: 'The environment is being changed by somebody else just now.',
	ja: '環境は現在、別の操作で変更中です。',
};
const CHANGED: Text = {
	en: 'The environment is no longer as it was when this change was asked for.',
	ja: '環境が、変更を依頼した時点の状態から変わっています。',
};
const LOST: Text = {
	en: "Google's answer was lost, and no update began. Nothing was called a second time.",
	ja: 'Google の応答が失われ、更新は開始されていませんでした。再実行はしていません。',
};
const NOT_OURS: Text = {
	en: 'An update ended, but the environment does not have the values of this change: somebody else’s update ran instead.',
	ja: '更新は終了しましたが、この変更の値になっていません。別の更新が実行されたと考えられます。',
};
