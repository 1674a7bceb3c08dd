import type { DagRun, RunState } from '../../src/domain/airflow.ts';
import type { Line } from '../../src/domain/reply.ts';
import type { Lang } from '../../src/domain/text.ts';

// Airflow's own colours; queued is grey there.
const SQUARE: Readonly<Record<RunState, string>> = { success: '🟩', failed: '🟥', running: '🟦', queued: '⬜' };

/** The last runs as a strip of squares, oldest first, so that the newest stands at the end. `runs`: newest first. */
export function strip(runs: readonly DagRun[], lang: Lang): Line {
	const shown = runs.slice(0, 25);
	const failed = shown.filter(({ state }) => state === 'failed').length;
	const squares = shown
		.map(({ state }) => SQUARE[state])
		.reverse()
		.join('');
	const count =
		lang === 'ja'
			? `直近 ${shown.length} 回${failed > 0 ? `（失敗 ${failed} 回）` : ''}`
			: `last ${shown.length} runs${failed > 0 ? `, ${failed} failed` : ''}`;
	return [squares, `  ${count}`];
}
