import type { Asker, Deps, Typed } from '../../src/deps.ts';
import type { Verb } from '../define.ts';

/** What somebody's role does not allow: a verb with these words. */
export type Refused = { verb: Verb; words: string; env?: string | undefined };

/** For the audit: refusals that are alike are one entry a day, so that nobody can fill it. One that cannot be kept is logged alone. */
export async function noteRefusal(
	{ verb, words, env }: Refused,
	{ user, channel, at }: Typed,
	asker: Asker,
	{ audit, log }: Pick<Deps, 'audit' | 'log'>,
): Promise<void> {
	const why = asker.outsider ? 'guest or other workspace' : `takes the role ${verb.role}`;
	const refused = { at, user, name: asker.name, channel, verb: verb.name, env, dag: dagIn(verb, words), why };
	try {
		if ((await audit.refused(refused)) === 1) log.info({ ...refused, result: 'refused' }, 'audit');
	} catch (error) {
		log.error({ user, error: error instanceof Error ? error.message : String(error) }, 'audit entry not kept');
	}
}

/** Undefined: none is named, or the words are wrong. */
function dagIn(verb: Verb, words: string): string | undefined {
	try {
		return verb.prepare(words).dag;
	} catch {
		return undefined;
	}
}
