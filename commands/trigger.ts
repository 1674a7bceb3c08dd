import { readConf, type TypedConf } from './conf.ts';
import { readDate } from './dates.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { dagWord } from './ids.ts';
import { runMessage } from './run-message.ts';
import { startOnce } from './start-once.ts';
import { splitWords, takeOptions } from './words.ts';

type Args = { dag: string; conf: TypedConf; date: string | undefined; note: string | undefined };

export default defineCommand<Args>({
	name: 'trigger',
	summary: { en: 'Start a DAG run now.', ja: 'DAG を今すぐ実行します。' },
	usage: '<dag> [{json} or key=value …] [--date D] [--note "…"]',
	examples: [
		{ words: 'trigger daily_sales', means: { en: 'start it', ja: '実行する' } },
		{
			words: 'trigger daily_sales region=eu limit=10 --note "after the fix"',
			means: { en: 'with conf and a note', ja: 'conf とメモを付けて実行する' },
		},
		{
			words: 'trigger daily_sales {"full": true} --date 2026-11-20',
			means: { en: 'with JSON, for a logical date (UTC)', ja: 'JSON と論理日時 (UTC) を指定して実行する' },
		},
		{ words: 'trigger', means: { en: 'a form asks for everything', ja: 'フォームで入力する' } },
	],
	role: 'operator',
	posts: true,
	form: true,
	parse(words) {
		const { rest, values } = takeOptions(splitWords(words), { values: ['date', 'note'] });
		const [first, ...others] = rest;
		const date = values.get('date');
		return {
			dag: dagWord(first),
			conf: readConf(others),
			date: date === undefined ? undefined : readDate(date),
			note: values.get('note'),
		};
	},
	dagOf: ({ dag }) => dag,
	run: trigger,
});

async function trigger(args: Args, { deps, env, typed, asker }: CommandContext): Promise<CommandResult> {
	const { dag, date, note } = args;
	const airflow = deps.airflow(env);
	const conf = { ...args.conf.json, ...Object.fromEntries(args.conf.pairs.map(({ key, text }) => [key, text])) };
	const run = await startOnce(airflow, { dag, key: typed.key, conf, logicalDate: date, asker: asker.name, note });
	const reply = runMessage({
		run,
		tasks: [],
		usual: undefined,
		asker: asker.name,
		env: deps.environments.length > 1 ? env : undefined,
		url: airflow.runUrl(dag, run.run),
		now: deps.now(),
		lang: asker.lang,
	});
	return { reply, follow: { env, dag, run: run.run } };
}
