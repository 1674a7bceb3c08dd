const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** `30s`, `2m`, `1h`, `90` (seconds). Undefined: not a time above zero. */
export function milliseconds(words: string): number | undefined {
	const [, number, unit = 's'] = /^(\d{1,7}(?:\.\d{1,3})?)\s*(ms|s|m|min|h)?$/.exec(words.trim()) ?? [];
	const ms = Number(number) * (UNITS[unit] ?? Number.NaN);
	return ms > 0 ? ms : undefined;
}
