/** Which calls a fault strikes: by what was asked, by probability, by number. */
type Rule<C> = {
	/** Probability of each matching call, 0–1. */
	rate?: number | undefined;
	/** The next `times` matching calls; absent: every one. */
	times?: number | undefined;
	match?: ((call: C) => boolean) | undefined;
};

/**
 * Faults waiting to strike, and replies to be kept back. Which call is struck follows from the seed and the order of calls.
 * `named`: what a call asks for, or what a fault strikes; `*` is anything.
 */
export function openFaults<N extends string, C, F extends Rule<C>>(
	random: () => number,
	named: (one: C | F) => N | '*',
) {
	const meant = (name: string, call: C): boolean => name === '*' || name === named(call);
	const waiting: { fault: F; left: number }[] = [];
	const holds: { name: N; match: (call: C) => boolean; take: (call: C) => Promise<void> }[] = [];

	function add(fault: F): () => void {
		const entry = { fault, left: fault.times ?? Infinity };
		waiting.push(entry);
		return () => {
			const place = waiting.indexOf(entry);
			if (place >= 0) waiting.splice(place, 1);
		};
	}

	function strike(call: C): F | undefined {
		for (const entry of waiting) {
			const { fault } = entry;
			if (entry.left <= 0 || !meant(named(fault), call)) continue;
			if (fault.match !== undefined && !fault.match(call)) continue;
			if (fault.rate !== undefined && random() >= fault.rate) continue;
			entry.left -= 1;
			return fault;
		}
		return undefined;
	}

	/** `reached` settles once the effect has happened and the reply waits; `release` lets it go, or drops a hold nobody met. */
	function holdNextReply(name: N, match: (call: C) => boolean = () => true): { reached: Promise<C>; release(): void } {
		const reached = Promise.withResolvers<C>();
		const released = Promise.withResolvers<void>();
		const hold = {
			name,
			match,
			take(call: C) {
				reached.resolve(call);
				return released.promise;
			},
		};
		holds.push(hold);
		return {
			reached: reached.promise,
			release() {
				const place = holds.indexOf(hold);
				if (place >= 0) holds.splice(place, 1);
				released.resolve();
			},
		};
	}

	/** Undefined when nobody holds this reply back. */
	function held(call: C): Promise<void> | undefined {
		const place = holds.findIndex((hold) => meant(hold.name, call) && hold.match(call));
		return place < 0 ? undefined : holds.splice(place, 1)[0]?.take(call);
	}

	return {
		add,
		strike,
		holdNextReply,
		held,
		clear() {
			waiting.length = 0;
		},
	};
}
