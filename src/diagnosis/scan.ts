/**
 * The skip scanner: many literals in one pass over bytes, most of which are never looked at (Wu and Manber 1994, with
 * blocks of three bytes). Each literal is looked for by the slice of it whose bytes are rarest in Airflow logs.
 */
export type Scanner = {
	/** Calls `found(at, id)` for every occurrence of a literal's core in `bytes[from, to)`, in the order of `at`, where it begins. */
	scan(bytes: Uint8Array, from: number, to: number, found: (at: number, id: number) => void): void;
	/** The longest core. */
	longest: number;
	/** Bytes of one core. */
	lengthOf(id: number): number;
};

/** The shortest core that a rule may have. */
export const MIN_CORE = 5;
/** A longer window skips no further: the pairs that are common in logs then stand in too many slices. */
const MAX_WINDOW = 12;

/**
 * The part of a literal that looks the same in plain text and inside any JSON: no quote, backslash, control or non-ASCII
 * character, none that some writers escape for HTML. The longest such stretch.
 */
export function coreOf(literal: string): string {
	let best = '';
	for (const stretch of literal.split(/[^\x20-\x7e]|["\\<>&]/)) if (stretch.length > best.length) best = stretch;
	return best;
}

/** Cores shorter than this are looked for in a pass of their own: a short window would slow the scan for all of them. */
const LONG = 12;

/** Throws RangeError when a literal's core is shorter than MIN_CORE. Ids are the literals' indexes. */
export function compile(literals: readonly string[]): Scanner {
	const cores = literals.map((literal) => {
		const core = coreOf(literal);
		if (core.length < MIN_CORE) throw new RangeError(`no ${MIN_CORE} plain bytes in "${literal}"`);
		return core;
	});
	const passes = [
		cores.keys().filter((id) => (cores[id] ?? '').length < LONG),
		cores.keys().filter((id) => (cores[id] ?? '').length >= LONG),
	]
		.map((ids) => [...ids])
		.filter((ids) => ids.length > 0)
		.map((ids) => ({ ids, scan: compilePass(ids.map((id) => cores[id] ?? '')) }));
	const [only] = passes;
	return {
		longest: Math.max(0, ...cores.map((core) => core.length)),
		lengthOf: (id) => cores[id]?.length ?? 0,
		scan(bytes, from, to, found) {
			if (only && passes.length === 1) {
				only.scan(bytes, from, to, found);
				return;
			}
			const all: { at: number; id: number }[] = [];
			for (const { ids, scan } of passes) scan(bytes, from, to, (at, index) => all.push({ at, id: ids[index] ?? 0 }));
			for (const { at, id } of all.sort((a, b) => a.at - b.at)) found(at, id);
		},
	};
}

function compilePass(cores: readonly string[]): Scanner['scan'] {
	const window = Math.min(MAX_WINDOW, ...cores.map((core) => core.length));
	/** By the hash of three bytes: how far the scan may go on from their last one. */
	const shift = new Uint8Array(BLOCKS).fill(window - 2);
	// Which cores end their slice on this block: head of a chain through `next`; -1 ends it.
	const head = new Int32Array(BLOCKS).fill(-1);
	const next = new Int32Array(cores.length).fill(-1);
	/** Bytes of the core before the end of its slice. */
	const before = new Int32Array(cores.length);
	const offsets = new Int32Array(cores.length + 1);
	const all = new Uint8Array(cores.reduce((sum, core) => sum + core.length, 0));
	let at = 0;
	cores.forEach((core, id) => {
		offsets[id] = at;
		for (let i = 0; i < core.length; i++) all[at++] = core.charCodeAt(i);
		const start = rarestSlice(core, window, shift);
		before[id] = start + window - 1;
		for (let i = 2; i < window; i++) {
			const block = blockOf(core, start + i);
			shift[block] = Math.min(shift[block] ?? 0, window - 1 - i);
		}
		const last = blockOf(core, start + window - 1);
		next[id] = head[last] ?? -1;
		head[last] = id;
	});
	offsets[cores.length] = at;
	return (bytes, from, to, found) => {
		let i = from + window - 1;
		while (i < to) {
			const block =
				(((bytes[i - 2] as number) << 10) ^ ((bytes[i - 1] as number) << 5) ^ (bytes[i] as number)) & (BLOCKS - 1);
			const skip = shift[block] as number;
			if (skip !== 0) {
				i += skip;
				continue;
			}
			for (let id = head[block] as number; id >= 0; id = next[id] as number) {
				const start = i - (before[id] as number);
				const first = offsets[id] as number;
				const length = (offsets[id + 1] as number) - first;
				if (start < from || start + length > to) continue;
				let k = 0;
				while (k < length && bytes[start + k] === all[first + k]) k++;
				if (k === length) found(start, id);
			}
			i++;
		}
	};
}

/** Few enough that the table stays in the processor's nearer caches. */
const BLOCKS = 32_768;

function blockOf(core: string, last: number): number {
	return ((core.charCodeAt(last - 2) << 10) ^ (core.charCodeAt(last - 1) << 5) ^ core.charCodeAt(last)) & (BLOCKS - 1);
}

/** Where the slice of `window` bytes begins that will stop the scan least often. */
function rarestSlice(core: string, window: number, shift: Uint8Array): number {
	let best = 0;
	let least = Infinity;
	for (let start = 0; start + window <= core.length; start++) {
		let cost = 0;
		for (let i = 2; i < window; i++) {
			const skip = window - 1 - i;
			// What this block already costs is not counted again.
			const lost = Math.max(0, (shift[blockOf(core, start + i)] ?? 0) - skip);
			const often =
				frequency(core.slice(start + i - 2, start + i)) * frequency(core.slice(start + i - 1, start + i + 1));
			// Stopping costs several times what a short skip costs.
			cost += often * lost * (skip === 0 ? 6 : 1);
		}
		if (cost < least) {
			least = cost;
			best = start;
		}
	}
	return best;
}

// Byte pairs of Airflow logs, the most frequent first; counted over task, scheduler, worker and JSON logs of 2.x and 3.x.
const COMMON =
	'  ^^xxoninpy0011, ertaletee neliesth1/.p/phoasenrelo02sts/20ar3.pa26yt.1acmetin oril",ag":n3etedaiskgeatitceanseunal-1ecnte--2co1- \'6-: rana lsiexde/ack/s r,"op:0owirpt i:" tnghey"flionnrfronct 22utueib+0] w/elnsru "ve/lda-p"//ochb/0:\',rtnd21ap_c FT0kags st/23ams potoy:_re_Fi01ulqu {llur/2e. -ev--- odrnma:1d } [2cug peoots1:0]car.fo3Tobou2:cte"la fIN a Iogs.d_ c eno__ocidrsomFOxe [:5_tfi"l_iNF.se/O ppy.ea2Tn_clduk_:2tur  ^t_/e:4trl_mpprnis:isr_baryawepjoT2sc/cim o-ro ad 1lst\'//:/cmt- _ki12:3rg dollfup/1nuemo"\'gsn\':usNo{"ss-0 pglrq6/ ws_ 2_e mwaxcabpif.Ta_sgoblot"fmok _2rirr_dsul "e_pnfviig/tbe0+e,y_0 ubttied.{t/g_jr"/h**0.kextb_10 ( N nwi},= fauat.os =.cd=w."}e:13h p_ b1. u *Incr 3l/=\'"tg_f _aeqgrof27kst"ovht551615 P,{y/\' 17DAoaic_mrd19soha Aaus,s).  Elt<TAIefkI52plOW_b"nsp h_n._lugg_C_f2.';

const RANK = new Map(Array.from({ length: COMMON.length / 2 }, (_, i) => [COMMON.slice(2 * i, 2 * i + 2), i] as const));

/** In pairs per thousand: about 12 for the commonest, 0.2 for the 400th, less for the rest. */
function frequency(pair: string): number {
	const rank = RANK.get(pair);
	return rank === undefined ? 0.06 : 40 / (rank + 6);
}
