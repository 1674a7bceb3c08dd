import type { Content } from '../clients/store.ts';
import type { Lang, Text } from '../domain/text.ts';

/** What goes back in an ack: seen by the asker alone. */
export type AckBody = { response_type: 'ephemeral'; replace_original: false; text: string; blocks?: Content['blocks'] };

export const onlyYou = ({ text, blocks }: Content): AckBody => ({
	response_type: 'ephemeral',
	replace_original: false,
	text,
	...(blocks.length === 0 ? {} : { blocks }),
});

/** A fixed sentence of ours; nothing foreign is in it. */
export const plainly = (text: Text, lang: Lang): AckBody => onlyYou({ text: text[lang], blocks: [] });

export const NOT_ACCEPTED: Text = {
	en: '⚠️ Not accepted: the queue cannot be reached at the moment, so nothing was started. Please try again in a minute.',
	ja: '⚠️ 受け付けできませんでした。現在キューに接続できないため、何も実行されていません。しばらくしてからもう一度お試しください。',
};
export const NOT_SURE: Text = {
	en: '❓ Not sure yet: the queue did not answer in time, so your command may or may not have been accepted. I will find out and tell you here. Typing it again would be a second run.',
	ja: '❓ まだ分かりません。キューの応答が間に合わず、コマンドが受け付けられたか確認できていません。確認でき次第ここでお知らせします。もう一度入力すると、2 回目の実行になります。',
};
export const WAS_ACCEPTED: Text = {
	en: '✅ I found out: your command was accepted, and it is carried out once. Nothing needs to be typed again.',
	ja: '✅ 確認できました。コマンドは受け付けられており、1 回だけ実行されます。もう一度入力する必要はありません。',
};
export const WAS_NOT_ACCEPTED: Text = {
	en: '⚠️ I found out: your command was not accepted and nothing was started. Please type it again.',
	ja: '⚠️ 確認できました。コマンドは受け付けられておらず、何も実行されていません。もう一度入力してください。',
};
export const NOBODY_WORKS: Text = {
	en: '⏳ Accepted, but no worker is taking commands at the moment. It is kept and will be carried out once; nothing needs to be typed again.',
	ja: '⏳ 受け付けましたが、現在コマンドを処理するワーカーがいません。コマンドは保存されており、1 回だけ実行されます。もう一度入力する必要はありません。',
};
export const WENT_WRONG: Text = {
	en: '🐞 Something went wrong in the bot before your command was accepted. Nothing was started. Please tell whoever runs it.',
	ja: '🐞 コマンドを受け付ける前にボット内部で問題が発生しました。何も実行されていません。運用担当者にお知らせください。',
};
export const FORM_LATE: Text = {
	en: '⏳ Slack did not open the form in time. Please type the command again; nothing was started.',
	ja: '⏳ フォームを時間内に開けませんでした。もう一度コマンドを入力してください。何も実行されていません。',
};
