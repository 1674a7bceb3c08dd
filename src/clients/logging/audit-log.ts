import type { Binding } from '../../domain/evidence.ts';
import type { PolicyRecord } from '../../domain/policy.ts';
import { bytesOf, fieldsOf, numberOf, stringOf, structOf, type Json } from './wire.ts';

/** What we read of a google.cloud.audit.AuditLog. */
export type AuditLog = {
	service: string;
	method: string;
	target: string;
	actor: string;
	/** google.rpc.Code; 0 when it went through. */
	code: number;
	message: string;
	/** Permissions that were asked for and not granted. */
	refused: readonly string[];
	/** The policy it answered with; undefined: it answered with none. */
	policy: readonly Binding[] | undefined;
	delta: PolicyRecord['delta'];
	/** Of VPC Service Controls. */
	uniqueId: string | undefined;
};

export const AUDIT_TYPE = 'type.googleapis.com/google.cloud.audit.AuditLog';
const POLICY_DATA = 'type.googleapis.com/google.iam.v1.logging.AuditData';
const ADD = 1;

/** Field numbers: google/cloud/audit/audit_log.proto, google/rpc/status.proto, google/iam/v1/logging/audit_data.proto. */
export function readAuditLog(bytes: Uint8Array): AuditLog {
	const log = fieldsOf(bytes);
	const status = fieldsOf(bytesOf(log, 2).at(-1) ?? NONE);
	const metadata = structOf(bytesOf(log, 18).at(-1) ?? NONE);
	const response = bytesOf(log, 17).at(-1);
	const uniqueId = metadata['vpcServiceControlsUniqueId'];
	return {
		service: stringOf(log, 7),
		method: stringOf(log, 8),
		target: stringOf(log, 11),
		actor: stringOf(fieldsOf(bytesOf(log, 3).at(-1) ?? NONE), 1),
		code: numberOf(status, 1),
		message: stringOf(status, 2),
		refused: bytesOf(log, 9)
			.map((one) => fieldsOf(one))
			.filter((fields) => numberOf(fields, 3) === 0 && stringOf(fields, 2) !== '')
			.map((fields) => stringOf(fields, 2)),
		policy: response === undefined ? undefined : bindingsOf(structOf(response)),
		delta: deltaOf(bytesOf(log, 15).at(-1)),
		uniqueId: typeof uniqueId === 'string' && uniqueId !== '' ? uniqueId : undefined,
	};
}

const NONE = new Uint8Array();

/** A policy without bindings has no `bindings`; what is no policy at all has neither these nor an etag. */
function bindingsOf(response: { [key: string]: Json }): Binding[] | undefined {
	const { bindings, etag } = response;
	if (!Array.isArray(bindings)) return etag === undefined ? undefined : [];
	return bindings.flatMap((one) => {
		if (one === null || typeof one !== 'object' || Array.isArray(one) || typeof one['role'] !== 'string') return [];
		const { members, condition } = one;
		const title =
			condition !== null && typeof condition === 'object' && !Array.isArray(condition) ? condition['title'] : undefined;
		return [
			{
				role: one['role'],
				members: (Array.isArray(members) ? members : []).filter((member) => typeof member === 'string'),
				...(typeof title === 'string' ? { condition: title } : {}),
			},
		];
	});
}

/** `service_data`, which project policies carry: an Any with the difference. */
function deltaOf(any: Uint8Array | undefined): PolicyRecord['delta'] {
	if (any === undefined) return undefined;
	const wrapped = fieldsOf(any);
	if (stringOf(wrapped, 1) !== POLICY_DATA) return undefined;
	const policyDelta = bytesOf(fieldsOf(bytesOf(wrapped, 2).at(-1) ?? NONE), 2).at(-1);
	const deltas = bytesOf(fieldsOf(policyDelta ?? NONE), 1).map((one) => {
		const fields = fieldsOf(one);
		return { add: numberOf(fields, 1) === ADD, role: stringOf(fields, 2), member: stringOf(fields, 3) };
	});
	const those = (add: boolean): { role: string; member: string }[] =>
		deltas.filter((one) => one.add === add).map(({ role, member }) => ({ role, member }));
	return { added: those(true), removed: those(false) };
}
