/** Something wrong that is no failed try, as one look saw it. `facts` are foreign text. */
export type Seen<Kind extends string = string> = {
	kind: Kind;
	/** Names it within the environment. */
	key: string;
	/** ISO 8601; the same however often it is seen. */
	since: string;
	facts: Readonly<Record<string, string>>;
	dag?: string | undefined;
	run?: string | undefined;
	task?: string | undefined;
	mapIndex?: number | undefined;
	tryNumber?: number | undefined;
};

export type Open<Kind extends string = string> = Seen<Kind> & {
	/** It was there before the first look: not told, and not told to be over. */
	silent?: boolean | undefined;
};

export type Changes<Kind extends string> = { begun: Seen<Kind>[]; over: Open<Kind>[] };

/** What began and what is over, among the `kinds` that this look is about. Open ones of other kinds are left alone. */
export function changes<Kind extends string>(
	kinds: readonly Kind[],
	open: readonly Open<Kind>[],
	seen: readonly Seen<Kind>[],
): Changes<Kind> {
	const id = ({ kind, key }: Seen): string => `${kind} ${key}`;
	const before = new Set(open.map(id));
	const now = new Set(seen.map(id));
	return {
		begun: seen.filter((one) => !before.has(id(one))),
		over: open.filter((one) => kinds.includes(one.kind) && !now.has(id(one))),
	};
}
