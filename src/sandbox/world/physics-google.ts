import type { Frame, Raised } from '../airflow/types.ts';
import { may } from './may.ts';
import type { GoogleCall } from './physics-needs.ts';
import { apiDisabled, outsidePerimeter } from './refusal.ts';
import type { Place } from './types.ts';
import type { World } from './world.ts';

/** As whom a call is made: an account, or a pod that none stands behind. */
export type Caller =
	| { email: string }
	/** Workload Identity refuses the account's token to this Kubernetes account. */
	| { refused: 403 | 404; account: string }
	/** A Kubernetes account by itself. */
	| { pool: string };

/** What a client library raises; undefined: the call went through. */
export type Refused = { type: string; message: string; frames: readonly Frame[] };

const HTTP: Frame = {
	file: 'google/cloud/_http/__init__.py',
	line: 494,
	name: 'api_request',
	code: 'raise exceptions.from_http_response(response)',
};
const STORAGE: Frame = {
	file: 'google/cloud/storage/client.py',
	line: 1247,
	name: '_do_download',
	code: '_raise_from_invalid_response(exc)',
};
const GRPC: Frame = {
	file: 'google/api_core/grpc_helpers.py',
	line: 77,
	name: 'error_remapped_callable',
	code: 'raise exceptions.from_grpc_error(exc) from exc',
};
const AUTH: Frame = {
	file: 'google/auth/compute_engine/credentials.py',
	line: 128,
	name: 'refresh',
	code: 'raise new_exc from caught_exc',
};
const IMPERSONATED: Frame = {
	file: 'google/auth/impersonated_credentials.py',
	line: 127,
	name: '_make_iam_token_request',
	code: 'raise exceptions.RefreshError(_REFRESH_ERROR, response_body)',
};

const METADATA = 'http://metadata.google.internal/computeMetadata/v1/instance/service-accounts';

/** Makes the call in the world, in the order in which Google looks: identity, API, billing, perimeter, quota, role, the thing itself. */
export function callGoogle(world: World, caller: Caller, call: GoogleCall): Refused | undefined {
	if ('refused' in caller) return noToken(caller);
	if (call.api === 'impersonate') return impersonate(world, caller, call.account);
	const { project } = world;
	const { service, title, url, frames } = aboutOf(world, call);
	const forbidden = (message: string, type = 'google.api_core.exceptions.Forbidden'): Refused => ({
		type,
		message: `403 ${url}: ${message}`,
		frames,
	});
	if (!project.enabledApis.has(service)) return forbidden(apiDisabled(service, title, project).message);
	if (!project.billingEnabled)
		return forbidden(`The billing account for the owning project is disabled in state absent`);
	const who = 'email' in caller ? caller.email : caller.pool;
	const { perimeter } = project;
	if (perimeter?.services.has(service) && !perimeter.members.has(`serviceAccount:${who}`)) {
		const refusal = outsidePerimeter(service);
		auditPerimeter(world, who, service, refusal.message);
		return forbidden(refusal.message);
	}
	switch (call.api) {
		case 'storage':
			return callStorage(world, who, call, url);
		case 'bigquery':
			return callBigQuery(world, who, call, forbidden);
		default: {
			const topic: Place = {
				kind: 'thing',
				name: `pubsub.googleapis.com/projects/${call.project}/topics/${call.topic}`,
			};
			if (may(world, who, 'pubsub.topics.publish', topic)) return undefined;
			return {
				type: 'google.api_core.exceptions.PermissionDenied',
				message: `403 User not authorized to perform this action. Permission 'pubsub.topics.publish' denied on resource 'projects/${call.project}/topics/${call.topic}' (or it may not exist).`,
				frames,
			};
		}
	}
}

function aboutOf(
	world: World,
	call: Exclude<GoogleCall, { api: 'impersonate' }>,
): { service: string; title: string; url: string; frames: readonly Frame[] } {
	switch (call.api) {
		case 'storage':
			return {
				service: 'storage.googleapis.com',
				title: 'Cloud Storage API',
				url:
					call.does === 'get'
						? `GET https://storage.googleapis.com/download/storage/v1/b/${call.bucket}/o/${encodeURIComponent(call.object)}?alt=media`
						: `POST https://storage.googleapis.com/upload/storage/v1/b/${call.bucket}/o?uploadType=multipart`,
				frames: [STORAGE],
			};
		case 'bigquery':
			return {
				service: 'bigquery.googleapis.com',
				title: 'BigQuery API',
				url: `POST https://bigquery.googleapis.com/bigquery/v2/projects/${world.project.id}/jobs?prettyPrint=false`,
				frames: [HTTP],
			};
		default:
			return {
				service: 'pubsub.googleapis.com',
				title: 'Cloud Pub/Sub API',
				url: 'pubsub.googleapis.com:443',
				frames: [GRPC],
			};
	}
}

function callStorage(
	world: World,
	who: string,
	{ does, bucket, object }: Extract<GoogleCall, { api: 'storage' }>,
	url: string,
): Refused | undefined {
	const permission = `storage.objects.${does}`;
	const found = world.buckets.get(bucket);
	if (!may(world, who, permission, { kind: 'bucket', name: bucket }))
		return {
			type: 'google.api_core.exceptions.Forbidden',
			message: `403 ${url}: ${who} does not have ${permission} access to the Google Cloud Storage object. Permission '${permission}' denied on resource (or it may not exist).`,
			frames: [STORAGE],
		};
	if (!found)
		return {
			type: 'google.api_core.exceptions.NotFound',
			message: `404 ${url}: The specified bucket does not exist.`,
			frames: [STORAGE],
		};
	if (does === 'get' && !found.objects.has(object))
		return {
			type: 'google.api_core.exceptions.NotFound',
			message: `404 ${url}: No such object: ${bucket}/${object}`,
			frames: [STORAGE],
		};
	if (does === 'create') found.objects.set(object, { bytes: 1024 });
	return undefined;
}

function callBigQuery(
	world: World,
	who: string,
	{ table }: Extract<GoogleCall, { api: 'bigquery' }>,
	forbidden: (message: string) => Refused,
): Refused | undefined {
	const { id } = world.project;
	if (!may(world, who, 'bigquery.jobs.create'))
		return forbidden(
			`Access Denied: Project ${id}: User does not have bigquery.jobs.create permission in project ${id}.`,
		);
	const jobs = world.project.quotas.get('bigquery-queued-jobs');
	if (jobs && jobs.usage >= jobs.limit)
		return forbidden(
			'Quota exceeded: Your project and region exceeded quota for max number of jobs that can be queued per project. For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas',
		);
	if (!table) return undefined;
	const dataset: Place = { kind: 'thing', name: `bigquery.googleapis.com/projects/${id}/datasets/${table.dataset}` };
	if (!may(world, who, 'bigquery.tables.getData', dataset))
		return forbidden(
			`Access Denied: Table ${id}:${table.dataset}.${table.name}: User does not have permission to query table ${id}:${table.dataset}.${table.name}, or perhaps it does not exist.`,
		);
	if (world.things.has(dataset.name)) return undefined;
	return {
		type: 'google.api_core.exceptions.NotFound',
		message: `404 POST https://bigquery.googleapis.com/bigquery/v2/projects/${id}/jobs?prettyPrint=false: Not found: Dataset ${id}:${table.dataset} was not found in location EU`,
		frames: [HTTP],
	};
}

function impersonate(
	world: World,
	caller: Exclude<Caller, { refused: unknown }>,
	account: string,
): Refused | undefined {
	const who = 'email' in caller ? caller.email : caller.pool;
	if (may(world, who, 'iam.serviceAccounts.getAccessToken', { kind: 'serviceAccount', email: account }))
		return undefined;
	const body = JSON.stringify({
		error: {
			code: 403,
			message: "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
			status: 'PERMISSION_DENIED',
		},
	});
	return {
		type: 'google.auth.exceptions.RefreshError',
		message: `('Unable to acquire impersonated credentials', '${body}')`,
		frames: [IMPERSONATED],
	};
}

/** What the metadata server of GKE answers a pod that may not become its account. */
function noToken({ refused, account }: Extract<Caller, { refused: unknown }>): Refused {
	const said =
		refused === 403
			? "Unable to generate access token; IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).\\nThis error could be caused by a missing IAM policy binding on the target IAM service account.\\nFor more information, refer to the Workload Identity documentation:\\n\\thttps://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity#authenticating_to\\n\\n"
			: 'Unable to generate access token; IAM returned 404 Not Found: Requested entity was not found.\\n';
	return {
		type: 'google.auth.exceptions.RefreshError',
		message: `("Failed to retrieve ${METADATA}/${account}/token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform from the Google Compute Engine metadata service. Status: ${refused} Response:\\nb\\"${said}\\"", <google.auth.transport.requests._Response object at 0x7f2a5c1d9f10>)`,
		frames: [AUTH],
	};
}

/** Refusals at a perimeter have an audit log of their own, in the project behind it. */
function auditPerimeter(world: World, who: string, service: string, message: string): void {
	const id = /vpcServiceControlsUniqueIdentifier: (\S+)/.exec(message)?.[1] ?? '';
	world.log.write({
		log: 'cloudaudit.googleapis.com/policy',
		resource: {
			type: 'audited_resource',
			labels: { project_id: world.project.id, service, method: `${service.split('.')[0]}.request` },
		},
		severity: 'ERROR',
		audit: {
			'@type': 'type.googleapis.com/google.cloud.audit.AuditLog',
			serviceName: service,
			methodName: `${service.split('.')[0]}.request`,
			resourceName: `projects/${world.project.number}`,
			authenticationInfo: { principalEmail: who },
			status: { code: 7, message },
			metadata: {
				'@type': 'type.googleapis.com/google.cloud.audit.VpcServiceControlAuditMetadata',
				vpcServiceControlsUniqueId: id,
				violationReason: 'NO_MATCHING_ACCESS_LEVEL',
				securityPolicyInfo: { servicePerimeterName: 'accessPolicies/4711/servicePerimeters/data' },
			},
		},
	});
}

/** As a task's exception: from the user's line down into the library. */
export function asRaised({ type, message, frames }: Refused, line: number, functionName: string): Raised {
	return { type, message, line, function: functionName, frames: { own: true, below: frames } };
}
