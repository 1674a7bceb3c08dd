import type { Call, Fault, HeldReply, Op } from './types.ts';

/** Faults waiting to strike, and replies to be kept back. Which call is struck follows from the seed and the order of calls. */
export function openFaults(random: () => number) {
	const waiting: { fault: Fault; left: number }[] = [];
	const holds: { op: Op; match: (call: Call) => boolean; take: (call: Call) => Promise<void> }[] = [];

	function add(fault: Fault): () => void {
		const entry = { fault, left: fault.times ?? Infinity };
		waiting.push(entry);
		return () => {
			const place = waiting.indexOf(entry);
			if (place >= 0) waiting.splice(place, 1);
		};
	}

	function strike(call: Call): Fault | undefined {
		for (const entry of waiting) {
			const { fault } = entry;
			if (entry.left <= 0 || (fault.op !== '*' && fault.op !== call.op)) continue;
			if (fault.match !== undefined && !fault.match(call)) continue;
			if (fault.rate !== undefined && random() >= fault.rate) continue;
			entry.left -= 1;
			return fault;
		}
		return undefined;
	}

	function holdNextReply(op: Op, match: (call: Call) => boolean = () => true): HeldReply {
		const reached = Promise.withResolvers<Call>();
		const released = Promise.withResolvers<void>();
		const hold = {
			op,
			match,
			take(call: Call) {
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
	function held(call: Call): Promise<void> | undefined {
		const place = holds.findIndex((hold) => hold.op === call.op && hold.match(call));
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
export type Faults = ReturnType<typeof openFaults>;
