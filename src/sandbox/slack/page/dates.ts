import type { Lang } from '../../../domain/text.ts';
import { word } from './words.ts';

export type Reader = { lang: Lang; locale: string; tz: string; now: number };

/** Slack's date tokens, in the reader's zone and language: `{date_short_pretty} {time}` … */
export function slackDate(seconds: number, format: string, reader: Reader): string {
	const at = seconds * 1000;
	const show = (options: Intl.DateTimeFormatOptions): string =>
		new Intl.DateTimeFormat(reader.locale, { timeZone: reader.tz, ...options }).format(at);
	const day = (month: 'long' | 'short', weekday: boolean): string =>
		show({ year: 'numeric', month, day: 'numeric', ...(weekday ? { weekday: 'long' } : {}) });
	const pretty = (usual: string): string => dayName(at, reader) ?? usual;
	return format.replace(/\{(\w+)\}/g, (whole, token: string) => {
		switch (token) {
			case 'date':
				return day('long', false);
			case 'date_short':
				return day('short', false);
			case 'date_long':
				return day('long', true);
			case 'date_pretty':
				return pretty(day('long', false));
			case 'date_short_pretty':
				return pretty(day('short', false));
			case 'date_long_pretty':
				return pretty(day('long', true));
			case 'date_num':
				return show({ year: 'numeric', month: '2-digit', day: '2-digit' });
			case 'time':
				return clock(at, reader);
			case 'time_secs':
				return show({ hour: 'numeric', minute: '2-digit', second: '2-digit' });
			case 'ago':
				return ago(at, reader);
			default:
				return whole;
		}
	});
}

export function clock(at: number, reader: Reader): string {
	return new Intl.DateTimeFormat(reader.locale, { timeZone: reader.tz, hour: 'numeric', minute: '2-digit' }).format(at);
}

export function dayKey(at: number, reader: Reader): string {
	return new Intl.DateTimeFormat('en-CA', { timeZone: reader.tz, dateStyle: 'short' }).format(at);
}

export function dayTitle(at: number, reader: Reader): string {
	return (
		dayName(at, reader) ??
		new Intl.DateTimeFormat(reader.locale, {
			timeZone: reader.tz,
			weekday: 'long',
			month: 'long',
			day: 'numeric',
		}).format(at)
	);
}

function dayName(at: number, reader: Reader): string | undefined {
	if (dayKey(at, reader) === dayKey(reader.now, reader)) return word('today', reader.lang);
	if (dayKey(at, reader) === dayKey(reader.now - 86_400_000, reader)) return word('yesterday', reader.lang);
	return undefined;
}

function ago(at: number, reader: Reader): string {
	const format = new Intl.RelativeTimeFormat(reader.locale, { numeric: 'auto' });
	const seconds = Math.round((at - reader.now) / 1000);
	if (Math.abs(seconds) < 60) return format.format(seconds, 'second');
	if (Math.abs(seconds) < 3600) return format.format(Math.round(seconds / 60), 'minute');
	if (Math.abs(seconds) < 86_400) return format.format(Math.round(seconds / 3600), 'hour');
	return format.format(Math.round(seconds / 86_400), 'day');
}
