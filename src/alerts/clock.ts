/** Wall clocks of time zones, summer time included. Everything is epoch milliseconds. */

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

export type Wall = { year: number; month: number; day: number; hour: number; minute: number };

const formats = new Map<string, Intl.DateTimeFormat>();

function format(timeZone: string): Intl.DateTimeFormat {
	let found = formats.get(timeZone);
	if (!found) {
		found = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
			timeZone,
			hourCycle: 'h23',
			year: 'numeric',
			month: 'numeric',
			day: 'numeric',
			hour: 'numeric',
			minute: 'numeric',
		});
		formats.set(timeZone, found);
	}
	return found;
}

/** What a clock on the wall there shows. */
export function wallAt(at: number, timeZone: string): Wall {
	const wall: Wall = { year: 0, month: 0, day: 0, hour: 0, minute: 0 };
	for (const { type, value } of format(timeZone).formatToParts(at)) if (isField(type)) wall[type] = Number(value);
	return wall;
}

const isField = (type: string): type is keyof Wall =>
	type === 'year' || type === 'month' || type === 'day' || type === 'hour' || type === 'minute';

/**
 * When that clock shows this. Days and months may run over, as with `Date.UTC`. A time that is shown twice (summer time
 * ends) is the first; one that is never shown (it begins) is as long after the gap's beginning as it lies within it.
 */
export function epochOf({ year, month, day, hour, minute }: Wall, timeZone: string): number {
	const wanted = Date.UTC(year, month - 1, day, hour, minute);
	// Offsets change by hours at most a few times a year: those of the day before and the day after are all there can be.
	const candidates = [wanted - DAY_MS, wanted + DAY_MS].map((near) => wanted - offset(near, timeZone));
	const exact = candidates.filter((at) => at + offset(at, timeZone) === wanted);
	return exact.length > 0 ? Math.min(...exact) : Math.max(...candidates);
}

/** How far the zone's clock is ahead of UTC, milliseconds. */
function offset(at: number, timeZone: string): number {
	const { year, month, day, hour, minute } = wallAt(at, timeZone);
	const whole = Math.floor(at / MINUTE_MS) * MINUTE_MS;
	return Date.UTC(year, month - 1, day, hour, minute) - whole;
}

/** 0: Sunday. */
export function weekdayOf({ year, month, day }: Wall): number {
	return new Date(Date.UTC(year, month - 1, day)).getUTCDay();
}

/** `07:30` in minutes after midnight. */
export function minutesOf(clock: string): number {
	const [hours = 0, minutes = 0] = clock.split(':').map(Number);
	return hours * 60 + minutes;
}
