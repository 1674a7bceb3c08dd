/**
 * Protocol buffers as bytes, field by field. Cloud Logging sends audit entries as an `Any` whose message ships with no package that
 * we have, so the few fields we use are read from the wire. Source: protobuf.dev/programming-guides/encoding.
 */
export type Field = { field: number; number: bigint } | { field: number; bytes: Uint8Array };

/** Fields in their order. Groups and what is cut off or broken end the reading: what stood before it is still given. */
export function fieldsOf(bytes: Uint8Array): Field[] {
	const found: Field[] = [];
	let at = 0;

	function varint(): bigint | undefined {
		let value = 0n;
		for (let shift = 0n; shift < 70n; shift += 7n) {
			const byte = bytes[at++];
			if (byte === undefined) return undefined;
			value |= BigInt(byte & 0x7f) << shift;
			if (byte < 0x80) return value;
		}
		return undefined;
	}

	while (at < bytes.length) {
		const tag = varint();
		if (tag === undefined) break;
		const field = Number(tag >> 3n);
		const kind = Number(tag & 7n);
		if (kind === 0) {
			const number = varint();
			if (number === undefined) break;
			found.push({ field, number });
			continue;
		}
		const length = kind === 1 ? 8 : kind === 5 ? 4 : kind === 2 ? Number(varint() ?? -1n) : -1;
		if (length < 0 || at + length > bytes.length) break;
		found.push({ field, bytes: bytes.subarray(at, at + length) });
		at += length;
	}
	return found;
}

const utf8 = new TextDecoder();

/** All values of a field that holds a message, a string or bytes. */
export function bytesOf(fields: readonly Field[], field: number): Uint8Array[] {
	return fields.flatMap((one) => (one.field === field && 'bytes' in one ? [one.bytes] : []));
}

/** The last value counts, as protobuf has it; empty when there is none. */
export function stringOf(fields: readonly Field[], field: number): string {
	const bytes = bytesOf(fields, field).at(-1);
	return bytes === undefined ? '' : utf8.decode(bytes);
}

export function numberOf(fields: readonly Field[], field: number): number {
	const found = fields.findLast((one) => one.field === field && 'number' in one);
	return found && 'number' in found ? Number(BigInt.asIntN(64, found.number)) : 0;
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** google.protobuf.Struct. Deeper than `depth` is left out: the sender is not ours. */
export function structOf(bytes: Uint8Array, depth = 20): { [key: string]: Json } {
	const pairs = bytesOf(fieldsOf(bytes), 1).map((entry): [string, Json] => {
		const fields = fieldsOf(entry);
		return [stringOf(fields, 1), valueOf(bytesOf(fields, 2).at(-1), depth - 1)];
	});
	return Object.fromEntries(pairs);
}

function valueOf(bytes: Uint8Array | undefined, depth: number): Json {
	if (bytes === undefined || depth < 0) return null;
	const fields = fieldsOf(bytes);
	const last = fields.at(-1);
	if (last === undefined) return null;
	if (!('bytes' in last)) return last.field === 4 ? last.number !== 0n : null;
	switch (last.field) {
		case 2:
			return last.bytes.length === 8
				? new DataView(last.bytes.buffer, last.bytes.byteOffset).getFloat64(0, true)
				: null;
		case 3:
			return utf8.decode(last.bytes);
		case 5:
			return structOf(last.bytes, depth);
		case 6:
			return bytesOf(fieldsOf(last.bytes), 1).map((one) => valueOf(one, depth - 1));
		default:
			return null;
	}
}
