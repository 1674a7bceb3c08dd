import type { Airflow, TaskInstance } from '../src/domain/airflow.ts';
import type { Part } from '../src/domain/reply.ts';
import { advise } from '../src/scaling/advise.ts';
import { milliseconds } from '../src/scaling/asked.ts';
import { RAN, toHistoryValue } from '../src/scaling/export.ts';
import { readHistory } from '../src/scaling/history.ts';
import { say } from '../src/scaling/words.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { noMore } from './ids.ts';
import { mistake } from './trouble.ts';
import { splitWords, takeOptions } from './words.ts';

type Args = { days: number; targetMs: number | undefined };

const DAYS = { usual: 7, most: 31 };
/** Two hundred calls to Airflow at most; a longer history is advised on from an export, by `npm run advise`. */
const MOST_TASKS = 20_000;
const DAY = 86_400_000;

export default defineCommand<Args>({
	name: 'scale',
	summary: {
		en: 'What size the environment should have, why, and what that costs.',
		ja: '環境の適切なサイズと、その理由・費用を提案します。',
	},
	group: 'look',
	usage: '[--days n] [--target 30s]',
	examples: [
		{ words: 'scale', means: { en: 'from the last 7 days', ja: '直近 7 日間から' } },
		{
			words: 'scale --days 14 --target 30s',
			means: { en: 'tasks should start within 30 s (p95)', ja: 'タスクの開始待ちを 30 秒以内（p95）にする場合' },
		},
	],
	role: 'viewer',
	parse(words) {
		const { rest, values } = takeOptions(splitWords(words), { values: ['days', 'target'] });
		noMore(rest);
		const days = Number(values.get('days') ?? DAYS.usual);
		if (!Number.isInteger(days) || days < 1 || days > DAYS.most)
			throw mistake('days not understood', {
				en: `--days is a whole number from 1 to ${DAYS.most}.`,
				ja: `--days は 1～${DAYS.most} の整数で指定してください。`,
			});
		const target = values.get('target');
		const targetMs = target === undefined ? undefined : milliseconds(target);
		if (target !== undefined && targetMs === undefined)
			throw mistake('target not understood', {
				en: '--target is a time such as 30s or 2m.',
				ja: '--target は 30s や 2m のような時間で指定してください。',
			});
		return { days, targetMs };
	},
	run: scale,
});

async function scale({ days, targetMs }: Args, { deps, env, asker, may }: CommandContext): Promise<CommandResult> {
	const airflow = deps.airflow(env);
	const to = deps.now();
	const [{ tasks, from, cut }, pools, home, { version }] = await Promise.all([
		lately(airflow, to, days),
		airflow.pools(),
		deps.composer(env)?.describe(),
		airflow.version(),
	]);
	const history = readHistory(
		toHistoryValue({
			environment: { airflowVersion: version, ...home?.environment },
			name: env,
			from,
			to,
			tasks,
			pools,
		}),
	);
	const advice = advise(history, targetMs === undefined ? {} : { target: { waitMs: targetMs } });
	const seen = { ...advice, findings: advice.findings.filter(({ dag }) => dag === undefined || may('viewer', dag)) };
	const reply = say(seen, history.environment, asker.lang);
	const note: Part = {
		kind: 'note',
		line: [
			asker.lang === 'ja'
				? `件数が多いため、直近の ${tasks.length.toLocaleString('en')} 件だけを読み取りました。`
				: `Only the last ${tasks.length.toLocaleString('en')} were read: there are more.`,
		],
	};
	return { reply: cut ? { ...reply, parts: [...reply.parts, note] } : reply };
}

/** Day by day backwards, so that what is left out at the limit is the oldest and whole days stay whole. */
async function lately(
	airflow: Airflow,
	to: number,
	days: number,
): Promise<{ tasks: TaskInstance[]; from: number; cut: boolean }> {
	const tasks: TaskInstance[] = [];
	for (let day = 1; day <= days; day++) {
		const room = MOST_TASKS - tasks.length;
		const found = await airflow.endedTaskInstances({
			states: RAN,
			since: new Date(to - day * DAY).toISOString(),
			// One a millisecond earlier, so that none is counted twice.
			until: new Date(to - (day - 1) * DAY - (day === 1 ? 0 : 1)).toISOString(),
			limit: room + 1,
		});
		if (found.length > room) {
			if (tasks.length > 0) return { tasks, from: to - (day - 1) * DAY, cut: true };
			// A part of a day would look like a lighter load than it is.
			throw mistake(
				'too many tasks for a command',
				{
					en: `More than ${MOST_TASKS.toLocaleString('en')} task instances ended in the last day: too many to read for a command.`,
					ja: `直近 1 日に完了したタスク インスタンスが ${MOST_TASKS.toLocaleString('en')} 件を超えており、コマンドでは読み取れません。`,
				},
				{
					en: 'Export the history and run `npm run advise` on it.',
					ja: '履歴をエクスポートして `npm run advise` を実行してください。',
				},
			);
		}
		tasks.push(...found);
	}
	return { tasks, from: to - days * DAY, cut: false };
}
