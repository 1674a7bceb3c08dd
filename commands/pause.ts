import { defineCommand } from './define.ts';
import { pausing } from './_parts/pausing.ts';

export default defineCommand(
	pausing({
		verb: 'pause',
		icon: '⏸️',
		summary: {
			en: 'Pause a DAG: no new run starts. It asks first.',
			ja: 'DAG を一時停止します。確認してから実行します。',
		},
		example: { en: 'no run starts from now on', ja: '新しい実行を開始しない' },
		ask: { en: ['Pause ', '?'], ja: ['', ' を一時停止しますか？'] },
		already: { en: ['', ' is paused already'], ja: ['', ' はすでに一時停止中です'] },
		done: { en: [' paused ', ''], ja: [' さんが ', ' を一時停止しました'] },
		meaning: {
			en: 'No new run starts, by schedule or by hand; runs that are under way go on.',
			ja: 'スケジュール・手動とも新しい実行は開始されません。進行中の実行は継続します。',
		},
		button: { en: 'Pause it', ja: '一時停止' },
	}),
);
