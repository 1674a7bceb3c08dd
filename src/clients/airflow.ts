import { z } from 'zod';
import type { Airflow } from '../domain/airflow.ts';
import { Trouble } from '../domain/errors.ts';
import { versionAnswer } from './airflow/answers.ts';
import { authSchema, parseJson, toAuth } from './airflow/auth.ts';
import type { Adapter } from './airflow/adapter.ts';
import { session, type Session } from './airflow/session.ts';
import { GONE, MOVED, noApi, toTrouble, unreadable, type Call } from './airflow/troubles.ts';
import { v1 } from './airflow/v1.ts';
import { v2 } from './airflow/v2.ts';
import type { GoogleToken } from './base/google.ts';
import type { Http } from './base/http.ts';

export const airflowOptions = z.strictObject({
	url: z
		.url({ protocol: /^https?$/ })
		.refine((url) => !/[?#]|\/\/[^/]*@/.test(url), 'no user name, query or fragment in the address')
		.optional()
		.describe(
			'Address of the web server as in the browser, without /home or /api. Left out on Composer: the bot asks for it.',
		),
	auth: authSchema,
	timeoutMs: z.int().min(100).max(120_000).default(20_000).describe('How long one call may take.'),
});
export type AirflowOptions = z.input<typeof airflowOptions>;

/** Where the Airflow is, when somebody else knows (Composer). `fresh`: the last answer led nowhere. Throws Trouble. */
export type Whereabouts = (options?: { fresh?: boolean }) => Promise<string>;

export type AirflowHelpers = {
	/** Needed when `url` is left out. */
	whereabouts?: Whereabouts | undefined;
	/** Needed with `auth: google`. */
	google?: GoogleToken | undefined;
	now?: () => number;
};

type Found = { base: URL; api: 1 | 2; version: string; session: Session; adapter: Adapter };

/**
 * One environment's Airflow over REST, whichever generation it is. Nothing is asked before the first method call.
 * Address and generation are found once and kept; an answer that says that they changed has them asked for again, and
 * only if they did change is the call made a second time (404, 405, a page and a connection never made had no effect).
 */
export function airflow(options: AirflowOptions, plain: Http, helpers: AirflowHelpers = {}): Airflow {
	const { url, auth: authOptions, timeoutMs } = airflowOptions.parse(options);
	const now = helpers.now ?? Date.now;
	let ahead: number | undefined;
	const http: Http = async (request) => {
		const answer = await plain(request);
		const date = answer.kind === 'answer' ? Date.parse(answer.headers.get('date') ?? '') : NaN;
		// Dates have whole seconds, so on average the true time is half a second later.
		if (!Number.isNaN(date)) ahead = date + 500 - now();
		return answer;
	};
	const auth = toAuth(authOptions, http, helpers.google, now);
	let found: Found | undefined;
	let finding: Promise<Found> | undefined;

	async function whereIsIt(fresh: boolean): Promise<URL> {
		const address = url ?? (await helpers.whereabouts?.(fresh ? { fresh } : {}));
		if (address === undefined) throw new Trouble('bug', 'airflow address missing', 'No url and no whereabouts.');
		return new URL(address.endsWith('/') ? address : `${address}/`);
	}

	async function find(fresh: boolean): Promise<Found> {
		const base = await whereIsIt(fresh);
		const { api, version } = await askVersion(base);
		const door = session({ api, base, http, auth, timeoutMs, now });
		return { base, api, version, session: door, adapter: api === 1 ? v1(door) : v2(door, version) };
	}

	/** Both generations answer `version` without a role; a proxy in front may still want the token. */
	async function askVersion(base: URL): Promise<{ api: 1 | 2; version: string }> {
		const who = await auth.who();
		let header: string | undefined;
		for (const api of [2, 1] as const) {
			const call: Call = { doing: 'find out the version', method: 'GET', base, auth: auth.kind, api, who };
			// An Airflow 2 has no token endpoint, so `jwt` credentials are only used once v2 is there.
			if (auth.kind !== 'jwt') header ??= await auth.header(base);
			let got = await askAt(base, api, header);
			if (got.kind === 'answer' && got.status === 401 && header !== undefined) {
				const renewed = await auth.header(base, { fresh: true });
				if (renewed !== header) got = await askAt(base, api, (header = renewed));
			}
			if (got.kind === 'answer' && got.status === 404) {
				if (api === 2) continue;
				throw noApi(call);
			}
			if (got.kind === 'failure' || got.status !== 200 || got.contentType === 'text/html')
				throw toTrouble(call, got, now());
			const read = versionAnswer.safeParse(parseJson(got.text));
			if (!read.success) throw unreadable(call, read.error);
			return { api, version: read.data.version };
		}
		throw new Trouble('bug', 'airflow version loop', 'Unreachable: both generations were asked.');
	}

	const askAt = (base: URL, api: 1 | 2, header: string | undefined) =>
		http({
			method: 'GET',
			url: new URL(`api/v${api}/version`, base),
			headers: { accept: 'application/json', ...(header === undefined ? {} : { authorization: header }) },
			timeoutMs,
			maxBytes: 1024 * 1024,
		});

	function current(): Promise<Found> {
		if (found) return Promise.resolve(found);
		finding ??= find(false)
			.then((it) => (found = it))
			.finally(() => (finding = undefined));
		return finding;
	}

	async function findAgain(stale: Found | undefined): Promise<Found> {
		if (found !== stale && found) return found;
		finding ??= find(true)
			.then((it) => (found = it))
			.finally(() => (finding = undefined));
		return finding;
	}

	async function withAirflow<T>(work: (it: Found) => Promise<T>): Promise<T> {
		let it: Found | undefined;
		try {
			it = await current();
			return await work(it);
		} catch (error) {
			if (!(error instanceof Trouble) || !(MOVED.has(error.label) || GONE.has(error.label))) throw error;
			// Only Composer can name another address; the generation can change anywhere.
			if (url !== undefined && (!it || GONE.has(error.label))) throw error;
			const again = await findAgain(it);
			if (it && again.base.href === it.base.href && again.api === it.api) throw error;
			return work(again);
		}
	}

	const link = (path: string): string => new URL(path, found?.base ?? url ?? 'http://airflow.invalid/').href;

	return {
		version: () => withAirflow(({ api, version }) => Promise.resolve({ api, version })),
		health: () => withAirflow(({ adapter }) => adapter.health()),
		dags: (asked) => withAirflow(({ adapter }) => adapter.dags(asked)),
		dag: (dag) => withAirflow(({ adapter }) => adapter.dag(dag)),
		dagDetails: (dag) => withAirflow(({ adapter }) => adapter.dagDetails(dag)),
		retryDelayMs: (dag, task) => withAirflow(({ adapter }) => adapter.retryDelayMs(dag, task)),
		trigger: (request) => withAirflow(({ adapter }) => adapter.trigger(request)),
		run: (dag, run) => withAirflow(({ adapter }) => adapter.run(dag, run)),
		runs: (dag, asked) => withAirflow(({ adapter }) => adapter.runs(dag, asked)),
		endedRuns: (asked) => withAirflow(({ adapter }) => adapter.endedRuns(asked)),
		taskInstances: (dag, run) => withAirflow(({ adapter }) => adapter.taskInstances(dag, run)),
		endedTaskInstances: (asked) => withAirflow(({ adapter }) => adapter.endedTaskInstances(asked)),
		changedTasks: (asked) => withAirflow(({ adapter }) => adapter.changedTasks(asked)),
		changedRuns: (asked) => withAirflow(({ adapter }) => adapter.changedRuns(asked)),
		tasksOfRuns: (asked) => withAirflow(({ adapter }) => adapter.tasksOfRuns(asked)),
		clockAheadMs: () => ahead,
		taskInstance: (key) => withAirflow(({ adapter }) => adapter.taskInstance(key)),
		dependencies: (dag) => withAirflow(({ adapter }) => adapter.dependencies(dag)),
		tries: (key) => withAirflow(({ adapter }) => adapter.tries(key)),
		log: (key, maxBytes) => withAirflow(({ adapter }) => adapter.log(key, maxBytes)),
		importErrors: () => withAirflow(({ adapter }) => adapter.importErrors()),
		clearable: (request) => withAirflow(({ adapter }) => adapter.clearable(request)),
		clear: (request, options) => withAirflow(({ adapter }) => adapter.clear(request, options)),
		noteRun: (dag, run, note) => withAirflow(({ adapter }) => adapter.noteRun(dag, run, note)),
		setRunState: (dag, run, state) => withAirflow(({ adapter }) => adapter.setRunState(dag, run, state)),
		setPaused: (dag, paused) => withAirflow(({ adapter }) => adapter.setPaused(dag, paused)),
		eventLogs: (asked) => withAirflow(({ adapter }) => adapter.eventLogs(asked)),
		pools: () => withAirflow(({ adapter }) => adapter.pools()),
		config: () => withAirflow(({ adapter }) => adapter.config()),
		runUrl: (dag, run) =>
			link(
				found?.api === 1
					? `dags/${encodeURIComponent(dag)}/grid?dag_run_id=${encodeURIComponent(run)}`
					: `dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(run)}`,
			),
		dagUrl: (dag) => link(`dags/${encodeURIComponent(dag)}${found?.api === 1 ? '/grid' : ''}`),
		whoAmI: () =>
			withAirflow(async ({ adapter }) => {
				// Reading something that needs a role is how to know that we are let in at all.
				await adapter.dags({ limit: 1 });
				const who = await auth.who();
				const role = auth.role();
				return who === undefined ? undefined : role === undefined ? who : `${who} (${role})`;
			}),
	};
}
