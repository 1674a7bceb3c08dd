import type { Mute } from '../../src/alerts/mutes.ts';
import { subjectText } from '../../src/alerts/subject.ts';
import type { Button, Line, Span } from '../../src/domain/reply.ts';
import { clip, visible, type Lang } from '../../src/domain/text.ts';
import { subjectSpan } from './subject-word.ts';
import { quoteWord } from './words.ts';

/** The ticket as a link when it is an address; it came from a person, never out of a log. */
export function ticketSpan(ticket: string): Span {
	const label = clip(visible(ticket), 100);
	return /^https?:\/\//i.test(ticket) ? { link: ticket, label } : { code: label };
}

/** Until when, and for what. */
export function untilLine({ until, ticket }: Pick<Mute, 'until' | 'ticket'>, lang: Lang): Line {
	const time = { time: new Date(until).toISOString() };
	if (ticket === undefined) return lang === 'ja' ? [time, ' まで'] : ['until ', time];
	return lang === 'ja'
		? [ticketSpan(ticket), ' が完了するまで（最長 ', time, '）']
		: ['until ', ticketSpan(ticket), ' is done, ', time, ' at the latest'];
}

export function muteLine(mute: Mute, several: boolean, lang: Lang): Line {
	const ja = lang === 'ja';
	return [
		subjectSpan(mute.subject),
		...(several ? [ja ? ' · 環境: ' : ' in ', { bold: clip(visible(mute.env), 40) }] : []),
		' · ',
		...untilLine(mute, lang),
		ja ? ' · 設定: ' : ' · by ',
		clip(visible(mute.by.name), 60),
	];
}

/** What ends it: for a ticket that it is done. */
export function endButton({ subject, env, ticket }: Mute, lang: Lang, named = false): Button {
	const shown = clip(visible(subjectText(subject)), 40);
	const done = ticket !== undefined;
	const label = {
		en: done ? 'Ticket is done' : 'Unmute',
		ja: done ? 'チケット完了' : 'ミュート解除',
	}[lang];
	return {
		label: named ? `${label}: ${shown}` : label,
		verb: 'unmute',
		words: `${quoteWord(subjectText(subject))} --env ${quoteWord(env)}`,
	};
}

/** Another while for a mute that waits for a ticket. */
export function longerButton({ subject, env, ticket = '' }: Mute, days: number, lang: Lang): Button {
	return {
		label: lang === 'ja' ? `あと ${days} 日続ける` : `${days} more ${days === 1 ? 'day' : 'days'}`,
		verb: 'mute',
		words: `${quoteWord(subjectText(subject))} until ${quoteWord(ticket)} --env ${quoteWord(env)}`,
	};
}
