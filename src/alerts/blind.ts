import type { Line, Part, Reply } from '../domain/reply.ts';
import { clip, visible } from '../domain/text.ts';
import type { Lang, Text } from '../domain/text.ts';

/** What the bot cannot see or do just now, and should. */
export type BlindKind =
	/** An Airflow that does not answer. */
	| 'polling'
	/** One that refuses the bot: token, role. */
	| 'refused'
	/** Nobody looks: no worker, or none that gets round to it. */
	| 'silent'
	| 'clock'
	| 'memory'
	| 'eviction'
	| 'channel'
	| 'push'
	/** A bot token that Slack refuses. */
	| 'slack';

export type Blind = {
	kind: BlindKind;
	/** Which one of its kind: an environment, a channel, a host. Foreign text. */
	subject: string;
	/** What was found, already in words; foreign text. */
	found: Text;
	/** What mends it. */
	mend?: Text | undefined;
};

export const blindId = ({ kind, subject }: Pick<Blind, 'kind' | 'subject'>): string => `${kind} ${subject}`;

const TITLES: Readonly<Record<BlindKind, { begun: Text; over: Text }>> = {
	polling: {
		begun: { en: 'I cannot see failures in', ja: '失敗を検知できません:' },
		over: { en: 'I can see failures again in', ja: '失敗を再び検知できます:' },
	},
	refused: {
		begun: { en: 'Airflow refuses me in', ja: 'Airflow に接続を拒否されています:' },
		over: { en: 'Airflow lets me in again in', ja: 'Airflow に再び接続できます:' },
	},
	silent: {
		begun: { en: 'Nobody has looked for two minutes at', ja: '2 分以上監視が行われていません:' },
		over: { en: 'Somebody looks again at', ja: '監視が再開されました:' },
	},
	clock: {
		begun: { en: 'A clock is wrong:', ja: '時計がずれています:' },
		over: { en: 'The clock is right again:', ja: '時計のずれが解消しました:' },
	},
	memory: {
		begun: { en: 'Redis is filling up:', ja: 'Redis の空きメモリが残りわずかです:' },
		over: { en: 'Redis has room again:', ja: 'Redis の空きメモリが回復しました:' },
	},
	eviction: {
		begun: { en: 'Redis may throw accepted work away:', ja: 'Redis が受け付けた処理を破棄する可能性があります:' },
		over: { en: 'Redis keeps everything again:', ja: 'Redis の設定が正常に戻りました:' },
	},
	channel: {
		begun: { en: 'I cannot write to a channel:', ja: 'チャンネルに投稿できません:' },
		over: { en: 'I can write to the channel again:', ja: 'チャンネルに再び投稿できます:' },
	},
	slack: {
		begun: { en: 'Slack refuses me:', ja: 'Slack に接続を拒否されています:' },
		over: { en: 'Slack lets me in again:', ja: 'Slack に再び接続できました:' },
	},
	push: {
		begun: { en: 'Pushed failures are not believed:', ja: 'プッシュ通知を検証できません:' },
		over: { en: 'Pushed failures are believed again:', ja: 'プッシュ通知を再び検証できました:' },
	},
};

const NOTE: Text = {
	en: 'What happens meanwhile is caught up afterwards. This is said once, and again when it is over.',
	ja: 'この間の失敗は復旧後にまとめて通知します。このお知らせは発生時と解消時に 1 回ずつお送りします。',
};

/** The message for the admin channel. */
export function blindReply(blind: Blind, lang: Lang, over: boolean): Reply {
	const { kind, found, mend } = blind;
	const title = TITLES[kind][over ? 'over' : 'begun'][lang];
	const line: Line = [title, ' ', { bold: clip(visible(blind.subject), 80) }];
	const parts: Part[] = [{ kind: 'title', icon: over ? '✅' : '🙈', line }];
	if (!over) {
		parts.push({ kind: 'text', line: [clip(visible(found[lang]), 600)] });
		if (mend) parts.push({ kind: 'text', line: [clip(visible(mend[lang]), 600)] });
		if (kind === 'polling' || kind === 'refused' || kind === 'silent') parts.push({ kind: 'note', line: [NOTE[lang]] });
	}
	return { to: 'channel', parts };
}

/** For `/readyz` and logs: one line, nothing secret. */
export function blindLine({ kind, subject, found }: Blind): string {
	return `${kind} ${clip(visible(subject), 80)}: ${clip(visible(found.en), 200)}`;
}
