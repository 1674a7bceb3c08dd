import { z } from 'zod';
import type { AuditEntry, KubernetesEvent, LogLine } from '../../domain/evidence.ts';
import { mask } from '../../domain/mask.ts';
import type { PolicyRecord } from '../../domain/policy.ts';
import { clip, visible } from '../../domain/text.ts';
import { AUDIT_TYPE, readAuditLog, type AuditLog } from './audit-log.ts';
import type { Json } from './wire.ts';

/** As much of google.logging.v2.LogEntry as is used, as the generated client decodes it. */
const entry = z.object({
	timestamp: z.object({ seconds: z.coerce.number(), nanos: z.number().nullish() }).nullish(),
	severity: z.string().nullish(),
	labels: z.record(z.string(), z.string()).nullish(),
	resource: z.object({ type: z.string().nullish(), labels: z.record(z.string(), z.string()).nullish() }).nullish(),
	textPayload: z.string().nullish(),
	jsonPayload: z.unknown().optional(),
	protoPayload: z
		.object({
			type_url: z.string().nullish(),
			value: z.custom<Uint8Array>((given) => ArrayBuffer.isView(given)).nullish(),
		})
		.nullish(),
});
export type Entry = z.output<typeof entry>;

const page = z.object({ entries: z.array(entry), nextPageToken: z.string().nullish() });

/** Undefined: not an answer we know. */
export function readPage(answer: unknown): z.output<typeof page> | undefined {
	const read = page.safeParse(answer);
	return read.success ? read.data : undefined;
}

/** A task's line is cut at 4,096 characters by Composer itself; a traceback is one entry and may be longer. */
const MOST = 16_384;

export function toLine(one: Entry): LogLine {
	const { labels, resource } = one;
	return {
		at: timeOf(one),
		severity: one.severity || 'DEFAULT',
		text: shown(textOf(one)),
		labels: { ...(resource?.type === 'k8s_pod' ? resource.labels : {}), ...labels },
	};
}

export function toEvent(one: Entry): KubernetesEvent {
	const payload = fromStruct(one.jsonPayload);
	const about = objectOf(payload['involvedObject']);
	const labels = one.resource?.labels ?? {};
	const kind = stringOf(about['kind']) || (one.resource?.type === 'k8s_node' ? 'Node' : 'Pod');
	const name = stringOf(about['name']) || labels['pod_name'] || labels['node_name'] || '';
	const namespace = stringOf(about['namespace']) || labels['namespace_name'];
	return {
		at: timeOf(one),
		reason: shown(stringOf(payload['reason'])),
		message: shown(stringOf(payload['message']) || textOf(one)),
		object: shown(namespace ? `${kind}/${namespace}/${name}` : `${kind}/${name}`),
	};
}

/** Undefined: no audit entry. */
function auditLogOf({ protoPayload }: Entry): AuditLog | undefined {
	if (protoPayload?.type_url !== AUDIT_TYPE || !protoPayload.value) return undefined;
	return readAuditLog(protoPayload.value);
}

export function toAudit(one: Entry): AuditEntry[] {
	const log = auditLogOf(one);
	if (!log) return [];
	const { actor, method, target, code, message, refused, uniqueId } = log;
	const lacking =
		refused.length > 0 && !refused.some((name) => message.includes(name)) ? ` (${refused.join(', ')})` : '';
	const said = `${message}${lacking}`.trim();
	return [
		{
			at: timeOf(one),
			actor: shown(actor),
			method: shown(method),
			target: shown(target),
			code,
			...(said === '' ? {} : { message: shown(said) }),
			...(uniqueId === undefined ? {} : { uniqueId: shown(uniqueId) }),
		},
	];
}

/** What was refused changed nothing. */
export function toPolicyRecord(one: Entry): PolicyRecord[] {
	const log = auditLogOf(one);
	if (!log || log.code !== 0) return [];
	const { type, labels } = one.resource ?? {};
	const own = type === 'service_account';
	const safe = (grants: readonly { role: string; member: string }[]): { role: string; member: string }[] =>
		grants.map(({ role, member }) => ({ role: shown(role), member: shown(member) }));
	return [
		{
			at: timeOf(one),
			actor: shown(log.actor),
			on: own ? 'serviceAccount' : 'project',
			target: (own ? labels?.['email_id'] : labels?.['project_id']) ?? log.target,
			after: log.policy?.map(({ role, members, condition }) => ({
				role: shown(role),
				members: members.map(shown),
				...(condition === undefined ? {} : { condition: shown(condition) }),
			})),
			delta: log.delta && { added: safe(log.delta.added), removed: safe(log.delta.removed) },
		},
	];
}

function timeOf({ timestamp }: Entry): string {
	const at = (timestamp?.seconds ?? 0) * 1000 + Math.floor((timestamp?.nanos ?? 0) / 1e6);
	return new Date(Number.isFinite(at) ? at : 0).toISOString();
}

function textOf({ textPayload, jsonPayload }: Entry): string {
	if (textPayload) return textPayload;
	const payload = fromStruct(jsonPayload);
	const told = ['message', 'MESSAGE', 'log', 'event']
		.map((name) => payload[name])
		.find((value) => typeof value === 'string');
	if (typeof told === 'string') return told;
	return Object.keys(payload).length === 0 ? '' : JSON.stringify(payload);
}

// Colours: a line's pattern would not find its words among them.
const ANSI = /\u001b\[[0-9;]{0,20}m/g;

/** Masked, invisible characters shown, and no longer than anybody reads. Not quoted for Slack: patterns are run on it first. */
function shown(text: string): string {
	return clip(visible(mask(text.replace(ANSI, ''))), MOST);
}

const stringOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
const objectOf = (value: Json | undefined): { [key: string]: Json } =>
	value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};

const struct = z.object({ fields: z.record(z.string(), z.unknown()).nullish() });
const value = z.object({
	stringValue: z.string().nullish(),
	numberValue: z.number().nullish(),
	boolValue: z.boolean().nullish(),
	structValue: z.unknown().optional(),
	listValue: z.object({ values: z.array(z.unknown()).nullish() }).nullish(),
});

/** google.protobuf.Struct as the generated client decodes it. Deeper than `depth` is left out: the sender is not ours. */
function fromStruct(given: unknown, depth = 20): { [key: string]: Json } {
	const read = struct.safeParse(given);
	if (!read.success || depth < 0) return {};
	return Object.fromEntries(
		Object.entries(read.data.fields ?? {}).map(([name, one]): [string, Json] => [name, fromValue(one, depth)]),
	);
}

function fromValue(given: unknown, depth: number): Json {
	const read = value.safeParse(given);
	if (!read.success) return null;
	const { stringValue, numberValue, boolValue, structValue, listValue } = read.data;
	if (structValue != null) return fromStruct(structValue, depth - 1);
	if (listValue != null) return (listValue.values ?? []).map((one) => fromValue(one, depth - 1));
	return stringValue ?? numberValue ?? boolValue ?? null;
}
