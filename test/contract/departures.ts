/**
 * Where the real server departs from its own document, as seen on it (2.11.2, 3.1.8). The stand-in follows the server.
 * A flaw of a body that is listed here is expected from both; `airflow/README.md` tells the departures in sentences.
 */
export type Departure = { api: 1 | 2; flaw: RegExp; why: string };

export const departures: readonly Departure[] = [
	{
		api: 1,
		flaw: /^(GET|POST|PATCH) \S+ (403|404) \/detail: must be string$/,
		why: 'A 403, and a 404 whose message was passed in the place of the title, have `detail: null`.',
	},
	{
		api: 1,
		flaw: /^GET \/dags 403: status is not in the document$/,
		why: 'Wrong credentials are refused with 403 everywhere, not with the documented 401.',
	},
	{
		api: 1,
		flaw: /^POST \/dags\/\{dag_id\}\/dagRuns 500: status is not in the document$/,
		why: 'A role that may not start runs and names a DAG that is not there: the server falls over looking for rights on it.',
	},
];
