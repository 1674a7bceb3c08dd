import type { Facts, Rule, Signature } from '../domain/rule.ts';
import { CUT } from '../domain/quote.ts';
import { ATTEMPT } from './catalogue.ts';
import type { Catalogue } from './catalogue.ts';
import type { Level, LogLine, Names } from './line.ts';
import { records } from './records.ts';
import { run } from './signature.ts';
import { collector, unwrapPhysical } from './unwrap.ts';

/** A hit before the end of a long log. */
export type HeadHit = {
	rule: Rule;
	signature: Signature;
	/** Byte offset in the log. */
	at: number;
	line: number;
	text: string;
	facts: Facts;
	level: Level;
	names: Names | undefined;
	starts: boolean;
};

/** What the long part of a log before its end had to say. */
export type Head = {
	hits: readonly HeadHit[];
	newlines: number;
	/** Texts of the rules' `asks` that stand there. */
	asked: ReadonlySet<string>;
	/** `Starting attempt N` lines: offset and N. */
	attempts: readonly { at: number; attempt: string }[];
	bytes: number;
};

const CHUNK = 512 * 1024;
/** Context on either side of a hit: the longest physical line or JSON record that is read around it. */
const AROUND = 64 * 1024;
const KEPT_HERE = 40;
/** After so many matches or misses of one signature more of them tell nothing new, whatever the log's size. */
const ENOUGH_MATCHES = 4_000;
const ENOUGH_MISSES = 20_000;

/**
 * Scans bytes as they come, in constant memory: `push` them in order, then `end`. Lines are cut out and decoded only
 * where a literal was found. `onHit` hears of every hit, also of those that are not kept.
 */
export function scanHead({ scanner, owners, literals, asked }: Catalogue, onHit?: (hit: HeadHit) => void) {
	const buffer = Buffer.allocUnsafe(AROUND + CHUNK + AROUND);
	/** Bytes held; the offset of `buffer[0]` in the log; where the scan goes on. */
	let held = 0;
	let base = 0;
	let next = 0;
	/** Newlines in the log before `base + counted`. */
	let lines = 0;
	let counted = 0;
	const hits = new Map<Rule, HeadHit[]>();
	const found = new Set<string>();
	const attempts: { at: number; attempt: string }[] = [];
	const tally = new Map<Signature, { matches: number; misses: number }>();
	let cut: { from: number; to: number; lines: readonly LogLine[] } | undefined;

	function countTo(position: number) {
		if (position <= counted) return;
		lines += newlinesIn(buffer.subarray(counted, position));
		counted = position;
	}

	function onLiteral(at: number, id: number) {
		const literal = literals[id] ?? '';
		if (asked[id] && !found.has(literal)) found.add(literal);
		if (literal === ATTEMPT) {
			const attempt = /^Starting attempt (\d{1,4}) of /.exec(
				buffer.toString('latin1', at, Math.min(held, at + 30)),
			)?.[1];
			if (attempt !== undefined) attempts.push({ at: base + at, attempt });
		}
		for (const { rule, signature } of owners[id] ?? []) {
			const seen = tally.get(signature) ?? { matches: 0, misses: 0 };
			tally.set(signature, seen);
			if (seen.matches >= ENOUGH_MATCHES || seen.misses >= ENOUGH_MISSES) continue;
			countTo(at);
			const around = linesAround(at);
			let matched = false;
			for (const line of around) {
				if (!line.text.includes(literal)) continue;
				const facts = run(signature, line.text);
				if (!facts) continue;
				matched = true;
				const list = hits.get(rule) ?? [];
				if (list.length === 0) hits.set(rule, list);
				const level = line.level === 'none' && !line.starts ? 'traceback' : line.level;
				const hit: HeadHit = {
					rule,
					signature,
					at: base + at,
					line: lines + 1,
					text: line.text,
					facts,
					level,
					names: line.names,
					starts: line.starts,
				};
				list.push(hit);
				onHit?.(hit);
				if (list.length > 2 * KEPT_HERE) list.splice(0, KEPT_HERE);
			}
			if (matched) seen.matches++;
			else seen.misses++;
		}
	}

	function linesAround(at: number): readonly LogLine[] {
		if (cut && base + at >= cut.from && base + at < cut.to) return cut.lines;
		const low = Math.max(0, at - AROUND);
		const high = Math.min(held, at + AROUND);
		const before = buffer.subarray(low, at).lastIndexOf(10);
		const after = buffer.subarray(at, high).indexOf(10);
		let from = before < 0 ? low : low + before + 1;
		let to = after < 0 ? high : at + after;
		const out = collector(lines + 1);
		const whole = (before >= 0 || low + base === 0) && (after >= 0 || high < at + AROUND);
		let record: readonly [number, number] | undefined;
		if (!whole) {
			// Part of a line that is too long to hold: the record around the hit, else what stands next to it.
			const text = buffer.toString('latin1', low, high);
			record = records(text).find(([start, end]) => at - low >= start && at - low < end);
			if (record) {
				from = low + record[0];
				to = low + record[1];
			} else {
				from = Math.max(low, at - 4096);
				to = Math.min(high, at + 3584);
			}
		}
		const torn = !whole && !record;
		unwrapPhysical(torn ? `${CUT}${buffer.toString('utf8', from, to)}${CUT}` : buffer.toString('utf8', from, to), out);
		cut = { from: base + from, to: base + Math.max(to, at + 1), lines: out.lines };
		return out.lines;
	}

	function scanTo(position: number) {
		if (position <= next) return;
		// A core may stand across the border: the scan goes on a little before it.
		const from = Math.max(0, next - scanner.longest + 1);
		const fresh = next;
		scanner.scan(buffer, from, position, (at, id) => {
			if (at + scanner.lengthOf(id) > fresh) onLiteral(at, id);
		});
		countTo(position);
		next = position;
	}

	function shift() {
		scanTo(held - AROUND);
		const drop = Math.max(0, next - AROUND);
		buffer.copyWithin(0, drop, held);
		held -= drop;
		base += drop;
		next -= drop;
		counted -= drop;
	}

	return {
		push(bytes: Uint8Array) {
			for (let at = 0; at < bytes.length;) {
				const take = Math.min(bytes.length - at, buffer.length - held);
				buffer.set(bytes.subarray(at, at + take), held);
				held += take;
				at += take;
				if (held === buffer.length) shift();
			}
		},
		/** Everything was pushed. */
		end(): Head {
			scanTo(held);
			return {
				hits: [...hits.values()].flat(),
				newlines: lines,
				asked: found,
				attempts,
				bytes: base + held,
			};
		},
	};
}

/** Newlines. Short lines are counted byte by byte, because a call for each would cost more than it skips. */
export function newlinesIn(bytes: Uint8Array): number {
	let count = 0;
	for (let i = bytes.indexOf(10); i >= 0; i = bytes.indexOf(10, i)) {
		count++;
		const dense = Math.min(bytes.length, i + 48);
		for (i++; i < dense; i++) if (bytes[i] === 10) count++;
		if (i >= bytes.length) break;
	}
	return count;
}
