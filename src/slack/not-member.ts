import { z } from 'zod';
import type { Typed } from '../deps.ts';
import type { Lang, Text } from '../domain/text.ts';
import type { Doors } from './doors.ts';
import type { AckBody } from './say-at-once.ts';
import { NOT_ACCEPTED, onlyYou, plainly } from './say-at-once.ts';

export const INVITE = 'cm_invite';
export const AGAIN = 'cm_again';
export const DIRECT = 'cm_direct';

/** Words that fit no button lie in Redis so long. */
const KEEP_MS = 3600_000;

const valueSchema = z.object({ key: z.string(), words: z.string().optional(), kept: z.string().optional() });

const NOT_IN: Text = {
	en: '👋 I am not in this conversation, so I could not show you how it goes. Nothing was started yet. Invite me, or carry on by direct message?',
	ja: '👋 この会話に参加していないため、結果をお見せできません。まだ何も実行していません。招待していただくか、ダイレクトメッセージで続けますか？',
};
const PRIVATE: Text = {
	en: '🔒 I cannot enter a private conversation by myself. Type /invite and pick me, then press Try again. In somebody’s direct messages only “By direct message” works. Nothing was started yet.',
	ja: '🔒 非公開の会話には自分で参加できません。/invite で招待してから「もう一度」を押してください。個人間のダイレクトメッセージでは「ダイレクトメッセージで続ける」のみ利用できます。まだ何も実行していません。',
};
const LABELS: Readonly<Record<string, Text>> = {
	[INVITE]: { en: 'Invite me', ja: '招待する' },
	[AGAIN]: { en: 'Try again', ja: 'もう一度' },
	[DIRECT]: { en: 'By direct message', ja: 'ダイレクトメッセージで続ける' },
};

/** Said before anything is queued. The buttons carry the command's own key: pressed twice, it is still one command. */
export async function notMember(
	{ deps }: Pick<Doors, 'deps'>,
	typed: Typed,
	lang: Lang,
	after: 'typed' | 'could not join' = 'typed',
): Promise<AckBody> {
	let value = JSON.stringify({ key: typed.key, words: typed.words });
	if (value.length > 1900) {
		const kept = await Promise.race([
			deps.store.keepWords(typed.words, KEEP_MS).catch(() => undefined),
			new Promise<undefined>((done) => setTimeout(() => done(undefined), 500)),
		]);
		if (kept === undefined) return plainly(NOT_ACCEPTED, lang);
		value = JSON.stringify({ key: typed.key, kept });
	}
	const text = (after === 'typed' ? NOT_IN : PRIVATE)[lang];
	const button = (action: string): Record<string, unknown> => ({
		type: 'button',
		action_id: action,
		text: { type: 'plain_text', text: LABELS[action]?.[lang] ?? action },
		value,
	});
	return onlyYou({
		text,
		blocks: [
			{ type: 'section', text: { type: 'plain_text', text } },
			{ type: 'actions', elements: [button(after === 'typed' ? INVITE : AGAIN), button(DIRECT)] },
		],
	});
}

/** The words and the key of the command a button of ours stands for; undefined when they are no longer kept. */
export async function readButton(
	{ deps }: Pick<Doors, 'deps'>,
	value: string,
): Promise<{ key: string; words: string } | undefined> {
	const { key, words, kept } = valueSchema.parse(JSON.parse(value));
	const found = words ?? (kept === undefined ? undefined : await deps.store.words(kept));
	return found === undefined ? undefined : { key, words: found };
}
