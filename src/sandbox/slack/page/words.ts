import type { Lang, Text } from '../../../domain/text.ts';

/** What the page itself says, around the messages. */
const WORDS = {
	onlyYou: { en: 'Only visible to you', ja: 'あなただけに表示されています' },
	edited: { en: '(edited)', ja: '(編集済み)' },
	app: { en: 'APP', ja: 'アプリ' },
	channels: { en: 'Channels', ja: 'チャンネル' },
	apps: { en: 'Apps', ja: 'アプリ' },
	actAs: { en: 'Act as', ja: '操作する人' },
	messages: { en: 'Messages', ja: 'メッセージ' },
	home: { en: 'Home', ja: 'ホーム' },
	thread: { en: 'Thread', ja: 'スレッド' },
	close: { en: 'Close', ja: '閉じる' },
	back: { en: 'Back', ja: '戻る' },
	cancel: { en: 'Cancel', ja: 'キャンセル' },
	reply: { en: 'Reply in thread', ja: 'スレッドで返信する' },
	more: { en: 'More actions', ja: 'その他' },
	replyHere: { en: 'Reply…', ja: '返信する…' },
	messageTo: { en: 'Message', ja: 'メッセージを送信:' },
	send: { en: 'Send', ja: '送信' },
	tryThis: { en: 'Try', ja: '試す' },
	optional: { en: '(optional)', ja: '(任意)' },
	choose: { en: 'Choose an option', ja: '選択してください' },
	search: { en: 'Type to search', ja: '入力して検索' },
	noMatches: { en: 'No matches', ja: '一致するものがありません' },
	empty: { en: 'Nothing has been said here yet.', ja: 'まだメッセージはありません。' },
	emptyHome: { en: 'The app has not published a Home tab yet.', ja: 'ホームタブはまだ公開されていません。' },
	today: { en: 'Today', ja: '今日' },
	yesterday: { en: 'Yesterday', ja: '昨日' },
	members: { en: 'members', ja: '人のメンバー' },
	botAway: { en: 'The app is not in this channel.', ja: 'アプリはこのチャンネルに参加していません。' },
	addBot: { en: 'Add it', ja: '追加する' },
	notThere: { en: 'You are not in this channel.', ja: 'このチャンネルに参加していません。' },
	appAway: {
		en: 'The app is not connected. What you type will fail until it is back.',
		ja: 'アプリが接続されていません。復帰するまでコマンドは失敗します。',
	},
	archived: { en: 'This channel is archived.', ja: 'このチャンネルはアーカイブされています。' },
	actionFailed: {
		en: 'The app did not answer this click. Try again.',
		ja: 'アプリがこの操作に応答しませんでした。もう一度お試しください。',
	},
	notInThreads: {
		en: 'Slash commands cannot be typed in threads. Mention the app instead.',
		ja: 'スラッシュコマンドはスレッドでは使えません。代わりにアプリをメンションしてください。',
	},
	imageElsewhere: { en: 'image not loaded here', ja: 'この画像はここでは読み込みません' },
	sandbox: {
		en: 'Sandbox: everything here runs on this machine',
		ja: 'サンドボックス: すべてこのマシンで動いています',
	},
	theme: { en: 'Light or dark', ja: 'ライト/ダーク' },
	pageOf: { en: 'Rows', ja: '行' },
	before: { en: 'Before', ja: '編集前' },
} as const satisfies Record<string, Text>;

export type Word = keyof typeof WORDS;

export function word(key: Word, lang: Lang): string {
	return WORDS[key][lang];
}

export function replies(count: number, lang: Lang): string {
	if (lang === 'ja') return `${count}件の返信`;
	return count === 1 ? '1 reply' : `${count} replies`;
}
