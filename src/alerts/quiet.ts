import { epochOf, minutesOf, wallAt } from './clock.ts';
import type { Quiet } from './options.ts';

/** When the quiet hours that hold at `now` end, epoch milliseconds; undefined outside of them. */
export function quietUntil(
	{ from, to, timeZone }: Pick<Quiet, 'from' | 'to' | 'timeZone'>,
	ownZone: string,
	now: number,
): number | undefined {
	const zone = timeZone ?? ownZone;
	const wall = wallAt(now, zone);
	const [begin, end] = [minutesOf(from), minutesOf(to)];
	const minute = wall.hour * 60 + wall.minute;
	const overMidnight = end < begin;
	const inside = overMidnight ? minute >= begin || minute < end : minute >= begin && minute < end;
	if (!inside) return undefined;
	const day = overMidnight && minute >= begin ? wall.day + 1 : wall.day;
	return epochOf({ ...wall, day, hour: Math.floor(end / 60), minute: end % 60 }, zone);
}
