import type { Part } from '../src/domain/reply.ts';
import { clip, clipHead, visible } from '../src/domain/text.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { dagWord } from './_parts/ids.ts';
import { findTry, type Asked } from './_parts/find-try.ts';
import { tryMissing } from './_parts/try-missing.ts';
import { whichTry, wordsOfTry } from './_parts/try-words.ts';
import { unknownDag } from './_parts/unknown-dag.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

type Args = { asked: Asked };

/** What is read of the log's end. */
const BYTES = 256 * 1024;

export default defineCommand<Args>({
	name: 'logs',
	summary: { en: "The end of a task's log.", ja: 'タスクログの末尾を表示します。' },
	group: 'look',
	usage: '<dag> [task] [run] [try]',
	examples: [
		{ words: 'logs daily_sales load', means: { en: 'its newest try', ja: '最新の試行' } },
		{ words: 'logs daily_sales load latest 1', means: { en: 'the first try', ja: '1 回目の試行' } },
	],
	role: 'viewer',
	parse(words) {
		const [first, ...more] = takeOptions(splitWords(words), {}).rest;
		return { asked: { dag: dagWord(first), ...whichTry(more) } };
	},
	dagOf: ({ asked }) => asked.dag,
	run: logs,
});

async function logs({ asked }: Args, context: CommandContext): Promise<CommandResult> {
	const { deps, env, asker } = context;
	const { lang } = asker;
	const ja = lang === 'ja';
	const airflow = deps.airflow(env);
	const found = await findTry(asked, airflow, 'any');
	if (found.kind === 'no run' && !(await airflow.dag(asked.dag))) throw await unknownDag(asked.dag, context);
	if (found.kind !== 'try') throw tryMissing(found, asked);
	const { task, tryNumber, run } = found;
	const { dag, task: id, mapIndex } = task;
	const text = await airflow.log({ dag, run: task.run, task: id, mapIndex, tryNumber }, BYTES);
	// The thread unwraps whichever generation's form, and lets nothing out unmasked.
	const { tail } = await deps.readLog(new TextEncoder().encode(text ?? ''), { lang });
	const lines = tail.filter((line) => line.trim() !== '');
	const mapped = mapIndex >= 0 ? ` [${mapIndex}]` : '';
	const name = { code: clipHead(visible(id), 80) + mapped };
	const inDag = { code: clipHead(visible(dag), 80) };
	const parts: Part[] = [
		{
			kind: 'title',
			icon: '📜',
			line: ja
				? [inDag, ' の ', name, ` のログ（${tryNumber} 回目、${task.state}）`]
				: ['Log of ', name, ' of ', inDag, ` (try ${tryNumber}, ${task.state})`],
		},
		{ kind: 'text', line: [{ code: clipHead(visible(run.run), 100) }] },
	];
	if (lines.length === 0)
		parts.push({ kind: 'text', line: [ja ? 'この試行のログはありません。' : 'There is no log of this try.'] });
	else parts.push({ kind: 'code', text: lines.map((line) => clip(line, 400)).join('\n') });
	const envWords = deps.environments.length > 1 ? ` --env ${env}` : '';
	parts.push({
		kind: 'buttons',
		buttons: [
			{
				label: ja ? '原因を診断' : 'Diagnose',
				verb: 'diagnose',
				words: wordsOfTry({ ...task, tryNumber }) + envWords,
			},
			{ label: ja ? 'Airflow で開く' : 'Open in Airflow', url: airflow.runUrl(dag, task.run) },
		],
	});
	return { reply: { parts, to: 'asker' } };
}
