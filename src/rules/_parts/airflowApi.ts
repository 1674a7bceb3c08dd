/**
 * A URL or request line that is Airflow's own REST API, and nobody else's: its collections under /api/v1, /api/v2 or
 * /api/experimental, or any path on a Composer web server.
 */
const PATH = String.raw`\/api\/(?:v1|v2|experimental)\/(?:dags\b|dagRuns\b|pools\b|variables\b|connections\b|assets\b|datasets\b|importErrors\b|health\b|version\b|monitor\/health\b|latest_runs\b|eventLogs\b)`;
const HOST = String.raw`[\w-]{1,80}\.composer\.googleusercontent\.com\b`;

/**
 * What HTTP clients raise for a refusal of Airflow's API with one of the given statuses:
 * `405 Client Error: Method Not Allowed for url: https://…` (requests), `Client error '405 Method Not Allowed' for url 'https://…'`
 * (httpx), `ClientResponseError: 405, message='Method Not Allowed', url=URL('https://…')` (aiohttp).
 */
export function refusedByAirflow(statuses: string): RegExp {
	return new RegExp(
		String.raw`(?<status>${statuses})(?: (?:Client|Server) Error: | |, message=)[^\n]{0,60}?\burl(?:: | '|='|=URL\(')(?<url>https?:\/\/(?:${HOST}[^\s"'<>]{0,300}|[^\s"'<>]{1,200}${PATH}[^\s"'<>]{0,300}))`,
	);
}
export const REFUSAL_LITERALS = ['Client Error: ', 'Server Error: ', "Client error '", 'ClientResponseError: '];

/** What stands on a line of curl, of a small client or of httpx that calls Airflow: `> POST /api/v1/dags/… HTTP/1.1`. */
export const CALLS_AIRFLOW = new RegExp(
	String.raw`\b(?<method>GET|POST|PUT|PATCH|DELETE) (?:https?:\/\/[^\s"'<>\/]{1,200})?(?<path>${PATH}[^\s"'<>]{0,300})`,
);
export const CALL_LITERALS = ['/api/v1/', '/api/v2/', '/api/experimental/'];

/** `< HTTP/1.1 405 Method Not Allowed` of curl and `-> 405 application/json` of a script. */
export function answered(statuses: string): RegExp {
	return new RegExp(String.raw`(?:HTTP\/[\d.]{1,3} |-> )(?<status>${statuses})\b`);
}

/** Airflow's own names for what it refused, with the reference page it links to. */
export const REFERENCE = 'stable-rest-api-ref.html#section/Errors/';

/** Whether the call went to this environment's own Airflow. Another host may be another environment's, which is not looked at. */
export function isOwnAirflow(url: string | undefined, airflowUri: string | undefined): boolean {
	const [called, own] = [url, airflowUri].map((each) =>
		each !== undefined && URL.canParse(each) ? new URL(each).host : undefined,
	);
	return called !== undefined && called === own;
}
