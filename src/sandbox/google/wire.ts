import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { loadPackageDefinition, type ServiceDefinition } from '@grpc/grpc-js';
import { fromJSON, type PackageDefinition } from '@grpc/proto-loader';
import type { Json, JsonObject, LogEntry } from '../world/world.ts';

/** A file of protobufjs' JSON form, as far as we walk it. */
type Tree = { nested?: Record<string, Tree>; methods?: Record<string, unknown> };

/** What the two calls are made of. The whole file takes a tenth of a second to load, and every start of the demo would wait for it. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
	'google.protobuf': ['Any', 'Duration', 'Timestamp', 'Struct', 'Value', 'NullValue', 'ListValue'],
	'google.rpc': ['Status'],
	'google.api': ['MonitoredResource', 'MonitoredResourceMetadata'],
	'google.logging.type': ['HttpRequest', 'LogSeverity'],
	'google.logging.v2': [
		'LogEntry',
		'LogEntryOperation',
		'LogEntrySourceLocation',
		'LogSplit',
		'LoggingServiceV2',
		'ListLogEntriesRequest',
		'ListLogEntriesResponse',
		'TailLogEntriesRequest',
		'TailLogEntriesResponse',
	],
};
const METHODS = ['ListLogEntries', 'TailLogEntries'];

const field = (type: string, id: number, rule?: 'repeated') => ({ type, id, ...(rule && { rule }) });
/** A message, and a service whose only use is that its request is that message: proto-loader gives serializers for services. */
const message = (fields: object) => ({ fields });

/** Not shipped with the client: written down from google/cloud/audit/audit_log.proto and google/rpc/error_details.proto. */
const MORE: Tree = {
	nested: {
		AuditLog: message({
			serviceName: field('string', 7),
			methodName: field('string', 8),
			resourceName: field('string', 11),
			status: field('google.rpc.Status', 2),
			authenticationInfo: field('AuthenticationInfo', 3),
			authorizationInfo: field('AuthorizationInfo', 9, 'repeated'),
			requestMetadata: field('RequestMetadata', 4),
			request: field('google.protobuf.Struct', 16),
			response: field('google.protobuf.Struct', 17),
			metadata: field('google.protobuf.Struct', 18),
			serviceData: field('google.protobuf.Any', 15),
		}) as Tree,
		AuthenticationInfo: message({ principalEmail: field('string', 1) }) as Tree,
		AuthorizationInfo: message({
			resource: field('string', 1),
			permission: field('string', 2),
			granted: field('bool', 3),
		}) as Tree,
		RequestMetadata: message({
			callerIp: field('string', 1),
			callerSuppliedUserAgent: field('string', 2),
		}) as Tree,
		AuditData: message({ policyDelta: field('PolicyDelta', 2) }) as Tree,
		PolicyDelta: message({ bindingDeltas: field('BindingDelta', 1, 'repeated') }) as Tree,
		BindingDelta: message({
			action: field('int32', 1),
			role: field('string', 2),
			member: field('string', 3),
		}) as Tree,
		ErrorInfo: {
			fields: {
				reason: field('string', 1),
				domain: field('string', 2),
				metadata: { keyType: 'string', type: 'string', id: 3 },
			},
		} as Tree,
		Codecs: {
			methods: Object.fromEntries(
				['AuditLog', 'AuditData', 'ErrorInfo', 'google.rpc.Status'].map((type) => [
					type.split('.').at(-1) ?? type,
					{ requestType: type, responseType: type },
				]),
			),
		},
	},
};

export type Codecs = {
	logging: ServiceDefinition;
	entry: (entry: LogEntry) => object;
	/** For the trailer `grpc-status-details-bin`. */
	status: (code: number, message: string, details: readonly JsonObject[]) => Buffer;
};

/** The protocol of Cloud Logging, from the protos that ship inside the client. */
export function loadWire(): Codecs {
	const require = createRequire(import.meta.url);
	const file = createRequire(require.resolve('@google-cloud/logging')).resolve(
		'@google-cloud/logging-api/build/protos/protos.json',
	);
	const protos = JSON.parse(readFileSync(file, 'utf8')) as Tree;
	const loaded = fromJSON(
		{ nested: { ...needed(protos), sandbox: MORE } },
		{ longs: String, enums: String, defaults: true, oneofs: true },
	);
	const codecs = serviceOf(loaded, 'sandbox.Codecs');
	const bytes = (type: string, value: object): Buffer => {
		const method = codecs[type];
		if (!method) throw new Error(`There is no codec for ${type}.`);
		return method.requestSerialize(value);
	};
	const any = (type: string, value: Buffer) => ({ type_url: `type.googleapis.com/${type}`, value });
	return {
		logging: serviceOf(loaded, 'google.logging.v2.LoggingServiceV2'),
		entry: (entry) => toEntry(entry, (audit) => any('google.cloud.audit.AuditLog', bytes('AuditLog', auditLog(audit)))),
		status: (code, text, details) =>
			bytes('Status', {
				code,
				message: text,
				details: details
					.filter((one) => one['@type'] === 'type.googleapis.com/google.rpc.ErrorInfo')
					.map((one) => any('google.rpc.ErrorInfo', bytes('ErrorInfo', one))),
			}),
	};

	function auditLog(audit: JsonObject): object {
		const { request, response, metadata, serviceData, ...plain } = audit;
		const delta =
			isObject(serviceData) && isObject(serviceData['policyDelta']) ? serviceData['policyDelta'] : undefined;
		const deltas = delta && Array.isArray(delta['bindingDeltas']) ? delta['bindingDeltas'].filter(isObject) : [];
		return {
			...plain,
			...(isObject(request) && { request: toStruct(request) }),
			...(isObject(response) && { response: toStruct(response) }),
			...(isObject(metadata) && { metadata: toStruct(metadata) }),
			...(delta && {
				serviceData: any(
					'google.iam.v1.logging.AuditData',
					bytes('AuditData', {
						policyDelta: {
							bindingDeltas: deltas.map((one) => ({ ...one, action: one['action'] === 'ADD' ? 1 : 2 })),
						},
					}),
				),
			}),
		};
	}
}

/** The few messages of the file, each where it stood. */
function needed(protos: Tree): Record<string, Tree> {
	const kept: Tree = { nested: {} };
	for (const [place, names] of Object.entries(NEEDED)) {
		let from: Tree | undefined = protos;
		let to = kept;
		for (const part of place.split('.')) {
			from = from?.nested?.[part];
			to = (to.nested ??= {})[part] ??= { nested: {} };
		}
		for (const name of names) {
			const found = from?.nested?.[name];
			if (!found) throw new Error(`The protos have no ${place}.${name}.`);
			(to.nested ??= {})[name] = found.methods
				? { ...found, methods: Object.fromEntries(METHODS.map((method) => [method, found.methods?.[method]])) }
				: found;
		}
	}
	return kept.nested ?? {};
}

function serviceOf(loaded: PackageDefinition, name: string): ServiceDefinition {
	let found: unknown = loadPackageDefinition(loaded);
	for (const part of name.split('.'))
		found = typeof found === 'object' || typeof found === 'function' ? Reflect.get(found ?? {}, part) : undefined;
	if (typeof found !== 'function' || !('service' in found)) throw new Error(`The protos have no service ${name}.`);
	return found.service as ServiceDefinition;
}

function toEntry(entry: LogEntry, audit: (payload: JsonObject) => object): object {
	return {
		logName: entry.logName,
		insertId: entry.insertId,
		resource: { type: entry.resource.type, labels: entry.resource.labels },
		labels: entry.labels,
		severity: entry.severity,
		timestamp: toTimestamp(entry.timestamp),
		receiveTimestamp: toTimestamp(entry.receivedAt),
		...(entry.textPayload !== undefined && { textPayload: entry.textPayload }),
		...(entry.jsonPayload && { jsonPayload: toStruct(entry.jsonPayload) }),
		...(entry.protoPayload && { protoPayload: audit(entry.protoPayload) }),
		...(entry.operation && { operation: { first: false, last: false, ...entry.operation } }),
	};
}

function toTimestamp(at: number): { seconds: string; nanos: number } {
	const seconds = Math.floor(at / 1000);
	return { seconds: String(seconds), nanos: Math.round((at - seconds * 1000) * 1e6) };
}

function toStruct(object: JsonObject): object {
	return { fields: Object.fromEntries(Object.entries(object).map(([key, value]) => [key, toValue(value)])) };
}

function toValue(value: Json): object {
	if (value === null) return { nullValue: 'NULL_VALUE' };
	if (typeof value === 'string') return { stringValue: value };
	if (typeof value === 'number') return { numberValue: value };
	if (typeof value === 'boolean') return { boolValue: value };
	if (Array.isArray(value)) return { listValue: { values: value.map(toValue) } };
	return { structValue: toStruct(value) };
}

const isObject = (value: Json | undefined): value is JsonObject =>
	typeof value === 'object' && value !== null && !Array.isArray(value);
