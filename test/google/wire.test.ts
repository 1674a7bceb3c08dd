import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readAuditLog } from '../../src/clients/logging/audit-log.ts';
import { bytesOf, fieldsOf, structOf, type Json } from '../../src/clients/logging/wire.ts';
import { loadWire } from '../../src/sandbox/google/wire.ts';
import type { JsonObject } from '../../src/sandbox/world/types.ts';

const codecs = loadWire();

/** Google's message as it goes over the wire, written by protobufjs. */
function encoded(audit: JsonObject): Uint8Array {
	const made: object = codecs.entry({
		insertId: '1',
		logName: 'projects/p/logs/cloudaudit.googleapis.com%2Factivity',
		resource: { type: 'project', labels: {} },
		labels: {},
		severity: 'NOTICE',
		timestamp: 0,
		receivedAt: 0,
		protoPayload: audit,
	});
	const payload: unknown = 'protoPayload' in made ? made.protoPayload : undefined;
	if (typeof payload !== 'object' || payload === null || !('value' in payload) || !ArrayBuffer.isView(payload.value))
		throw new Error('no payload');
	const { buffer, byteOffset, byteLength } = payload.value;
	return new Uint8Array(buffer, byteOffset, byteLength);
}

const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
	value: fc.oneof(
		{ maxDepth: 4 },
		fc.constant(null),
		fc.boolean(),
		fc.double({ noNaN: true, noDefaultInfinity: true }),
		fc.string(),
		fc.array(tie('value'), { maxLength: 4 }),
		fc.dictionary(fc.string(), tie('value'), { maxKeys: 4, noNullPrototype: true }),
	),
})).value;

describe('audit entries as bytes', () => {
	test('a Struct that protobufjs wrote is read as it was', () => {
		fc.assert(
			fc.property(fc.dictionary(fc.string(), json, { maxKeys: 4, noNullPrototype: true }), (response) => {
				const [field] = bytesOf(fieldsOf(encoded({ serviceName: 's', methodName: 'm', response })), 17);
				expect(field === undefined ? {} : structOf(field)).toEqual(response);
			}),
		);
	});

	test('who, what, how it ended, and what was not granted', () => {
		const log = readAuditLog(
			encoded({
				serviceName: 'composer.googleapis.com',
				methodName: 'google.cloud.orchestration.airflow.service.v1.Environments.UpdateEnvironment',
				resourceName: 'projects/p/locations/l/environments/e',
				authenticationInfo: { principalEmail: 'a@b.example' },
				authorizationInfo: [
					{ permission: 'composer.environments.update', granted: false },
					{ permission: 'composer.environments.get', granted: true },
				],
				status: { code: 7, message: 'The caller does not have permission' },
			}),
		);
		expect(log).toMatchObject({
			service: 'composer.googleapis.com',
			target: 'projects/p/locations/l/environments/e',
			actor: 'a@b.example',
			code: 7,
			message: 'The caller does not have permission',
			refused: ['composer.environments.update'],
			policy: undefined,
		});
	});

	test('whatever comes is read to an end', () => {
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
				readAuditLog(bytes);
				structOf(bytes);
			}),
			{ numRuns: 500 },
		);
	});

	test('nesting without end is cut, not followed', () => {
		let bytes = new Uint8Array();
		const wrap = (tag: number): void => {
			const length: number[] = [];
			for (let n = bytes.length; ; n >>= 7) {
				length.push((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
				if (n <= 0x7f) break;
			}
			bytes = new Uint8Array([tag, ...length, ...bytes]);
		};
		// Struct → fields entry → value → struct_value → Struct …
		for (let depth = 0; depth < 150; depth++) for (const tag of [0x2a, 0x12, 0x0a]) wrap(tag);
		expect(JSON.stringify(structOf(bytes)).length).toBeLessThan(500);
	});
});
