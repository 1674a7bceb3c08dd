import { fstatSync, read, readSync } from 'node:fs';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import type { Diagnosis } from '../domain/rule.ts';
import { catalogue } from './catalogue.ts';
import { judge } from './diagnose.ts';
import type { DiagnoseOptions } from './diagnose.ts';
import { newlinesIn, scanHead } from './head.ts';
import type { Head } from './head.ts';
import { unwrap } from './unwrap.ts';

const readSome = promisify(read);

/** A log at hand: in memory, or an open file descriptor (a file, a pipe). Gzip is known by its magic bytes. */
export type Source = { bytes: Uint8Array } | { fd: number };

export type ReadOptions = DiagnoseOptions & {
	/** Told once, as soon as the end of a long log was judged and before the rest is read. */
	onFirst?: ((diagnosis: Diagnosis) => void) | undefined;
	/** Bytes of a compressed log or a pipe that are read at most. */
	most?: number | undefined;
};

/** The end of a log that is read whole; what stands before it is only scanned. */
export const WINDOW = 512 * 1024;
const OPENING = 64 * 1024;
const CHUNK = 256 * 1024;
/** A gzip bomb ends here: 2 GiB of log. */
const MOST = 2 * 1024 * 1024 * 1024;

/** Diagnoses a log of any size in constant memory. Throws what reading the descriptor throws. */
export async function diagnoseSource(source: Source, options: ReadOptions): Promise<Diagnosis> {
	if ('bytes' in source) {
		const { bytes } = source;
		if (isGzip(bytes)) return fromStream(gunzipped(one(bytes)), options);
		return fromRandomAccess(bytes.length, (at, length) => bytes.subarray(at, at + length), options);
	}
	const { fd } = source;
	const stat = fstatSync(fd);
	if (!stat.isFile()) {
		return fromStream(maybeGunzipped(chunksOf(fd, null)), options);
	}
	const magic = readAt(fd, 0, Buffer.alloc(2));
	if (isGzip(magic)) {
		return fromStream(gunzipped(chunksOf(fd, 0)), options);
	}
	// One buffer for all chunks: what is read is used up before the next is asked for.
	const buffer = Buffer.allocUnsafe(WINDOW);
	return fromRandomAccess(stat.size, (at, length) => readAt(fd, at, buffer.subarray(0, length)), options);
}

async function fromRandomAccess(
	size: number,
	/** Valid until the next call. */
	readRange: (at: number, length: number) => Uint8Array,
	options: ReadOptions,
): Promise<Diagnosis> {
	if (size <= WINDOW) return judge({ lines: unwrap(decode(readRange(0, size))) }, options).diagnosis;
	const raw = readRange(size - WINDOW, WINDOW);
	const skipped = toLineStart(raw);
	const start = size - raw.length + skipped;
	const text = decode(raw.subarray(skipped));
	const opening = unwrap(decode(readRange(0, OPENING)));
	const first = judge({ lines: unwrap(text), earlier: { opening, head: undefined } }, options);
	options.onFirst?.(first.diagnosis);
	if (first.decisive) {
		let lines = 0;
		for (let at = 0; at < start; at += CHUNK) lines += newlinesIn(readRange(at, Math.min(CHUNK, start - at)));
		return renumbered(first.diagnosis, lines);
	}
	const scan = scanHead(catalogue(options.rules));
	for (let at = 0; at < start; at += CHUNK) scan.push(readRange(at, Math.min(CHUNK, start - at)));
	const head = scan.end();
	return judge({ lines: unwrap(text, head.newlines + 1), earlier: { opening, head } }, options).diagnosis;
}

async function fromStream(chunks: AsyncIterable<Uint8Array>, options: ReadOptions): Promise<Diagnosis> {
	const scan = scanHead(catalogue(options.rules));
	const most = options.most ?? MOST;
	const opening = Buffer.allocUnsafe(OPENING);
	// Twice the window: its second half is moved to the front when it is full.
	const tail = Buffer.allocUnsafe(2 * WINDOW);
	let held = 0;
	let total = 0;
	for await (const chunk of chunks) {
		if (total < OPENING) opening.set(chunk.subarray(0, OPENING - total), total);
		scan.push(chunk);
		for (let at = 0; at < chunk.length;) {
			if (held === tail.length) {
				tail.copyWithin(0, held - WINDOW, held);
				held = WINDOW;
			}
			const take = Math.min(tail.length - held, chunk.length - at);
			tail.set(chunk.subarray(at, at + take), held);
			held += take;
			at += take;
		}
		total += chunk.length;
		if (total >= most) break;
	}
	const cut = total >= most;
	if (total <= WINDOW) return judge({ lines: unwrap(decode(tail.subarray(0, total))) }, options).diagnosis;
	const raw = tail.subarray(held - WINDOW, held);
	const window = raw.subarray(toLineStart(raw));
	const whole = scan.end();
	const start = total - window.length;
	const head: Head = {
		...whole,
		hits: whole.hits.filter(({ at }) => at < start),
		attempts: whole.attempts.filter(({ at }) => at < start),
		newlines: whole.newlines - newlinesIn(window),
	};
	const { diagnosis } = judge(
		{ lines: unwrap(decode(window), head.newlines + 1), earlier: { opening: unwrap(decode(opening)), head } },
		options,
	);
	if (!cut) return diagnosis;
	const note = {
		en: `Only the first ${Math.round(most / 1024 / 1024)} MiB were read.`,
		ja: `先頭の ${Math.round(most / 1024 / 1024)} MiB のみを読み取りました。`,
	};
	return { ...diagnosis, notes: [...diagnosis.notes, note[options.lang ?? 'en']] };
}

/** Lines of the window that are kept: the last ones. */
const MOST_LINES = 20_000;

/**
 * Bytes to skip so that a window begins with a whole line and has not too many of them; 0 in the middle of a line that is
 * too long for that.
 */
function toLineStart(window: Uint8Array): number {
	const newline = window.subarray(0, window.length / 4).indexOf(10);
	const first = newline < 0 ? 0 : newline + 1;
	let at = window.length;
	for (let lines = 0; lines <= MOST_LINES && at > first; lines++) at = window.lastIndexOf(10, at - 1);
	return Math.max(first, at + 1 >= window.length ? first : at + 1);
}

function renumbered(diagnosis: Diagnosis, before: number): Diagnosis {
	const findings = diagnosis.findings.map((finding) => ({
		...finding,
		evidence: finding.evidence.map((each) => ({ ...each, line: each.line + before })),
	}));
	return { ...diagnosis, findings };
}

function decode(bytes: Uint8Array): string {
	return new TextDecoder().decode(bytes);
}

function readAt(fd: number, at: number, into: Buffer): Uint8Array {
	let got = 0;
	while (got < into.length) {
		const n = readSync(fd, into, got, into.length - got, at + got);
		if (n === 0) break;
		got += n;
	}
	return into.subarray(0, got);
}

/** A file from `from` on, or a pipe (null) as it comes. The descriptor stays open, whatever becomes of the reader. */
async function* chunksOf(fd: number, from: number | null): AsyncGenerator<Uint8Array> {
	let at = from;
	for (;;) {
		let got: { bytesRead: number; buffer: Buffer };
		try {
			got = await readSome(fd, Buffer.allocUnsafeSlow(64 * 1024), 0, 64 * 1024, at);
		} catch (error) {
			// A terminal or pipe that somebody set to non-blocking has nothing yet.
			if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
			await sleep(10);
			continue;
		}
		if (got.bytesRead === 0) return;
		if (at !== null) at += got.bytesRead;
		yield got.buffer.subarray(0, got.bytesRead);
	}
}

function isGzip(bytes: Uint8Array): boolean {
	return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
	yield bytes;
}

/** What a cut or broken archive still gave counts; the error only ends it. */
async function* gunzipped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
	const gunzip = createGunzip({ chunkSize: 64 * 1024 });
	const packed = Readable.from(chunks, { objectMode: false });
	packed.on('error', (error) => gunzip.destroy(error));
	packed.pipe(gunzip);
	let got = 0;
	try {
		for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
			got += chunk.length;
			yield chunk;
		}
	} catch (error) {
		if (got === 0) throw error;
	} finally {
		packed.destroy();
		gunzip.destroy();
	}
}

async function* maybeGunzipped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
	const iterator = chunks[Symbol.asyncIterator]();
	const first = await iterator.next();
	if (first.done === true) return;
	const rest: AsyncIterable<Uint8Array> = {
		async *[Symbol.asyncIterator]() {
			yield first.value;
			for (let each = await iterator.next(); each.done !== true; each = await iterator.next()) yield each.value;
		},
	};
	yield* isGzip(first.value) ? gunzipped(rest) : rest;
}
