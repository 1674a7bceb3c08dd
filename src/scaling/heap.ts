/** After everything. A constant of the module: in Jest's realm each look at a global costs more than the step it is used in. */
export const NEVER = Infinity;

/** A queue of events by time, equal times in the order they came; numbers in typed arrays, so that millions of events leave no garbage. */
export function eventHeap() {
	let at = new Float64Array(1024);
	let order = new Float64Array(1024);
	let code = new Int32Array(1024);
	let size = 0;
	let pushed = 0;

	function grow(): void {
		const [times, orders, codes] = [at, order, code];
		at = new Float64Array(2 * size);
		order = new Float64Array(2 * size);
		code = new Int32Array(2 * size);
		at.set(times);
		order.set(orders);
		code.set(codes);
	}

	return {
		/** `NEVER` when there is none. */
		get nextAt(): number {
			return size === 0 ? NEVER : (at[0] ?? NEVER);
		},
		push(time: number, what: number): void {
			if (size === at.length) grow();
			const mine = pushed++;
			let place = size++;
			while (place > 0) {
				const parent = (place - 1) >> 1;
				// What came later goes below what is there at the same time.
				if ((at[parent] ?? 0) <= time) break;
				at[place] = at[parent] ?? 0;
				order[place] = order[parent] ?? 0;
				code[place] = code[parent] ?? 0;
				place = parent;
			}
			at[place] = time;
			order[place] = mine;
			code[place] = what;
		},
		/** The code of the earliest event, which is taken out. Only when `nextAt` is not `NEVER`. */
		pop(): number {
			const first = code[0] ?? 0;
			size--;
			const time = at[size] ?? 0;
			const mine = order[size] ?? 0;
			const what = code[size] ?? 0;
			let place = 0;
			for (;;) {
				let child = 2 * place + 1;
				if (child >= size) break;
				const other = child + 1;
				if (
					other < size &&
					((at[other] ?? 0) < (at[child] ?? 0) ||
						((at[other] ?? 0) === (at[child] ?? 0) && (order[other] ?? 0) < (order[child] ?? 0)))
				)
					child = other;
				const childAt = at[child] ?? 0;
				if (childAt > time || (childAt === time && (order[child] ?? 0) > mine)) break;
				at[place] = childAt;
				order[place] = order[child] ?? 0;
				code[place] = code[child] ?? 0;
				place = child;
			}
			at[place] = time;
			order[place] = mine;
			code[place] = what;
			return first;
		},
	};
}
