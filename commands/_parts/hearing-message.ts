import type { Manner } from '../../src/alerts/routes.ts';
import type { Watch } from '../../src/alerts/routes.ts';
import type { Line, Part } from '../../src/domain/reply.ts';
import { clip, visible, type Lang } from '../../src/domain/text.ts';
import { subjectSpan } from './subject-word.ts';

const WEEKDAY_NAMES: Readonly<Record<string, { en: string; ja: string }>> = {
	sun: { en: 'Sundays', ja: '毎週日曜' },
	mon: { en: 'Mondays', ja: '毎週月曜' },
	tue: { en: 'Tuesdays', ja: '毎週火曜' },
	wed: { en: 'Wednesdays', ja: '毎週水曜' },
	thu: { en: 'Thursdays', ja: '毎週木曜' },
	fri: { en: 'Fridays', ja: '毎週金曜' },
	sat: { en: 'Saturdays', ja: '毎週土曜' },
};

/** How a channel hears, as a line of small print for each thing. */
export function mannerPart({ tries, thread, recovery, quiet, digest }: Manner, ownZone: string, lang: Lang): Part {
	const ja = lang === 'ja';
	const zone = (named: string | undefined): string => named ?? ownZone;
	const day = digest?.every === 'week' ? WEEKDAY_NAMES[digest.weekday]?.[lang] : ja ? '毎日' : 'daily';
	const items: Line[] = ja
		? [
				[
					tries === 'all'
						? '通知: 失敗した試行すべて'
						: '通知: 再試行が残っていない失敗のみ（途中の試行はカードに集計）',
				],
				[`詳細: ${thread ? 'カードのスレッドに投稿' : 'スレッドなし'}`],
				[
					`復旧: ${recovery ? `カードの更新に加えて${thread ? 'スレッド' : 'メッセージ'}でも通知` : 'カードの更新のみ'}`,
				],
				[
					quiet
						? `通知停止時間: ${quiet.from}–${quiet.to}（${zone(quiet.timeZone)}、重大なものを除く）`
						: '通知停止時間: なし',
				],
				[digest ? `ダイジェスト: ${day} ${digest.at}（${zone(digest.timeZone)}）` : 'ダイジェスト: なし'],
			]
		: [
				[
					tries === 'all'
						? 'Tells: every failed try'
						: 'Tells: when no try is left; earlier ones are counted in the card',
				],
				[`Detail: ${thread ? "in the card's thread" : 'no thread'}`],
				[`Recovery: the card turns green${recovery ? `, and ${thread ? 'the thread' : 'a message'} says so` : ''}`],
				[
					quiet
						? `Quiet: ${quiet.from}–${quiet.to} (${zone(quiet.timeZone)}), but for what is critical`
						: 'Quiet hours: none',
				],
				[digest ? `Digest: ${day} at ${digest.at} (${zone(digest.timeZone)})` : 'Digest: none'],
			];
	return { kind: 'list', items };
}

/** `sales_*` in prod, by Aiko. */
export function watchLine({ subject, env, by, within }: Watch, several: boolean, lang: Lang): Line {
	const ja = lang === 'ja';
	return [
		subjectSpan(subject),
		...(several ? [ja ? ' · 環境: ' : ' in ', { bold: clip(visible(env), 40) }] : []),
		ja ? ' · 設定: ' : ' · by ',
		clip(visible(by.name), 60),
		...(within ? [ja ? '（閲覧できる DAG のみ）' : ', what they may see of it'] : []),
	];
}
