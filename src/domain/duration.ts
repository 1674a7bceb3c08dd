import type { Lang } from './text.ts';

/** `12s`, `4m 12s`, `2h 5m`, `3d 4h`; the two largest units that say something. Milliseconds; below a second `<1s`. */
export function durationText(ms: number, lang: Lang): string {
	const [d, h, m, s] = lang === 'ja' ? ['日', '時間', '分', '秒'] : ['d', 'h', 'm', 's'];
	const seconds = Math.max(0, Math.round(ms / 1000));
	if (seconds === 0) return lang === 'ja' ? '1秒未満' : '<1s';
	const units: [number, string | undefined][] = [
		[Math.floor(seconds / 86_400), d],
		[Math.floor(seconds / 3600) % 24, h],
		[Math.floor(seconds / 60) % 60, m],
		[seconds % 60, s],
	];
	const first = units.findIndex(([count]) => count > 0);
	return units
		.slice(first, first + 2)
		.filter(([count]) => count > 0)
		.map(([count, unit]) => `${count}${unit}`)
		.join(lang === 'ja' ? '' : ' ');
}

/** Median; undefined without any. */
export function median(values: readonly number[]): number | undefined {
	const sorted = [...values].sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	const high = sorted[middle];
	const low = sorted[middle - 1];
	if (high === undefined) return undefined;
	return sorted.length % 2 === 1 || low === undefined ? high : (low + high) / 2;
}
