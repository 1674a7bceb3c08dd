import type { Part } from '../../src/domain/reply.ts';
import { clip, clipHead, visible, type Text } from '../../src/domain/text.ts';
import { askFirst, changeOnce, planWord } from './change-once.ts';
import type { Command, CommandContext, CommandResult } from '../define.ts';
import { dagWord, noMore } from './ids.ts';
import { unknownDag } from './unknown-dag.ts';
import { needDag } from './which-run.ts';
import { quoteWord, splitWords, takeOptions } from './words.ts';

type Args = { dag: string; plan: string | undefined };

type Words = {
	verb: 'pause' | 'unpause';
	icon: string;
	summary: Text;
	example: Text;
	/** With the DAG between the two halves. */
	ask: { en: [string, string]; ja: [string, string] };
	already: { en: [string, string]; ja: [string, string] };
	/** After the name of whoever did it, with the DAG between. */
	done: { en: [string, string]; ja: [string, string] };
	meaning: Text;
	button: Text;
};

/** `pause` and `unpause`: the same question, the same once, the other way round. */
export function pausing(words: Words): Command<Args> {
	const { verb, summary, example } = words;
	return {
		name: verb,
		summary,
		group: 'run',
		usage: '<dag>',
		examples: [{ words: `${verb} daily_sales`, means: example }],
		role: 'operator',
		posts: true,
		changes: true,
		parse(typed) {
			const { rest, values } = takeOptions(splitWords(typed), { values: ['plan'] });
			const [first, ...more] = rest;
			noMore(more);
			return { dag: dagWord(first), plan: planWord(values.get('plan')) };
		},
		dagOf: ({ dag }) => dag,
		run: (args, context) =>
			args.plan === undefined ? ask(args.dag, words, context) : change(args.dag, args.plan, words, context),
	};
}

const pausedBy = ({ verb }: Words): boolean => verb === 'pause';

async function ask(dag: string, words: Words, context: CommandContext): Promise<CommandResult> {
	const { env, asker } = context;
	const { lang } = asker;
	const found = await needDag(dag, context);
	if (found?.paused === pausedBy(words)) return already(dag, words, context);
	const plan = await askFirst({ verb: words.verb, dag }, context);
	const [before, after] = words.ask[lang];
	return {
		reply: {
			parts: [
				{ kind: 'title', icon: words.icon, line: [before, short(dag), after] },
				...where(context),
				{ kind: 'note', line: [words.meaning[lang]] },
				{
					kind: 'buttons',
					buttons: [
						{
							label: words.button[lang],
							verb: words.verb,
							words: `${quoteWord(dag)} --plan ${plan} --env ${quoteWord(env)}`,
							style: 'primary',
							confirm: {
								title: lang === 'ja' ? '実行しますか？' : 'Are you sure?',
								text: `${before}${clipHead(visible(dag), 200)}${after}`,
								yes: words.button[lang],
								no: lang === 'ja' ? 'キャンセル' : 'Cancel',
							},
						},
						open(dag, context),
					],
				},
			],
			to: 'asker',
		},
	};
}

async function change(dag: string, plan: string, words: Words, context: CommandContext): Promise<CommandResult> {
	const { deps, env, typed, asker } = context;
	const { lang } = asker;
	const airflow = deps.airflow(env);
	const paused = pausedBy(words);
	const changed = await changeOnce(
		plan,
		{ verb: words.verb, dag },
		{
			isSo: async () => (await needDag(dag, context))?.paused === paused,
			async make() {
				if (!(await airflow.setPaused(dag, paused))) throw await unknownDag(dag, context);
			},
		},
		context,
	);
	if (changed !== 'done') return already(dag, words, context);
	deps.log.info({ env, dag, paused, user: typed.user }, 'dag paused or unpaused');
	const [before, after] = words.done[lang];
	return {
		reply: {
			parts: [
				{
					kind: 'title',
					icon: words.icon,
					line: [{ bold: clip(visible(asker.name), 80) }, before, short(dag), after],
				},
				...where(context),
				{ kind: 'buttons', buttons: [open(dag, context)] },
			],
			to: 'channel',
		},
		act: { dag, result: 'done' },
	};
}

function already(dag: string, { icon, already: says }: Words, context: CommandContext): CommandResult {
	const [before, after] = says[context.asker.lang];
	return {
		reply: {
			parts: [
				{ kind: 'title', icon, line: [before, short(dag), after] },
				{ kind: 'buttons', buttons: [open(dag, context)] },
			],
			to: 'asker',
		},
	};
}

const short = (id: string): { code: string } => ({ code: clipHead(visible(id), 100) });

function open(dag: string, { deps, env, asker }: CommandContext): { label: string; url: string } {
	return { label: asker.lang === 'ja' ? 'Airflow で開く' : 'Open in Airflow', url: deps.airflow(env).dagUrl(dag) };
}

function where({ deps, env, asker }: CommandContext): Part[] {
	if (deps.environments.length < 2) return [];
	return [{ kind: 'text', line: [asker.lang === 'ja' ? '環境: ' : 'in ', { bold: env }] }];
}
