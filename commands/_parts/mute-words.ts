import { mask } from '../../src/domain/mask.ts';
import { mistake, quoted } from './trouble.ts';
import type { Word } from './words.ts';

/** How long: for so many milliseconds, or until a ticket is done. */
export type HowLong = { ms: number } | { ticket: string };

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3600_000, d: 24 * 3600_000, w: 7 * 24 * 3600_000 };

/** `for 2h`, `for 1d 12h`, `until https://…`, `until OPS-123`. Trouble `user`. */
export function howLong(words: readonly Word[]): HowLong {
	const [how, ...rest] = words;
	switch (how?.text.toLowerCase()) {
		case 'for':
			return { ms: durationOf(rest.map(({ text }) => text).join('')) };
		case 'until': {
			const [ticket, extra] = rest;
			if (!ticket || extra)
				throw mistake('mute without ticket', {
					en: 'Until which ticket? Its address or number is one word.',
					ja: 'チケットの URL または番号を 1 語で指定してください。',
				});
			return { ticket: ticketOf(ticket.text) };
		}
		default:
			throw mistake(
				'mute without end',
				{ en: 'A mute needs an end.', ja: 'ミュートには終わりが必要です。' },
				{
					en: 'Write `for 2h`, or `until` and the address of a ticket.',
					ja: '`for 2h` のように期間を、または `until` に続けてチケットの URL を指定してください。',
				},
			);
	}
}

function durationOf(text: string): number {
	const pieces = [
		...text
			.toLowerCase()
			.matchAll(/(\d{1,5})(?:(m)(?:in(?:ute)?s?)?|(h)(?:(?:ou)?rs?)?|(d)(?:ays?)?|(w)(?:eeks?)?)(?![a-z])/g),
	];
	const ms = pieces.reduce(
		(sum, [, count, m, h, d, w]) => sum + Number(count) * (UNITS[m ?? h ?? d ?? w ?? ''] ?? 0),
		0,
	);
	if (pieces.length > 0 && ms > 0 && pieces.map(([whole]) => whole).join('') === text.toLowerCase()) return ms;
	throw mistake(
		'duration malformed',
		{ en: `“${quoted(text)}” is not a span of time.`, ja: `「${quoted(text)}」は期間として読めません。` },
		{ en: 'For example `for 30m`, `for 2h`, `for 1d12h`.', ja: '例: `for 30m`、`for 2h`、`for 1d12h`' },
	);
}

/** Kept as it was typed and never fetched. What looks like a secret in it would stay in the channel, so it is not taken. */
function ticketOf(text: string): string {
	const address = /^https?:/i.test(text) ? URL.parse(text) : undefined;
	if ([...text].length > 500 || address === null)
		throw mistake('ticket malformed', {
			en: 'That is no address of a ticket.',
			ja: 'チケットの URL として読めません。',
		});
	if (mask(text) !== text || address?.username || address?.password)
		throw mistake('ticket with secret', {
			en: 'The address holds what looks like a secret; give it without.',
			ja: 'URL に秘密情報らしき文字列が含まれています。それを除いて指定してください。',
		});
	return text;
}
