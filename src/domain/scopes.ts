import type { Text } from './text.ts';

/** Scopes of the Slack app. The manifest, the table in docs/install.md and the doctor follow this list. */
export type Scope = {
	/** One of them is as good as another only for its own kind of conversation: all are asked for. */
	names: readonly string[];
	feature: Text;
	without: Text;
	/** Without it nothing works. */
	must?: true;
};

export const SCOPES: readonly Scope[] = [
	{
		names: ['commands'],
		feature: { en: '`/dag`', ja: '`/dag` コマンド' },
		without: { en: 'nothing works', ja: '何も動作しません' },
		must: true,
	},
	{
		names: ['chat:write'],
		feature: { en: 'the message of a run, cards, answers', ja: '実行メッセージ・カード・回答の投稿' },
		without: { en: 'nothing works', ja: '何も動作しません' },
		must: true,
	},
	{
		names: ['users:read'],
		feature: {
			en: "the person's name in the run's note, language, time zone; guests and strangers are told apart",
			ja: '実行メモの氏名、言語、タイムゾーン、ゲストや外部の方の判別',
		},
		without: { en: 'nothing is carried out: who asks is not known', ja: '依頼者が分からないため、何も実行しません' },
		must: true,
	},
	{
		names: ['app_mentions:read'],
		feature: {
			en: 'mention the bot in a thread, where slash commands cannot be typed',
			ja: 'スラッシュコマンドを使えないスレッドでのメンション',
		},
		without: { en: 'a mention is not answered', ja: 'メンションに応答しません' },
	},
	{
		names: ['usergroups:read'],
		feature: { en: 'roles by user group', ja: 'ユーザーグループによるロール' },
		without: { en: 'grants that name a group do not hold', ja: 'グループを指定したロールは適用されません' },
	},
	{
		names: ['channels:read', 'groups:read'],
		feature: {
			en: 'to see before a command is accepted whether the bot is in the channel',
			ja: 'コマンドの受付前に、ボットがチャンネルに参加しているかを確認',
		},
		without: { en: 'found out only when posting fails', ja: '投稿に失敗して初めて分かります' },
	},
	{
		names: ['channels:join'],
		feature: { en: 'the _Invite me_ button in public channels', ja: 'パブリックチャンネルの「招待」ボタン' },
		without: { en: 'somebody types `/invite`', ja: '`/invite` の入力が必要です' },
	},
	{
		names: ['im:write'],
		feature: {
			en: 'carrying on by direct message where the bot is not in the channel',
			ja: 'ボットがチャンネルにいない場合のダイレクトメッセージでの続行',
		},
		without: { en: 'the choice is not offered', ja: '選択肢が表示されません' },
	},
	{
		names: ['channels:history', 'groups:history', 'im:history'],
		feature: {
			en: "when Slack's answer to a post is lost: look before posting again; what a thread is about",
			ja: '投稿の応答が失われた際の再投稿前の確認、スレッドの話題の参照',
		},
		without: {
			en: 'at most one double message per lost answer, counted in `/dag doctor`; a mention in a thread must name the DAG',
			ja: '応答の喪失ごとに最大 1 件の重複投稿（`/dag doctor` で件数を表示）。スレッドでのメンションには DAG 名が必要です',
		},
	},
	{
		names: ['files:write'],
		feature: {
			en: 'the charts of `/dag scale` as pictures, where Slack does not take its own chart block',
			ja: 'Slack のグラフブロックを使えない環境での `/dag scale` のグラフ画像',
		},
		without: { en: 'the chart is told in words there', ja: 'その場合、グラフは文章で表示されます' },
	},
];
