import { hashOf } from '../src/alerts/ids.ts';
import { subjectText } from '../src/alerts/subject.ts';
import { defineCommand } from './define.ts';
import { ending } from './_parts/ending.ts';

// Whoever may watch anything here may also make the channel quieter: no role for the DAG is asked for.
export default defineCommand(
	ending({
		name: 'unwatch',
		summary: { en: 'Have failures no longer told in this channel.', ja: 'このチャンネルへの失敗の通知をやめます。' },
		usage: '<dag | tag:x | owner:y | cause:z>',
		examples: [{ words: 'unwatch daily_sales', means: { en: 'that DAG no longer', ja: 'この DAG の通知をやめる' } }],
		missing: {
			en: 'What shall it no longer hear of? `/dag watches` lists it.',
			ja: '対象を指定してください。一覧は `/dag watches` で確認できます。',
		},
		icon: '🔕',
		ended: (subject, who, ja) =>
			ja
				? [who, ' さんが ', subject, ' の失敗通知を解除しました']
				: [who, ': this channel no longer hears of ', subject],
		none: (subject, ja) =>
			ja ? ['このチャンネルに ', subject, ' の通知設定はありません'] : ['This channel does not watch ', subject],
		list: { en: 'What it watches: /dag watches', ja: '一覧: /dag watches' },
		end: (subject, { deps, env, typed }) =>
			deps.watches.unwatch(hashOf(12, 'watch', env, typed.channel, subjectText(subject)), typed.key),
	}),
);
