import { mayDo, type Access } from '../src/access/roles.ts';
import type { Asker, Typed } from '../src/domain/asking.ts';
import { near } from '../src/domain/near.ts';
import type { Line, Part, Reply } from '../src/domain/reply.ts';
import type { Lang } from '../src/domain/text.ts';
import type { Prepared, Verb } from './define.ts';
import { commands } from './index.ts';
import type { Refused } from './_parts/note-refusal.ts';
import { refusal } from './_parts/refusal.ts';
import { asTrouble, quoted, toReply } from './_parts/trouble.ts';
import { plainWords, takeEnv } from './_parts/words.ts';

/** What the Slack process does with a command before the ack. */
export type Routed =
	/** Goes back in the ack, and that is the end: help, usage, a refusal (`refused`: of what). */
	| { kind: 'answer'; reply: Reply; refused?: Refused | undefined }
	/** A verb without its words where a form can be opened. */
	| { kind: 'form'; verb: string; env: string | undefined }
	/** To be queued. `first`: what the ack says meanwhile; without parts, nothing. `posts`: it answers in the channel. */
	| { kind: 'accept'; verb: string; posts: boolean; first: Reply };

/**
 * Finds the verb, parses the words and checks the role as far as both are known without asking anybody. Synchronous, no I/O;
 * `access` is what the settings say (`Deps` is one). `execute` checks everything again.
 */
export function route(typed: Typed, asker: Asker, access: Access): Routed {
	try {
		return routed(typed, asker, access);
	} catch (error) {
		return { kind: 'answer', reply: toReply(asTrouble(error), asker.lang, typed.key.slice(0, 8)) };
	}
}

function routed(typed: Typed, asker: Asker, access: Access): Routed {
	const read = readVerb(typed);
	if (read.kind === 'unknown') return { kind: 'answer', reply: unknownVerb(read.said, typed, asker, access) };
	const { verb, words, env } = read;

	const place = { channel: typed.channel, env: env ?? onlyOne(access.environments) };
	if (!mayDo(access, asker, place, verb.role) && verb.name !== 'help')
		return {
			kind: 'answer',
			reply: refusal({ verb, asker, access, ...place }),
			refused: { verb, words, env: place.env },
		};

	if (words === '' && verb.form && canOpenForm(typed)) return { kind: 'form', verb: verb.name, env };

	let prepared: Prepared;
	try {
		prepared = verb.prepare(words);
	} catch (error) {
		return { kind: 'answer', reply: wrongWords(verb, error, asker.lang) };
	}
	if (prepared.dag !== undefined && !mayDo(access, asker, { ...place, dag: prepared.dag }, verb.role))
		return {
			kind: 'answer',
			reply: refusal({ verb, asker, access, ...place, dag: prepared.dag }),
			refused: { verb, words, env: place.env },
		};
	if (prepared.atOnce)
		return {
			kind: 'answer',
			reply: prepared.atOnce({ asker, channel: typed.channel, access, verbs: commands }),
		};
	return { kind: 'accept', verb: verb.name, posts: verb.posts === true, first: { parts: [], to: 'asker' } };
}

export type ReadVerb =
	{ kind: 'verb'; verb: Verb; words: string; env: string | undefined } | { kind: 'unknown'; said: string };

/** The verb and the words after it, `--env` taken out. Nothing typed is `help`. */
export function readVerb(typed: Pick<Typed, 'words' | 'via'>): ReadVerb {
	const plain = plainWords(typed);
	const [, said = '', rest = ''] = /^(\S*)\s*([^]*)$/u.exec(plain) ?? [];
	// Phones write the first letter large.
	const name = said.toLowerCase() || 'help';
	const [, second = '', after = ''] = /^(\S*)\s*([^]*)$/u.exec(rest) ?? [];
	const below = commands.find(({ under, name: own }) => under === name && own === second.toLowerCase());
	if (below) return { kind: 'verb', verb: below, ...takeEnv(after) };
	const verb = commands.find((command) => command.name === name);
	if (!verb) return { kind: 'unknown', said };
	return { kind: 'verb', verb, ...takeEnv(rest) };
}

/** A modal needs a trigger id, which a mention does not bring. */
const canOpenForm = ({ via }: Typed): boolean => via === 'command' || via === 'click' || via === 'shortcut';

const onlyOne = (names: readonly string[]): string | undefined => (names.length === 1 ? names[0] : undefined);

/** What was wrong, and how it is written. */
export function wrongWords(verb: Verb, error: unknown, lang: Lang): Reply {
	const told = toReply(asTrouble(error), lang);
	const [example] = verb.examples;
	const usage: Line = [lang === 'ja' ? '書き方: ' : 'Usage: ', { code: `/dag ${`${verb.name} ${verb.usage}`.trim()}` }];
	const parts: Part[] = [...told.parts, { kind: 'text', line: usage }];
	if (example)
		parts.push({ kind: 'text', line: [lang === 'ja' ? '例: ' : 'Example: ', { code: `/dag ${example.words}` }] });
	return { parts, to: 'asker' };
}

function unknownVerb(said: string, typed: Typed, asker: Asker, access: Access): Reply {
	const allowed = commands.filter(
		(verb) => verb.name === 'help' || mayDo(access, asker, { channel: typed.channel }, verb.role),
	);
	const meant = near(
		said,
		allowed.map(({ name }) => name),
		2,
	);
	const ja = asker.lang === 'ja';
	const shown = quoted(said);
	const parts: Part[] = [
		{
			kind: 'title',
			icon: '🤔',
			line: ja
				? ['「', { code: shown }, '」というコマンドはありません。']
				: ['There is no command ', { code: shown }, '.'],
		},
	];
	if (meant.length > 0)
		parts.push({
			kind: 'text',
			line: [
				ja ? 'もしかして: ' : 'Did you mean ',
				...meant.flatMap((name, i): Line => [...(i > 0 ? [ja ? '、' : ' or '] : []), { code: `/dag ${name}` }]),
				ja ? '' : '?',
			],
		});
	parts.push({
		kind: 'text',
		line: ja
			? ['使えるコマンドは ', { code: '/dag help' }, ' で確認できます。']
			: [{ code: '/dag help' }, ' shows what you can do here.'],
	});
	return { parts, to: 'asker' };
}
