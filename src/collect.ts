import { counted } from './clients/base/calls.ts';
import type { EvidenceMap, Failed, Gap, Seen, SourceName } from './domain/evidence.ts';
import { Trouble } from './domain/errors.ts';
import type { Text } from './domain/text.ts';

/** One source. `read` gives masked evidence or throws; what it throws becomes a `Gap`, so that nothing else waits for it. */
export type Source<Name extends SourceName> = {
	read(failed: Failed): Promise<EvidenceMap[Name]>;
	/** Default 8,000. */
	withinMs?: number;
	/** What one needs to read it; told with the gap. */
	permission?: string;
	role?: string;
};

/** The sources one environment has. What is not there is a gap: `absent`. They are made in `sources/`. */
export type Sources = { readonly [Name in SourceName]?: Source<Name> };

export type Collected = {
	seen: Seen;
	gaps: readonly Gap[];
	/** Requests that went out for it; what was kept from moments before costs none. */
	calls: number;
};

const WITHIN_MS = 8000;

/**
 * Reads what was asked for, all at once, each source once. Never throws, and takes no longer than its slowest deadline, nor
 * than `mostMs`.
 */
export async function collect(
	wanted: ReadonlySet<SourceName>,
	sources: Sources,
	failed: Failed,
	mostMs = Infinity,
): Promise<Collected> {
	const gaps: Gap[] = [];
	const seen: { [Name in SourceName]?: EvidenceMap[Name] } = {};
	const readOne = async (name: SourceName): Promise<void> => {
		const source = sources[name];
		if (!source) return void gaps.push({ source: name, because: 'absent', say: NOT_HERE });
		try {
			const ms = Math.min(source.withinMs ?? WITHIN_MS, mostMs);
			Object.assign(seen, { [name]: await within<unknown>(source.read(failed), ms) });
		} catch (error) {
			gaps.push(toGap(name, source, error));
		}
	};
	const { calls } = await counted(() => Promise.all([...wanted].map(readOne)));
	return { seen, gaps, calls };
}

const NOT_HERE = { en: 'not read in this environment', ja: 'この環境では取得していません' };

class TooLate extends Error {}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
	const { promise, reject } = Promise.withResolvers<never>();
	const timer = setTimeout(() => reject(new TooLate(`not within ${ms} ms`)), ms);
	try {
		return await Promise.race([work, promise]);
	} finally {
		clearTimeout(timer);
	}
}

function toGap(
	name: SourceName,
	{ permission, role }: Pick<Source<SourceName>, 'permission' | 'role'>,
	error: unknown,
): Gap {
	const needs = { ...(permission === undefined ? {} : { permission }), ...(role === undefined ? {} : { role }) };
	if (error instanceof TooLate)
		return {
			source: name,
			because: 'timeout',
			say: { en: 'no answer in time', ja: '時間内に応答がありませんでした' },
			...needs,
		};
	if (error instanceof Trouble) {
		const { message, hint, ja } = error;
		const because = becauseOf(error);
		return {
			source: name,
			because,
			say: {
				en: hint === undefined ? message : `${message} ${hint}`,
				ja: [ja?.message ?? message, ja?.hint ?? ''].join(''),
			},
			// The permission is no help against anything else.
			...(because === 'denied' ? needs : {}),
		};
	}
	return {
		source: name,
		because: 'unavailable',
		say: { en: 'could not be read', ja: '読み取れませんでした' },
		...needs,
	};
}

/** Thrown by a source that this environment cannot have: no fault, and nothing to ask again. */
export function absent(say: Text): Trouble {
	return new Trouble('user', ABSENT, say.en, { ja: { message: say.ja } });
}

const ABSENT = 'source absent';

function becauseOf({ kind, label, status }: Trouble): Gap['because'] {
	if (label === ABSENT) return 'absent';
	if (status === 429 || label.endsWith(' quota')) return 'quota';
	if (kind === 'denied') return 'denied';
	return label.endsWith(' timeout') ? 'timeout' : 'unavailable';
}
