import type { Ending } from '../airflow/types.ts';
import type { Step } from './physics-needs.ts';
import type { Plan } from './physics-plan.ts';

type Ask = Extract<Step, { kind: 'airflow' }>;

const PATHS = {
	experimental: (dag: string) => `/api/experimental/dags/${dag}/dag_runs`,
	v1: (dag: string) => `/api/v1/dags/${dag}/dagRuns`,
	v2: (dag: string) => `/api/v2/dags/${dag}/dagRuns`,
};

/** Triggers a DAG over HTTP, for real, and raises what Python's requests raises of the answer. */
export function askAirflow({ url, api, dag, token, line, function: name }: Ask): Plan {
	let answer: { ending: Ending | undefined } | undefined;
	const address = `${url()}${PATHS[api](dag)}`;
	const body = api === 'v2' ? { logical_date: null, conf: {} } : { conf: {} };
	const ask = async (): Promise<Ending | undefined> => {
		const response = await fetch(address, {
			method: 'POST',
			redirect: 'manual',
			headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
			body: JSON.stringify(body),
		});
		if (response.ok) return undefined;
		const text = await response.text();
		const shown = /<html/i.test(text) ? 'a page of HTML' : text.slice(0, 300);
		return {
			raises: {
				type: 'requests.exceptions.HTTPError',
				message: `${response.status} ${response.status < 500 ? 'Client' : 'Server'} Error: ${response.statusText} for url: ${address}\n${shown}`,
				line,
				function: name,
				frames: {
					own: true,
					below: [
						{
							file: 'requests/models.py',
							line: 1026,
							name: 'raise_for_status',
							code: 'raise HTTPError(http_error_msg, response=self)',
						},
					],
				},
			},
		};
	};
	return {
		lasts: 0,
		happens: [
			{
				after: 0,
				act: () =>
					void ask().then(
						(ending) => (answer = { ending }),
						(error: unknown) =>
							(answer = {
								ending: {
									raises: {
										type: 'requests.exceptions.ConnectionError',
										message: `HTTPConnectionPool: Max retries exceeded with url: ${address} (Caused by ${String(error)})`,
										line,
										function: name,
									},
								},
							}),
					),
			},
		],
		ends: undefined,
		until: () => answer !== undefined,
		endsThen: () => answer?.ending,
	};
}
