import { describe, expect, test } from '@jest/globals';
import { diagnose } from '../../src/diagnosis/diagnose.ts';
import { rules } from '../../src/rules/index.ts';

/**
 * How client libraries and services word a refusal, one exception a line: google-cloud, googleapiclient, gcsfs, requests, httpx,
 * aiohttp and others. On the left the causes any of which is right; `user-code-exception` stands for "none of Google's or Airflow's".
 */
const WORDINGS: readonly (readonly [string, string])[] = [
	[
		'gcs-permission-denied',
		"google.api_core.exceptions.Forbidden: 403 GET https://storage.googleapis.com/storage/v1/b/x-bucket?fields=name&prettyPrint=false: svc@p-1.iam.gserviceaccount.com does not have storage.buckets.get access to the Google Cloud Storage bucket. Permission 'storage.buckets.get' denied on resource (or it may not exist).",
	],
	[
		'gcs-permission-denied',
		"google.api_core.exceptions.Forbidden: 403 POST https://storage.googleapis.com/storage/v1/b?project=p-1&prettyPrint=false: svc@p-1.iam.gserviceaccount.com does not have storage.buckets.create access to the Google Cloud project. Permission 'storage.buckets.create' denied on resource (or it may not exist).",
	],
	[
		'gcs-permission-denied',
		'google.cloud.exceptions.Forbidden: 403 GET https://www.googleapis.com/storage/v1/b/x-bucket/o?projection=noAcl: svc@p-1.iam.gserviceaccount.com does not have storage.objects.list access to x-bucket.',
	],
	[
		'gcs-permission-denied',
		'gcsfs.retry.HttpError: svc@p-1.iam.gserviceaccount.com does not have storage.objects.create access to the Google Cloud Storage object., 403',
	],
	['gcs-permission-denied', 'OSError: Forbidden: https://storage.googleapis.com/upload/storage/v1/b/x/o'],
	[
		'gcs-permission-denied',
		`apitools.base.py.exceptions.HttpForbiddenError: HttpError accessing <https://www.googleapis.com/storage/v1/b/x/o/y?alt=json>: response: <{'status': '403'}>, content <{"error": {"code": 403, "message": "svc@p-1.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object."}}>`,
	],
	[
		'bigquery-access-denied',
		'google.api_core.exceptions.Forbidden: 403 GET https://bigquery.googleapis.com/bigquery/v2/projects/p-1/datasets/d?prettyPrint=false: Access Denied: Dataset p-1:d: Permission bigquery.datasets.get denied on dataset p-1:d (or it may not exist).',
	],
	[
		'bigquery-access-denied',
		'google.api_core.exceptions.Forbidden: 403 Access Denied: Table p-1:d.t: Permission bigquery.tables.updateData denied on table p-1:d.t (or it may not exist).; reason: accessDenied, message: Access Denied',
	],
	[
		'bigquery-access-denied',
		`googleapiclient.errors.HttpError: <HttpError 403 when requesting https://bigquery.googleapis.com/bigquery/v2/projects/p-1/jobs?alt=json returned "Access Denied: Project p-1: User does not have bigquery.jobs.create permission in project p-1.". Details: "[{'message': 'Access Denied: Project p-1: User does not have bigquery.jobs.create permission in project p-1.', 'domain': 'global', 'reason': 'accessDenied'}]">`,
	],
	[
		'bigquery-access-denied',
		'pandas_gbq.exceptions.GenericGBQException: Reason: 403 POST https://bigquery.googleapis.com/bigquery/v2/projects/p-1/jobs?prettyPrint=false: Access Denied: Project p-1: User does not have bigquery.jobs.create permission in project p-1.',
	],
	[
		'bigquery-access-denied',
		"airflow.exceptions.AirflowException: BigQuery job failed. Final error was: {'reason': 'accessDenied', 'message': 'Access Denied: Table p-1:d.t: User does not have permission to query table p-1:d.t, or perhaps it does not exist.'}. The job was: {}",
	],
	[
		'bigquery-access-denied',
		'google.api_core.exceptions.Forbidden: 403 Access Denied: Routine p-1:d.f: User does not have permission to access routine p-1:d.f, or perhaps it does not exist.',
	],
	[
		'bigquery-access-denied',
		'sqlalchemy.exc.DatabaseError: (google.cloud.bigquery.dbapi.exceptions.DatabaseError) 403 Access Denied: Table p-1:d.t: User does not have permission to query table p-1:d.t, or perhaps it does not exist.',
	],
	[
		'bigquery-access-denied|google-api-permission-denied',
		"google.api_core.exceptions.PermissionDenied: 403 Permission 'bigquery.connections.use' denied on resource '//bigqueryconnection.googleapis.com/projects/p-1/locations/eu/connections/c' (or it may not exist).",
	],
	[
		'google-api-permission-denied',
		"google.api_core.exceptions.PermissionDenied: 403 Permission 'pubsub.subscriptions.consume' denied on resource (or it may not exist).",
	],
	[
		'google-api-permission-denied',
		"google.api_core.exceptions.PermissionDenied: 403 Permission 'run.jobs.run' denied on resource 'projects/p-1/locations/europe-west1/jobs/j' (or it may not exist).",
	],
	[
		'google-api-permission-denied',
		'google.api_core.exceptions.PermissionDenied: 403 Missing or insufficient permissions.',
	],
	[
		'google-api-permission-denied',
		'google.api_core.exceptions.PermissionDenied: 403 Caller is missing IAM permission spanner.databases.read on resource projects/p-1/instances/i/databases/d.',
	],
	[
		'google-api-permission-denied',
		"google.api_core.exceptions.PermissionDenied: 403 Permission 'aiplatform.customJobs.create' denied on resource '//aiplatform.googleapis.com/projects/p-1/locations/us-central1' (or it may not exist).",
	],
	[
		'google-api-permission-denied',
		"google.api_core.exceptions.PermissionDenied: 403 Permission 'cloudkms.cryptoKeyVersions.useToDecrypt' denied on resource 'projects/p-1/locations/eu/keyRings/k/cryptoKeys/c' (or it may not exist).",
	],
	[
		'google-api-permission-denied',
		"google.api_core.exceptions.Forbidden: 403 POST https://compute.googleapis.com/compute/v1/projects/p-1/zones/z/instances: Required 'compute.instances.create' permission for 'projects/p-1/zones/z/instances/i'",
	],
	[
		'google-api-permission-denied',
		`googleapiclient.errors.HttpError: <HttpError 403 when requesting https://dataflow.googleapis.com/v1b3/projects/p-1/locations/europe-west1/templates:launch?alt=json returned "(abc): Could not create workflow; user does not have write access to project: p-1 Causes: (def): Permission 'dataflow.jobs.create' denied on project: 'p-1'". Details: "...">`,
	],
	[
		'google-api-permission-denied',
		'googleapiclient.errors.HttpError: <HttpError 403 when requesting https://container.googleapis.com/v1/projects/p-1/zones/z/clusters/c?alt=json returned "Required "container.clusters.get" permission(s) for "projects/p-1/zones/z/clusters/c".">',
	],
	[
		'google-api-permission-denied',
		'googleapiclient.errors.HttpError: <HttpError 403 when requesting https://storagetransfer.googleapis.com/v1/transferJobs?alt=json returned "The caller does not have permission". Details: "The caller does not have permission">',
	],
	[
		'google-api-permission-denied',
		'google.api_core.exceptions.Forbidden: 403 POST https://cloudfunctions.googleapis.com/v1/x:call: The caller does not have permission',
	],
	[
		'google-api-permission-denied',
		"aiohttp.client_exceptions.ClientResponseError: 403, message='Forbidden', url=URL('https://cloudfunctions.googleapis.com/v2/projects/p-1')",
	],
	[
		'google-api-permission-denied',
		'google.cloud.sql.connector.exceptions.CloudSQLIAMLoginError: HttpError 403: boss::NOT_AUTHORIZED: Not authorized to access resource. Possibly missing permission cloudsql.instances.connect on resource instances/db.',
	],
	[
		'google-api-permission-denied',
		'requests.exceptions.HTTPError: 403 Client Error: Forbidden for url: https://europe-west1-p-1.cloudfunctions.net/f',
	],
	[
		'google-api-permission-denied|user-code-exception',
		'requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://svc-abcdef-ew.a.run.app/',
	],
	[
		'google-api-permission-denied',
		'google.api_core.exceptions.Forbidden: 403 GET https://serviceusage.googleapis.com/v1/projects/p-1/services: Caller does not have required permission to use project p-1. Grant the caller the roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use permission',
	],
	[
		'google-api-permission-denied',
		'google.api_core.exceptions.Forbidden: 403 GET https://cloudresourcemanager.googleapis.com/v1/projects/p-1: The caller does not have permission',
	],
	[
		'google-api-permission-denied',
		"google.auth.exceptions.RefreshError: ('Request had insufficient authentication scopes.', {})",
	],
	[
		'google-api-permission-denied',
		"google.api_core.exceptions.PermissionDenied: 403 Cloud IAM permission 'datastore.entities.create' is required",
	],
	[
		'google-api-permission-denied|gcs-permission-denied',
		"google.api_core.exceptions.Forbidden: 403 GET https://storage.googleapis.com/storage/v1/b/x?userProject=q: svc@p-1.iam.gserviceaccount.com does not have serviceusage.services.use access to the Google Cloud project. Permission 'serviceusage.services.use' denied on resource (or it may not exist).",
	],
	[
		'api-not-enabled',
		`googleapiclient.errors.HttpError: <HttpError 403 when requesting https://sheets.googleapis.com/v4/spreadsheets/x?alt=json returned "Google Sheets API has not been used in project 123456789012 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project=123456789012 then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.". Details: "[{'reason': 'accessNotConfigured'}]">`,
	],
	[
		'api-not-enabled',
		'google.api_core.exceptions.PermissionDenied: 403 Vertex AI API has not been used in project p-1 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/aiplatform.googleapis.com/overview?project=p-1 then retry. [links { description: "Google developers console API activation" } reason: "SERVICE_DISABLED"]',
	],
	[
		'api-not-enabled',
		'google.api_core.exceptions.Forbidden: 403 Access Not Configured. Compute Engine API has not been used in project 1234 before or it is disabled.',
	],
	[
		'vpc-sc-denied',
		"google.api_core.exceptions.Forbidden: 403 GET https://bigquery.googleapis.com/bigquery/v2/projects/p-1/datasets: VPC Service Controls: Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: Abc_123-xyz.",
	],
	[
		'vpc-sc-denied',
		`googleapiclient.errors.HttpError: <HttpError 403 when requesting https://sqladmin.googleapis.com/v1/projects/p-1/instances?alt=json returned "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: Zz9-abcdefgh". Details: "[{'reason': 'SECURITY_POLICY_VIOLATED'}]">`,
	],
	[
		'billing-disabled',
		'google.api_core.exceptions.Forbidden: 403 POST https://storage.googleapis.com/upload/storage/v1/b/x/o?uploadType=multipart: {\n  "error": {\n    "code": 403,\n    "message": "The billing account for the owning project is disabled in state closed"\n  }\n}\n: (\'Request failed with status code\', 403, \'Expected one of\', <HTTPStatus.OK: 200>)',
	],
	[
		'billing-disabled',
		'googleapiclient.errors.HttpError: <HttpError 403 when requesting https://compute.googleapis.com/compute/v1/projects/p-1 returned "This API method requires billing to be enabled. Please enable billing on project #123 by visiting https://console.developers.google.com/billing/enable?project=123 then retry.">',
	],
	[
		'billing-disabled',
		'google.api_core.exceptions.Forbidden: 403 POST https://bigquery.googleapis.com/bigquery/v2/projects/p-1/jobs: Billing has not been enabled for this project. Enable billing at https://console.cloud.google.com/billing. Datasets must have a default expiration time',
	],
	[
		'impersonation-denied',
		"google.auth.exceptions.RefreshError: ('Unable to acquire impersonated credentials', 'No access token in response.')",
	],
	[
		'impersonation-denied',
		`google.auth.exceptions.RefreshError: ('Unable to acquire impersonated credentials', '{"error": {"code": 404, "message": "Not found; Gaia id not found for email x@p-1.iam.gserviceaccount.com", "status": "NOT_FOUND"}}')`,
	],
	[
		'impersonation-denied',
		"google.api_core.exceptions.PermissionDenied: 403 Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
	],
	[
		'secret-manager-access',
		"google.api_core.exceptions.PermissionDenied: 403 Permission 'secretmanager.versions.access' denied on resource (or it may not exist).",
	],
	[
		'secret-manager-access|data-object-not-found',
		'google.api_core.exceptions.NotFound: 404 Secret Version [projects/1/secrets/s/versions/9] not found.',
	],
	[
		'data-object-not-found',
		'google.api_core.exceptions.NotFound: 404 GET https://bigquery.googleapis.com/bigquery/v2/projects/p-1/datasets/d/tables/t?prettyPrint=false: Not found: Table p-1:d.t',
	],
	[
		'data-object-not-found',
		`googleapiclient.errors.HttpError: <HttpError 404 when requesting https://bigquery.googleapis.com/bigquery/v2/projects/p-1/datasets/d?alt=json returned "Not found: Dataset p-1:d". Details: "[{'message': 'Not found: Dataset p-1:d', 'domain': 'global', 'reason': 'notFound'}]">`,
	],
	[
		'data-object-not-found',
		'google.api_core.exceptions.NotFound: 404 Not found: Job p-1:EU.airflow_x; reason: notFound',
	],
	[
		'data-object-not-found|bigquery-job-failed',
		'google.api_core.exceptions.BadRequest: 400 Not found: Table p-1:d.t was not found in location US at [1:15]',
	],
	[
		'data-object-not-found',
		"airflow.exceptions.AirflowException: BigQuery job failed. Final error was: {'reason': 'notFound', 'message': 'Not found: Table p-1:d.t was not found in location EU'}. The job was: {}",
	],
	['data-object-not-found|user-code-exception', 'FileNotFoundError: my-bucket/path/file.parquet'],
	[
		'bigquery-quota-or-rate-limit',
		'google.api_core.exceptions.Forbidden: 403 POST https://bigquery.googleapis.com/bigquery/v2/projects/p-1/datasets/d/tables/t/insertAll: Exceeded rate limits: too many api requests per user per method for this user_method. For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas',
	],
	[
		'bigquery-quota-or-rate-limit',
		'google.api_core.exceptions.Forbidden: 403 Quota exceeded: Your project exceeded quota for free query bytes scanned. For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas',
	],
	[
		'bigquery-quota-or-rate-limit',
		'google.api_core.exceptions.ResourceExhausted: 429 Resource has been exhausted (e.g. check quota).',
	],
	[
		'bigquery-quota-or-rate-limit',
		'google.api_core.exceptions.TooManyRequests: 429 POST https://storage.googleapis.com/upload/storage/v1/b/x/o: The rate of change requests to the object x/y exceeds the rate limit. Please reduce the rate of create, update, and delete requests.',
	],
	[
		'bigquery-quota-or-rate-limit',
		`googleapiclient.errors.HttpError: <HttpError 403 when requesting https://www.googleapis.com/drive/v3/files?alt=json returned "User Rate Limit Exceeded. Rate of requests for user exceed configured project quota, you may consider re-evaluating expected per-user traffic to the API and adjust project quota limits accordingly.". Details: "[{'domain': 'usageLimits', 'reason': 'userRateLimitExceeded'}]">`,
	],
	[
		'bigquery-quota-or-rate-limit',
		'google.api_core.exceptions.Forbidden: 403 Exceeded rate limits: too many concurrent queries for this project_and_region.',
	],
	[
		'bigquery-quota-or-rate-limit|bigquery-job-failed',
		'google.api_core.exceptions.BadRequest: 400 Resources exceeded during query execution: UDF out of memory.; reason: resourcesExceeded',
	],
	[
		'bigquery-quota-or-rate-limit|gke-quota-exceeded|external-job-failed',
		"google.api_core.exceptions.InvalidArgument: 400 Insufficient 'IN_USE_ADDRESSES' quota. Requested 12.0, available 4.0.",
	],
	[
		'bigquery-job-failed',
		'google.api_core.exceptions.BadRequest: 400 Syntax error: Unexpected keyword FROM at [3:1]; reason: invalidQuery, location: query, message: Syntax error',
	],
	[
		'bigquery-job-failed',
		'google.api_core.exceptions.BadRequest: 400 POST https://bigquery.googleapis.com/bigquery/v2/projects/p-1/jobs?prettyPrint=false: Table "orders" must be qualified with a dataset (e.g. dataset.table).',
	],
	[
		'bigquery-job-failed',
		"airflow.exceptions.AirflowException: BigQuery job failed. Final error was: {'reason': 'invalidQuery', 'location': 'query', 'message': 'Name x not found inside t at [1:8]'}. The job was: {}",
	],
	[
		'bigquery-job-failed',
		'google.api_core.exceptions.ServiceUnavailable: 503 Error encountered during execution. Retrying may solve the problem.; reason: backendError, message: Error encountered',
	],
	[
		'bigquery-job-failed',
		'google.api_core.exceptions.Conflict: 409 POST https://bigquery.googleapis.com/bigquery/v2/projects/p-1/jobs?prettyPrint=false: Already Exists: Job p-1:EU.airflow_x',
	],
	[
		'bigquery-job-failed',
		'google.api_core.exceptions.Conflict: 409 POST https://bigquery.googleapis.com/bigquery/v2/projects/p-1/datasets/d/tables: Already Exists: Table p-1:d.t',
	],
	['bigquery-job-failed', 'google.api_core.exceptions.BadRequest: 400 Query error: Bad double value: abc at [7:10]'],
	[
		'bigquery-job-failed',
		'google.api_core.exceptions.BadRequest: 400 Error while reading data, error message: JSON parsing error in row starting at position 0: No such field: x. File: gs://b/f.json',
	],
	[
		'external-job-failed',
		'airflow.exceptions.AirflowException: Dataproc job features_3 failed: ERROR Google Cloud Dataproc Agent reports job failure.',
	],
	[
		'external-job-failed',
		'airflow.exceptions.AirflowException: Batch job daily-7 failed with error: Google Cloud Dataproc Agent reports job failure. Driver log...',
	],
	['external-job-failed', 'Exception: Google Cloud Dataflow job etl-7 has failed.'],
	['external-job-failed', 'airflow.exceptions.AirflowException: DataFlow failed with return code 1'],
	[
		'external-job-failed',
		'RuntimeError: Training failed with:\ncode: 3\nmessage: "The replica workerpool0-0 exited with a non-zero status of 1."',
	],
	[
		'metadata-server-unavailable',
		'google.auth.exceptions.DefaultCredentialsError: Could not automatically determine credentials. Please set GOOGLE_APPLICATION_CREDENTIALS or explicitly create credentials and re-run the application.',
	],
	['metadata-server-unavailable', 'OSError: Project was not passed and could not be determined from the environment.'],
	[
		'metadata-server-unavailable',
		"google.auth.exceptions.TransportError: HTTPConnectionPool(host='metadata.google.internal', port=80): Max retries exceeded with url: /computeMetadata/v1/instance/service-accounts/default/?recursive=true (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused'))",
	],
	[
		'metadata-server-unavailable',
		"google.auth.exceptions.RefreshError: HTTPConnectionPool(host='169.254.169.254', port=80): Max retries exceeded with url: /computeMetadata/v1/instance/service-accounts/default/token (Caused by ConnectTimeoutError(<urllib3.connection.HTTPConnection object at 0x7f>, 'Connection to 169.254.169.254 timed out. (connect timeout=120)'))",
	],
	[
		'metadata-server-unavailable|missing-connection-or-variable',
		"google.auth.exceptions.DefaultCredentialsError: ('File /x/key.json is not a valid json file.', JSONDecodeError('Expecting value'))",
	],
	[
		'metadata-server-unavailable',
		'google.auth.exceptions.MalformedError: Service account info was not in the expected format, missing fields client_email, token_uri.',
	],
	[
		'env-sa-disabled-or-deleted|metadata-server-unavailable|user-code-exception',
		"google.auth.exceptions.RefreshError: ('invalid_grant: Invalid JWT Signature.', {'error': 'invalid_grant'})",
	],
	[
		'missing-connection-or-variable',
		"airflow.exceptions.AirflowNotFoundException: The conn_id `my conn` isn't defined",
	],
	[
		'missing-connection-or-variable',
		"airflow.sdk.exceptions.AirflowRuntimeError: CONNECTION_NOT_FOUND: {'message': 'Connection crm not found'}",
	],
	[
		'dagrun-already-exists',
		'airflow.exceptions.DagRunAlreadyExists: A Dag Run already exists for dag id x at 2026-01-01T00:00:00+00:00 with run id manual__x',
	],
	[
		'dagrun-already-exists',
		'requests.exceptions.HTTPError: 409 Client Error: CONFLICT for url: https://airflow.example/api/v1/dags/x/dagRuns',
	],
	[
		'api-user-not-registered|api-endpoint-or-auth-changed',
		'requests.exceptions.HTTPError: 403 Client Error: FORBIDDEN for url: http://airflow-webserver.airflow.svc:8080/api/v1/dags/x/dagRuns',
	],
	[
		'api-endpoint-or-auth-changed',
		'requests.exceptions.HTTPError: 404 Client Error: NOT FOUND for url: https://abc-dot-us-central1.composer.googleusercontent.com/api/experimental/dags/x/dag_runs',
	],
	[
		'api-endpoint-or-auth-changed',
		'requests.exceptions.HTTPError: 422 Client Error: Unprocessable Entity for url: https://abc-dot-us-central1.composer.googleusercontent.com/api/v2/dags/x/dagRuns',
	],
	[
		'api-user-not-registered|api-endpoint-or-auth-changed',
		"httpx.HTTPStatusError: Client error '403 Forbidden' for url 'https://abc-dot-us-central1.composer.googleusercontent.com/api/v2/dags/x/dagRuns'\nFor more information check: https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/403",
	],
	[
		'api-endpoint-or-auth-changed',
		"httpx.HTTPStatusError: Client error '405 Method Not Allowed' for url 'https://airflow.example/api/v1/dags/x/dagRuns'\nFor more information check: https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/405",
	],
	[
		'api-endpoint-or-auth-changed|network-egress-failure',
		`requests.exceptions.ConnectionError: HTTPSConnectionPool(host='abc-dot-us-central1.composer.googleusercontent.com', port=443): Max retries exceeded with url: /api/v1/dags (Caused by NameResolutionError("<urllib3.connection.HTTPSConnection object at 0x7f>: Failed to resolve 'abc-dot-us-central1.composer.googleusercontent.com' ([Errno -2] Name or service not known)"))`,
	],
	[
		'api-user-not-registered|api-endpoint-or-auth-changed',
		"aiohttp.client_exceptions.ClientResponseError: 401, message='Unauthorized', url=URL('https://abc-dot-us-central1.composer.googleusercontent.com/api/v1/dags/x/dagRuns')",
	],
	[
		'workload-identity-binding-lost|kpo-ksa-no-gcp-access|metadata-server-unavailable',
		'google.auth.exceptions.RefreshError: ("Failed to retrieve http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fbigquery from the Google Compute Engine metadata service. Status: 403 Response:\\nb\'Unable to generate access token; IAM returned 403 Forbidden: The caller does not have permission\\\\nThis error could be caused by a missing IAM policy binding on the target IAM service account.\\\\n\'", <google.auth.transport.requests._Response object at 0x7f>)',
	],
	[
		'user-code-exception',
		'botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling the GetObject operation: Access Denied',
	],
	[
		'user-code-exception',
		"snowflake.connector.errors.ProgrammingError: 003001 (42501): SQL access control error: Insufficient privileges to operate on schema 'X'",
	],
	['user-code-exception', 'psycopg2.errors.InsufficientPrivilege: permission denied for table orders'],
	[
		'user-code-exception',
		"slack_sdk.errors.SlackApiError: The request to the Slack API failed. (url: https://slack.com/api/chat.postMessage)\nThe server responded with: {'ok': False, 'error': 'not_in_channel'}",
	],
	[
		'user-code-exception',
		'requests.exceptions.HTTPError: 403 Client Error: Forbidden for url: https://api.github.com/repos/x',
	],
	[
		'user-code-exception',
		'requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://vendor.example/api/v1/orders',
	],
	['user-code-exception', "PermissionError: [Errno 13] Permission denied: '/opt/data/x'"],
	[
		'user-code-exception',
		'azure.core.exceptions.HttpResponseError: This request is not authorized to perform this operation using this permission.',
	],
	[
		'user-code-exception',
		"openai.RateLimitError: Error code: 429 - {'error': {'message': 'You exceeded your current quota, please check your plan and billing details.'}}",
	],
	[
		'user-code-exception',
		'databricks.sdk.errors.platform.PermissionDenied: User does not have permission CREATE on schema x',
	],
	['user-code-exception', "KeyError: 'reason'"],
	[
		'user-code-exception',
		"elasticsearch.NotFoundError: NotFoundError(404, 'index_not_found_exception', 'no such index [x]')",
	],
	[
		'user-code-exception',
		'grpc._channel._InactiveRpcError: <_InactiveRpcError of RPC that terminated with:\n	status = StatusCode.PERMISSION_DENIED\n	details = "tenant is not allowed"\n	debug_error_string = "UNKNOWN:Error received from peer ipv4:10.0.0.1:50051"\n>',
	],
	[
		'user-code-exception',
		'requests.exceptions.HTTPError: 405 Client Error: Method Not Allowed for url: https://vendor.example/api/v2/orders',
	],
	['user-code-exception', 'pymongo.errors.OperationFailure: not authorized on admin to execute command'],
	['user-code-exception', 'tableauserverclient.server.endpoint.exceptions.ServerResponseError: 403004: Forbidden'],
];

const OWN = '/home/airflow/gcs/dags/sales_daily.py';
const LIBRARY = '/opt/python3.11/lib/python3.11/site-packages/google/api_core/grpc_helpers.py';

function airflow2(exception: string, file: string): string {
	return [
		'[2026-11-20T04:10:01.348+0000] {taskinstance.py:2193} INFO - Executing <Task(PythonOperator): load> on 2026-11-19 04:00:00+00:00',
		'[2026-11-20T04:10:03.622+0000] {taskinstance.py:2731} ERROR - Task failed with exception',
		'Traceback (most recent call last):',
		`  File "${file}", line 41, in run`,
		'    client.call()',
		exception,
		'[2026-11-20T04:10:05.896+0000] {taskinstance.py:1206} INFO - Marking task as FAILED. dag_id=sales_daily, task_id=load',
	].join('\n');
}

/** Airflow 3 prints the short name. */
function airflow3(exception: string, file: string): string {
	const colon = exception.indexOf(': ');
	const type = exception.slice(0, colon).split('.').at(-1);
	return JSON.stringify({
		timestamp: '2026-11-20T04:10:03.123456Z',
		level: 'error',
		event: 'Task failed with exception',
		logger: 'task',
		error_detail: [
			{
				exc_type: type,
				exc_value: exception.slice(colon + 2),
				is_cause: false,
				frames: [{ filename: file, lineno: 41, name: 'run' }],
			},
		],
	});
}

describe.each([
	['Airflow 2', airflow2],
	['Airflow 3', airflow3],
] as const)('%s', (_, log) => {
	test.each(WORDINGS)('%s: %s', (causes, exception) => {
		const theirs = causes === 'user-code-exception';
		const said = diagnose(new TextEncoder().encode(log(exception, theirs ? OWN : LIBRARY)), { rules, env: {} });
		expect(causes.split('|')).toContain(said.verdict);
	});
});
