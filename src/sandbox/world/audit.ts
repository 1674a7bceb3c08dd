import { denied } from './refusal.ts';
import { may } from './may.ts';
import { nameOf } from './policy.ts';
import type { Binding, JsonObject, NewEntry, Place } from './types.ts';
import type { World } from './world.ts';

/** One call as Cloud Audit Logs writes it down. */
export type Audited = {
	by: string;
	service: string;
	/** `SetIamPolicy`, `google.iam.admin.v1.SetIAMPolicy` … */
	method: string;
	resourceName: string;
	resource: NewEntry['resource'];
	permission: string;
	granted?: boolean;
	request?: JsonObject;
	response?: JsonObject;
	serviceData?: JsonObject;
	metadata?: JsonObject;
	/** It failed. */
	status?: { code: number; message: string };
	operation?: { id: string; first?: boolean; last?: boolean };
	at?: number;
};

export function writeAudit(world: World, one: Audited): void {
	world.log.write({
		log: 'cloudaudit.googleapis.com/activity',
		resource: one.resource,
		severity: one.status ? 'ERROR' : 'NOTICE',
		...(one.at !== undefined && { at: one.at }),
		...(one.operation && { operation: { producer: one.service, ...one.operation } }),
		audit: {
			'@type': 'type.googleapis.com/google.cloud.audit.AuditLog',
			serviceName: one.service,
			methodName: one.method,
			resourceName: one.resourceName,
			authenticationInfo: { principalEmail: one.by },
			authorizationInfo: [
				{ resource: one.resourceName, permission: one.permission, ...(one.granted !== false && { granted: true }) },
			],
			requestMetadata: { callerIp: '203.0.113.7', callerSuppliedUserAgent: 'google-cloud-sdk gcloud/578.0.0' },
			...(one.status && { status: one.status }),
			...(one.request && { request: one.request }),
			...(one.response && { response: one.response }),
			...(one.serviceData && { serviceData: one.serviceData }),
			...(one.metadata && { metadata: one.metadata }),
		},
	});
}

/** Asks for a right before a change; what is refused is written down too. Throws GoogleRefusal. */
export function mustChange(world: World, place: Place, call: Audited): void {
	if (may(world, call.by, call.permission, place)) return;
	const refusal = denied(call.permission, place.kind === 'serviceAccount' ? undefined : nameOf(world, place));
	writeAudit(world, { ...call, granted: false, status: { code: refusal.grpc, message: refusal.message } });
	throw refusal;
}

/** What changed between two policies, as `serviceData.policyDelta` tells it; undefined: nothing. */
export function policyDelta(before: readonly Binding[], after: readonly Binding[]): JsonObject | undefined {
	const flat = (bindings: readonly Binding[]): Map<string, { role: string; member: string }> =>
		new Map(
			bindings.flatMap(({ role, members, condition }) =>
				members.map((member) => [`${role} ${member} ${condition?.expression ?? ''}`, { role, member }] as const),
			),
		);
	const [old, fresh] = [flat(before), flat(after)];
	const deltas = [
		...[...old].filter(([key]) => !fresh.has(key)).map(([, one]) => ({ action: 'REMOVE', ...one })),
		...[...fresh].filter(([key]) => !old.has(key)).map(([, one]) => ({ action: 'ADD', ...one })),
	];
	if (deltas.length === 0) return undefined;
	return {
		'@type': 'type.googleapis.com/google.iam.v1.logging.AuditData',
		policyDelta: { bindingDeltas: deltas },
	};
}
