import type { AuditEntry } from '../src/access/audit.ts';
import { mayDo } from '../src/access/roles.ts';
import type { Asker, Deps, Typed } from '../src/deps.ts';
import type { Act, CommandContext, CommandResult, Prepared, Verb } from './define.ts';
import { environmentInForce } from './_parts/environment.ts';
import { commands } from './index.ts';
import { noteRefusal } from './_parts/note-refusal.ts';
import { refusal } from './_parts/refusal.ts';
import { readVerb, wrongWords } from './route.ts';
import { asTrouble, mistake, quoted, toReply } from './_parts/trouble.ts';

/**
 * Carries a command out, in the worker: reads the words again, finds the environment, checks the role once more with all that
 * is known now, runs the verb. Never throws: what went wrong is in `trouble`, and `reply` says it in the asker's language.
 */
export async function execute(
	typed: Typed,
	asker: Asker,
	deps: Deps,
	progress: CommandContext['progress'] = nobodyListens,
): Promise<CommandResult> {
	try {
		return await carryOut(typed, asker, deps, progress);
	} catch (error) {
		const trouble = asTrouble(error);
		const ref = typed.key.slice(0, 8);
		if (trouble.kind === 'bug')
			deps.log.error({ ref, label: trouble.label, err: trouble.cause ?? trouble }, 'command failed by a bug');
		return { reply: toReply(trouble, asker.lang, ref), trouble };
	}
}

const nobodyListens = (): Promise<void> => Promise.resolve();

async function carryOut(
	typed: Typed,
	asker: Asker,
	deps: Deps,
	progress: CommandContext['progress'],
): Promise<CommandResult> {
	const read = readVerb(typed);
	// Reached only when the worker is older than the Slack process that took the command in.
	if (read.kind === 'unknown')
		throw mistake('verb unknown', {
			en: `There is no command “${quoted(read.said)}”.`,
			ja: `「${quoted(read.said)}」というコマンドはありません。`,
		});
	const { verb, words } = read;
	const { channel } = typed;
	const refused = async (env: string | undefined, dag?: string): Promise<CommandResult> => {
		await noteRefusal({ verb, words, env }, typed, asker, deps);
		return { reply: refusal({ verb, asker, access: deps, channel, env, dag }) };
	};
	if (verb.name !== 'help' && !mayDo(deps, asker, { channel, env: read.env }, verb.role)) return refused(read.env);
	let prepared: Prepared;
	try {
		prepared = verb.prepare(words);
	} catch (error) {
		return { reply: wrongWords(verb, error, asker.lang), trouble: asTrouble(error) };
	}
	const needed = !verb.anywhere || read.env !== undefined;
	const env = needed ? await environmentInForce(read.env, typed, asker, deps) : (deps.environments[0] ?? '');
	const place = { channel, env: needed ? env : undefined };
	if (verb.name !== 'help' && !mayDo(deps, asker, { ...place, dag: prepared.dag }, verb.role))
		return refused(place.env, prepared.dag);

	if (prepared.atOnce) return { reply: prepared.atOnce({ asker, channel, access: deps, verbs: commands }) };
	const context: CommandContext = {
		deps,
		env,
		typed,
		asker,
		may: (role, dag) => mayDo(deps, asker, { channel, env, dag }, role),
		progress,
	};
	if (!verb.changes) return prepared.run(context);
	try {
		const result = await prepared.run(context);
		if (result.act) await note(verb, result.act, context);
		return result;
	} catch (error) {
		const { kind, outcome, label } = asTrouble(error);
		// Carried out again, the same key says later what became of it.
		const result = kind === 'denied' ? 'refused' : outcome === 'unknown' ? 'unknown' : undefined;
		if (result) await note(verb, { dag: prepared.dag, result, why: label }, context);
		throw error;
	}
}

/** What was done is done: an audit that cannot be written is logged, and the log line is there in any case. */
async function note(verb: Verb, act: Act, { deps, env, typed, asker }: CommandContext): Promise<void> {
	const { key, at, user, channel } = typed;
	const entry: AuditEntry = { key, at, user, name: asker.name, channel, verb: verb.name, env, ...act };
	deps.log.info({ ...entry }, 'audit');
	try {
		await deps.audit.note(entry);
	} catch (error) {
		deps.log.error({ key, error: error instanceof Error ? error.message : String(error) }, 'audit entry not kept');
	}
}
