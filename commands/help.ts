import { mayDo } from '../src/access/roles.ts';
import { near } from '../src/domain/near.ts';
import type { Line, Part, Reply } from '../src/domain/reply.ts';
import { quoted } from './_parts/trouble.ts';
import { defineCommand, GROUPS, type AtOnce, type Verb } from './define.ts';
import { noMore } from './_parts/ids.ts';
import { refusal } from './_parts/refusal.ts';
import { splitWords } from './_parts/words.ts';

type Args = { topic: string | undefined };

export default defineCommand<Args>({
	name: 'help',
	summary: { en: 'What you may run here, with examples.', ja: 'ここで使えるコマンドを例とともに表示します。' },
	group: 'bot',
	usage: '[verb]',
	examples: [
		{ words: 'help', means: { en: 'everything you may run here', ja: '使えるコマンドの一覧' } },
		{ words: 'help trigger', means: { en: 'one command in full', ja: 'コマンドの詳しい説明' } },
	],
	role: 'viewer',
	anywhere: true,
	parse(words) {
		const [topic, ...rest] = splitWords(words);
		noMore(rest);
		return { topic: topic?.text.toLowerCase() };
	},
	atOnce: ({ topic }, known) => (topic === undefined ? overview(known) : oneVerb(topic, known)),
	run: async () => ({ reply: { parts: [], to: 'asker' } }),
});

const usageOf = ({ name, usage }: Verb): string => `/dag ${name} ${usage}`.trim();

/** Read sooner than a grammar; `/dag help <verb>` has that. */
const firstExample = (verb: Verb): string => {
	const [example] = verb.examples;
	return example ? `/dag ${example.words}` : usageOf(verb);
};

/** What most people come for stands first in its group. */
const OFTEN = ['trigger', 'status', 'diagnose', 'logs', 'rerun', 'mute', 'doctor'];
const rank = ({ name }: Verb): number => (OFTEN.includes(name) ? OFTEN.indexOf(name) : OFTEN.length);

const allowed = ({ verbs, access, asker, channel }: AtOnce) =>
	verbs.filter(({ role }) => mayDo(access, asker, { channel }, role));

function overview(known: AtOnce): Reply {
	const { asker, verbs, access, channel } = known;
	const ja = asker.lang === 'ja';
	const mine = allowed(known);
	const help = verbs.find(({ name }) => name === 'help');
	if (mine.length === 0 && help) return refusal({ verb: help, asker, access, channel });
	const parts: Part[] = [{ kind: 'title', icon: '🎻', line: [ja ? 'ここで使えるコマンド' : 'What you may run here'] }];
	for (const [group, heading] of Object.entries(GROUPS)) {
		const verbsOfGroup = mine.filter((verb) => verb.group === group).toSorted((a, b) => rank(a) - rank(b));
		if (verbsOfGroup.length === 0) continue;
		parts.push(
			{ kind: 'text', line: [{ bold: heading[asker.lang] }] },
			{
				kind: 'list',
				items: verbsOfGroup.map((verb): Line => [{ code: firstExample(verb) }, `  ${verb.summary[asker.lang]}`]),
			},
		);
	}
	parts.push({
		kind: 'note',
		line: [
			ja ? '書き方の詳細: /dag help コマンド名' : 'How each is written in full: /dag help and its name.',
			access.environments.length > 1
				? ja
					? '。--env 名前 はどのコマンドにも付けられます。'
					: ' --env NAME goes with any command.'
				: '',
		],
	});
	return { parts, to: 'asker' };
}

function oneVerb(topic: string, known: AtOnce): Reply {
	const { asker, verbs, access, channel } = known;
	const ja = asker.lang === 'ja';
	const verb = verbs.find(({ name }) => name === topic);
	const mine = allowed(known);
	if (!verb) {
		const meant = near(
			topic,
			mine.map(({ name }) => name),
			2,
		);
		const shown = quoted(topic);
		return {
			parts: [
				{
					kind: 'title',
					icon: '🤔',
					line: ja
						? [{ code: shown }, ' というコマンドはありません。']
						: ['There is no command ', { code: shown }, '.'],
				},
				{
					kind: 'text',
					line: ja
						? ['もしかして: ', { code: `/dag help${meant[0] === undefined ? '' : ` ${meant[0]}`}` }]
						: ['Try ', { code: `/dag help${meant[0] === undefined ? '' : ` ${meant[0]}`}` }, '.'],
				},
			],
			to: 'asker',
		};
	}
	if (!mine.includes(verb)) return refusal({ verb, asker, access, channel });
	return {
		parts: [
			{ kind: 'title', icon: '🎻', line: [{ code: usageOf(verb) }] },
			{ kind: 'text', line: [verb.summary[asker.lang]] },
			{
				kind: 'list',
				items: verb.examples.map(({ words, means }): Line => [{ code: `/dag ${words}` }, `  ${means[asker.lang]}`]),
			},
		],
		to: 'asker',
	};
}
