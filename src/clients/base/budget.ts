/** How many calls a minute may go to one place; shared by everybody in the process who calls there. */
export type Budget = {
	/** Takes one call, waiting for it at most `maxWaitMs`. False: there is none to be had by then. */
	take(maxWaitMs: number): Promise<boolean>;
	/** The other side said that it is used up (others spend from it too): nothing is taken for a while. */
	spent(): void;
};

const MINUTE = 60_000;
/** After a refusal; the other side counts in windows of a minute and names no time. */
const REST_MS = 15_000;

/**
 * A sliding minute of `perMinute` calls, in the order in which they were asked for. A burst is served at once: a diagnosis asks
 * for a dozen things together and then for nothing. `now`: epoch milliseconds.
 */
export function budget(
	perMinute: number,
	now: () => number,
	sleep: (ms: number) => Promise<void> = (ms) => new Promise((done) => setTimeout(done, ms)),
): Budget {
	// When each call of the last minute was taken or will be: a waiting one holds its place.
	let taken: number[] = [];
	let restUntil = 0;
	return {
		async take(maxWaitMs) {
			const at = now();
			taken = taken.filter((time) => time > at - MINUTE);
			const oldest = taken.length < perMinute ? at : (taken[taken.length - perMinute] ?? at) + MINUTE;
			const free = Math.max(at, oldest, restUntil);
			if (free - at > maxWaitMs) return false;
			taken.push(free);
			if (free > at) await sleep(free - at);
			return true;
		},
		spent() {
			restUntil = now() + REST_MS;
		},
	};
}
