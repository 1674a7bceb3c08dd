import { defineCommand } from './define.ts';
import { pausing } from './_parts/pausing.ts';

export default defineCommand(
	pausing({
		verb: 'unpause',
		icon: '▶️',
		summary: {
			en: 'Unpause a DAG: its schedule holds again. It asks first.',
			ja: 'DAG の一時停止を解除します。確認してから実行します。',
		},
		example: { en: 'its schedule holds again', ja: 'スケジュールを再開する' },
		ask: { en: ['Unpause ', '?'], ja: ['', ' の一時停止を解除しますか？'] },
		already: { en: ['', ' is not paused'], ja: ['', ' は一時停止されていません'] },
		done: { en: [' unpaused ', ''], ja: [' さんが ', ' の一時停止を解除しました'] },
		meaning: {
			en: 'Runs that wait start now; with catchup on, so do all the runs that were missed.',
			ja: '待機中の実行が開始されます。catchup が有効な場合、一時停止中に予定されていた実行もすべて開始されます。',
		},
		button: { en: 'Unpause it', ja: '解除' },
	}),
);
