import { isTimeZone, WEEKDAYS, CLOCK, type OwnManners } from '../../src/alerts/options.ts';
import { mistake, quoted } from './trouble.ts';
import { takeOptions, type Word } from './words.ts';

const VALUES = ['tries', 'quiet', 'digest', 'lang'];
const FLAGS = ['thread', 'no-thread', 'recovery', 'no-recovery'];

/** What `/dag watch` was given: words that are no option, and how the channel wants to hear from now on. Trouble `user`. */
export function hearingWords(words: readonly Word[]): { rest: readonly Word[]; manners: OwnManners } {
	const { rest: all, values, flags } = takeOptions(words, { values: VALUES, flags: FLAGS });
	const zones = all.filter(({ text }) => text === 'UTC' || text.includes('/'));
	const [zone, second] = zones;
	if (second) throw mistake('zone twice', { en: 'There are two time zones.', ja: 'タイムゾーンが 2 つあります。' });
	const timeZone = zone?.text;
	if (timeZone !== undefined && !isTimeZone(timeZone))
		throw mistake(
			'zone unknown',
			{ en: `“${quoted(timeZone)}” is not a time zone.`, ja: `「${quoted(timeZone)}」はタイムゾーンではありません。` },
			{ en: 'For example Asia/Tokyo or UTC.', ja: '例: Asia/Tokyo、UTC' },
		);
	const manners: OwnManners = {
		...oneOf('tries', values.get('tries'), { last: { tries: 'last' }, all: { tries: 'all' } } as const),
		...oneOf('lang', values.get('lang'), { en: { language: 'en' }, ja: { language: 'ja' } } as const),
		...onOff(flags, 'thread'),
		...onOff(flags, 'recovery'),
		...quietOf(values.get('quiet'), timeZone),
		...digestOf(values.get('digest'), timeZone),
	};
	if (timeZone !== undefined && (manners.quiet ?? 'off') === 'off' && (manners.digest ?? 'off') === 'off')
		throw mistake('zone alone', {
			en: 'A time zone goes with --quiet or --digest.',
			ja: 'タイムゾーンは --quiet または --digest と一緒に指定してください。',
		});
	return { rest: all.filter((word) => word !== zone), manners };
}

function oneOf<K extends string, T>(
	option: string,
	value: string | undefined,
	known: Readonly<Record<K, T>>,
): T | object {
	if (value === undefined) return {};
	for (const [name, made] of Object.entries<T>(known)) if (name === value.toLowerCase()) return made;
	const list = Object.keys(known).join(', ');
	throw mistake('option value unknown', {
		en: `--${option} takes ${list}, not “${quoted(value)}”.`,
		ja: `--${option} に指定できる値は ${list} です（「${quoted(value)}」は使えません）。`,
	});
}

function onOff(flags: ReadonlySet<string>, name: 'thread' | 'recovery'): OwnManners {
	const [on, off] = [flags.has(name), flags.has(`no-${name}`)];
	if (on && off)
		throw mistake('flag both', {
			en: `Either --${name} or --no-${name}, not both.`,
			ja: `--${name} と --no-${name} は同時に指定できません。`,
		});
	return on || off ? { [name]: on } : {};
}

function quietOf(value: string | undefined, timeZone: string | undefined): OwnManners {
	if (value === undefined) return {};
	if (value.toLowerCase() === 'off') return { quiet: 'off' };
	const [, from = '', to = ''] = /^(\d{1,2}:\d{2})\s*[-–~〜]\s*(\d{1,2}:\d{2})$/.exec(value) ?? [];
	const [begin, end] = [clockOf(from), clockOf(to)];
	if (begin !== undefined && end !== undefined && begin !== end)
		return { quiet: { from: begin, to: end, ...(timeZone === undefined ? {} : { timeZone }) } };
	throw mistake(
		'quiet malformed',
		{ en: `“${quoted(value)}” is no span of hours.`, ja: `「${quoted(value)}」は時間帯として読めません。` },
		{
			en: 'Write `--quiet 22:00-07:00 Asia/Tokyo`, or `--quiet off`.',
			ja: '`--quiet 22:00-07:00 Asia/Tokyo` または `--quiet off` のように書いてください。',
		},
	);
}

const NAMES: Readonly<Record<(typeof WEEKDAYS)[number], string>> = {
	sun: 'sunday',
	mon: 'monday',
	tue: 'tuesday',
	wed: 'wednesday',
	thu: 'thursday',
	fri: 'friday',
	sat: 'saturday',
};

function digestOf(value: string | undefined, timeZone: string | undefined): OwnManners {
	if (value === undefined) return {};
	const [when = '', at = '09:00', ...more] = value.toLowerCase().split('@');
	if (when === 'off' && !value.includes('@')) return { digest: 'off' };
	const clock = clockOf(at);
	const weekday = WEEKDAYS.find((day) => when === day || NAMES[day] === when);
	const weekly = when === 'weekly' || when === 'week' || weekday !== undefined;
	if (clock !== undefined && more.length === 0 && (weekly || when === 'daily' || when === 'day'))
		return {
			digest: {
				every: weekly ? 'week' : 'day',
				at: clock,
				weekday: weekday ?? 'mon',
				...(timeZone === undefined ? {} : { timeZone }),
			},
		};
	throw mistake(
		'digest malformed',
		{
			en: `“${quoted(value)}” says no time for a digest.`,
			ja: `「${quoted(value)}」はダイジェストの時刻として読めません。`,
		},
		{
			en: 'Write `--digest daily@09:00 Asia/Tokyo`, `--digest fri@17:00`, or `--digest off`.',
			ja: '`--digest daily@09:00 Asia/Tokyo`、`--digest fri@17:00`、`--digest off` のように書いてください。',
		},
	);
}

/** `7:00` as `07:00`; undefined: no time of the day. */
function clockOf(text: string): string | undefined {
	const padded = text.padStart(5, '0');
	return CLOCK.test(padded) ? padded : undefined;
}
