import type { JsonObject } from './types.ts';

/** Google's canonical codes that occur here, with the number gRPC gives them and the one HTTP does. */
const CODES = {
	INVALID_ARGUMENT: { grpc: 3, http: 400 },
	DEADLINE_EXCEEDED: { grpc: 4, http: 504 },
	NOT_FOUND: { grpc: 5, http: 404 },
	ALREADY_EXISTS: { grpc: 6, http: 409 },
	PERMISSION_DENIED: { grpc: 7, http: 403 },
	RESOURCE_EXHAUSTED: { grpc: 8, http: 429 },
	FAILED_PRECONDITION: { grpc: 9, http: 400 },
	ABORTED: { grpc: 10, http: 409 },
	UNIMPLEMENTED: { grpc: 12, http: 501 },
	INTERNAL: { grpc: 13, http: 500 },
	UNAVAILABLE: { grpc: 14, http: 503 },
	UNAUTHENTICATED: { grpc: 16, http: 401 },
} as const;
export type Status = keyof typeof CODES;

/** Google said no: over HTTP it is the `error` of the answer, over gRPC the status, and gcloud prints its message. */
export class GoogleRefusal extends Error {
	readonly status: Status;
	readonly details: readonly JsonObject[];
	constructor(status: Status, message: string, details: readonly JsonObject[] = []) {
		super(message);
		this.status = status;
		this.details = details;
	}
	get http(): number {
		return CODES[this.status].http;
	}
	get grpc(): number {
		return CODES[this.status].grpc;
	}
}

export function errorInfo(reason: string, domain: string, metadata: Record<string, string>): JsonObject {
	return { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain, metadata };
}

/** `resource` as the service names it: `projects/P`. Undefined: the service does not say on what. */
export function denied(permission: string, resource?: string): GoogleRefusal {
	const [service = ''] = permission.split('.', 1);
	return new GoogleRefusal(
		'PERMISSION_DENIED',
		// Cloud Monitoring has a sentence of its own, and IAM and Logging do not say on what.
		service === 'monitoring'
			? `Permission ${permission} denied (or the resource may not exist).`
			: `Permission '${permission}' denied on resource ${resource === undefined ? '' : `'${resource}' `}(or it may not exist).`,
		[
			errorInfo(
				'IAM_PERMISSION_DENIED',
				service === 'resourcemanager' ? 'cloudresourcemanager.googleapis.com' : 'iam.googleapis.com',
				{
					permission,
					...(resource === undefined ? {} : { resource }),
				},
			),
		],
	);
}

/** `title`: `Cloud Composer API`. */
export function apiDisabled(api: string, title: string, project: { id: string; number: string }): GoogleRefusal {
	const link = `https://console.developers.google.com/apis/api/${api}/overview?project=${project.number}`;
	return new GoogleRefusal(
		'PERMISSION_DENIED',
		`${title} has not been used in project ${project.number} before or it is disabled. Enable it by visiting ${link} then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.`,
		[
			errorInfo('SERVICE_DISABLED', 'googleapis.com', {
				service: api,
				serviceTitle: title,
				consumer: `projects/${project.number}`,
				containerInfo: project.number,
				activationUrl: link,
			}),
			{
				'@type': 'type.googleapis.com/google.rpc.Help',
				links: [{ description: 'Google developers console API activation', url: link }],
			},
		],
	);
}

export function rateLimited(
	service: string,
	limit: string,
	metric: string,
	perMinute: number,
	number: string,
): GoogleRefusal {
	return new GoogleRefusal(
		'RESOURCE_EXHAUSTED',
		`Quota exceeded for quota metric '${metric}' and limit '${metric} per minute' of service '${service}' for consumer 'project_number:${number}'.`,
		[
			errorInfo('RATE_LIMIT_EXCEEDED', 'googleapis.com', {
				consumer: `projects/${number}`,
				quota_limit: limit,
				quota_limit_value: String(perMinute),
				quota_location: 'global',
				quota_metric: `${service}/${metric.toLowerCase().replaceAll(' ', '_')}`,
				service,
			}),
		],
	);
}

/** Google's is made anew for each refusal; people hand it to whoever looks after the perimeter. */
const PERIMETER_REFUSAL = 'k2vXq0Yh1sQmLw';

export function outsidePerimeter(service: string): GoogleRefusal {
	return new GoogleRefusal(
		'PERMISSION_DENIED',
		`Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: ${PERIMETER_REFUSAL}`,
		[
			{
				'@type': 'type.googleapis.com/google.rpc.PreconditionFailure',
				violations: [{ type: 'VPC_SERVICE_CONTROLS', description: PERIMETER_REFUSAL }],
			},
			errorInfo('SECURITY_POLICY_VIOLATED', 'googleapis.com', { uid: PERIMETER_REFUSAL, service }),
		],
	);
}

export const invalid = (message: string, field?: string): GoogleRefusal =>
	new GoogleRefusal(
		'INVALID_ARGUMENT',
		message,
		field === undefined
			? []
			: [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field, description: message }] }],
	);

export const notFound = (message: string): GoogleRefusal => new GoogleRefusal('NOT_FOUND', message);
