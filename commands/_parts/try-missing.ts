import type { Trouble } from '../../src/domain/errors.ts';
import { near } from '../../src/domain/near.ts';
import { clipHead, visible } from '../../src/domain/text.ts';
import type { Asked, Missing } from './find-try.ts';
import { mistake } from './trouble.ts';

const short = (text: string): string => clipHead(visible(text), 80);

/** There is no such run or task: what may have been meant. */
export function tryMissing(missing: Missing, { dag, run }: Asked): Trouble {
	const shown = short(dag);
	switch (missing.kind) {
		case 'no run':
			return mistake(
				'run unknown',
				run === undefined
					? { en: `${shown} has no such run yet.`, ja: `${shown} に該当する実行はまだありません。` }
					: { en: `${shown} has no run ${short(run)}.`, ja: `${shown} に実行 ${short(run)} はありません。` },
				{
					en: `\`/dag runs ${shown}\` shows the last ones.`,
					ja: `\`/dag runs ${shown}\` で直近の実行を確認できます。`,
				},
			);
		case 'no task': {
			const { task, tasks } = missing;
			const meant = near(task, tasks, 3);
			const list = (meant.length > 0 ? meant : tasks.slice(0, 8)).map((one) => `\`${short(one)}\``);
			const what = {
				en: `The run ${short(missing.run.run)} of ${shown} has no task ${short(task)}.`,
				ja: `${shown} の実行 ${short(missing.run.run)} にタスク ${short(task)} はありません。`,
			};
			if (list.length === 0) return mistake('task unknown', what);
			return mistake(
				'task unknown',
				what,
				meant.length > 0
					? { en: `Did you mean ${list.join(' or ')}?`, ja: `もしかして: ${list.join('、')}` }
					: { en: `There is ${list.join(', ')}.`, ja: `タスク: ${list.join('、')}` },
			);
		}
		default:
			return mistake('no task instance', {
				en: `The run ${short(missing.run.run)} of ${shown} has no task instance yet.`,
				ja: `${shown} の実行 ${short(missing.run.run)} には、まだタスクインスタンスがありません。`,
			});
	}
}
