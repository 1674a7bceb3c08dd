import type { Failed, Series } from '../../domain/evidence.ts';
import { time } from './audit.ts';

const MINUTE = 60_000;

/** Epoch milliseconds. */
export type Span = { from: number; to: number };

/**
 * When it happened: from five minutes before the end of the try (what is killed is missed that long) to two after it. What has
 * not ended: until now.
 */
export function aroundEnd({ endedAt, now }: Failed, before = 5): Span {
	const end = time(endedAt) ?? now;
	return { from: end - before * MINUTE, to: end + 2 * MINUTE };
}

/** While it ran, or waited. */
export function whileItRan({ queuedAt, startedAt, endedAt, now }: Failed): Span {
	const end = time(endedAt) ?? now;
	return { from: (time(startedAt) ?? time(queuedAt) ?? end - 15 * MINUTE) - MINUTE, to: end + MINUTE };
}

const within = (at: string, { from, to }: Span): boolean => Date.parse(at) >= from && Date.parse(at) <= to;

/** A pod's name is its host name, whole or shortened at either side. */
export const isHost = (of: string, host: string): boolean => of === host || of.startsWith(host) || host.startsWith(of);

/** Those of that host; all where it is not known. */
export function ofHost(all: readonly Series[], host: string | undefined): readonly Series[] {
	return host === undefined ? all : all.filter(({ of }) => of !== '' && isHost(of, host));
}

export type Peak = { value: number; of: string; at: string };

/** The highest point in the span; undefined: there is none, which says nothing. */
export function peak(all: readonly Series[], span: Span): Peak | undefined {
	let best: Peak | undefined;
	for (const { of, points } of all)
		for (const { at, value } of points)
			if (within(at, span) && (best === undefined || value > best.value)) best = { value, of, at };
	return best;
}

/** What was counted in the span, and when first. */
export function counted(all: readonly Series[], span: Span): { count: number; at: string } | undefined {
	let count = 0;
	let first: string | undefined;
	for (const { points } of all)
		for (const { at, value } of points) {
			if (value <= 0 || !within(at, span)) continue;
			count += value;
			if (first === undefined || at < first) first = at;
		}
	return first === undefined ? undefined : { count: Math.round(count), at: first };
}

export type Pressure = { share: number; usedBytes: number; quotaBytes: number; of: string; at: string };

/** The highest share of its quota that one of them used in the span. Both in bytes, one series a pod. */
export function pressure(used: readonly Series[], quota: readonly Series[], span: Span): Pressure | undefined {
	let best: Pressure | undefined;
	for (const { of, points } of used) {
		const limits = quota.find((one) => one.of === of)?.points ?? [];
		for (const { at, value } of points) {
			if (!within(at, span)) continue;
			// The quota changes with an update of the environment only.
			const limit = limits.findLast((one) => one.at <= at)?.value ?? limits[0]?.value;
			if (limit === undefined || limit <= 0) continue;
			const share = value / limit;
			if (best === undefined || share > best.share) best = { share, usedBytes: value, quotaBytes: limit, of, at };
		}
	}
	return best;
}

/** The longest time in the span without a count above nought, where the series has points at all. */
export function longestGap(all: readonly Series[], { from, to }: Span): { minutes: number; since: string } | undefined {
	const beats = all
		.flatMap(({ points }) => points)
		.filter(({ value }) => value > 0)
		.map(({ at }) => Date.parse(at))
		.sort((a, b) => a - b);
	if (all.every(({ points }) => points.length === 0)) return undefined;
	const inside = beats.filter((at) => at >= from && at <= to);
	const before = beats.findLast((at) => at < from) ?? from;
	let longest = { ms: 0, since: before };
	let last = before;
	for (const at of [...inside, to]) {
		if (at - last > longest.ms) longest = { ms: at - last, since: last };
		last = at;
	}
	return { minutes: Math.floor(longest.ms / MINUTE), since: new Date(longest.since).toISOString() };
}

/** `96 %`. */
export const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** `3.8 of 4 GB`; Japanese: `4 GB 中 3.8 GB`. */
export const gigabytes = (bytes: number): string => `${Math.round((bytes / 1024 ** 3) * 10) / 10}`;
