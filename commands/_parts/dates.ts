import { mistake, quoted } from './trouble.ts';

const DATE =
	/^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?$/i;

/** `--date`: a day, or a day and a time; without a zone it is UTC. ISO 8601 in UTC. Trouble `user`. */
export function readDate(text: string): string {
	const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '0', zone = 'Z'] =
		DATE.exec(text.trim()) ?? [];
	if (year === undefined) throw badDate(text);
	const offset = /^(z|utc)$/i.test(zone)
		? '+00:00'
		: zone.includes(':')
			? zone
			: `${zone.slice(0, 3)}:${zone.slice(3)}`;
	const local = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.slice(0, 3).padEnd(3, '0')}`;
	const at = Date.parse(local + offset);
	// `Date.parse` takes 30 February for 2 March.
	if (Number.isNaN(at) || new Date(`${local}Z`).toISOString() !== `${local}Z`) throw badDate(text);
	return new Date(at).toISOString().replace(/\.000Z$/, 'Z');
}

const badDate = (text: string) =>
	mistake(
		'date malformed',
		{ en: `“${quoted(text)}” is not a date.`, ja: `「${quoted(text)}」は日付として読めません。` },
		{
			en: 'Write `--date 2026-11-20` or `--date 2026-11-20T09:30+09:00`; without a zone it is UTC.',
			ja: '`--date 2026-11-20` または `--date 2026-11-20T09:30+09:00` のように書いてください。タイムゾーンを省略すると UTC です。',
		},
	);
