import type { z } from 'zod';
import type { Http, HttpAnswer } from '../base/http.ts';
import { isDagId, isRunId, isTaskId } from '../../domain/ids.ts';
import { Trouble } from '../../domain/errors.ts';
import { parseJson, type Auth } from './auth.ts';
import { badId, toTrouble, unreadable, type Call, type Doing } from './troubles.ts';

export type Ask = {
	doing: Doing;
	method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
	/** Below the API's root, already encoded: made with `path`. */
	path: string;
	query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
	json?: unknown;
	accept?: string;
	timeoutMs?: number;
	maxBytes?: number;
	keep?: 'all' | 'tail';
	dag?: string | undefined;
};

/** One Airflow's door: base address, credentials, one refresh of the token on 401. Two calls at most for one question. */
export type Session = {
	/** Any 2xx or 404 answer about an object; everything else is a Trouble. */
	ask(request: Ask): Promise<HttpAnswer>;
	/** Checked JSON; undefined on 404. */
	find<S extends z.ZodType>(schema: S, request: Ask): Promise<z.output<S> | undefined>;
	/** Checked JSON; 404 is a Trouble. */
	get<S extends z.ZodType>(schema: S, request: Ask): Promise<z.output<S>>;
};

export type SessionOptions = {
	api: 1 | 2;
	base: URL;
	http: Http;
	auth: Auth;
	timeoutMs: number;
	now: () => number;
};

export function session({ api, base, http, auth, timeoutMs, now }: SessionOptions): Session {
	const root = new URL(api === 1 ? 'api/v1/' : 'api/v2/', base);

	// Whether these credentials were ever let in.
	let known = false;

	async function once(request: Ask, header: string): Promise<{ call: Call; answer: HttpAnswer }> {
		const call: Call = {
			doing: request.doing,
			method: request.method ?? 'GET',
			base,
			auth: auth.kind,
			api,
			who: await auth.who(),
			dag: request.dag,
		};
		const got = await http({
			method: call.method,
			url: withQuery(new URL(request.path, root), request.query ?? {}),
			headers: { authorization: header, accept: request.accept ?? 'application/json' },
			json: request.json,
			timeoutMs: request.timeoutMs ?? timeoutMs,
			maxBytes: request.maxBytes,
			keep: request.keep,
		});
		if (got.kind === 'failure') throw toTrouble(call, got, now());
		return { call, answer: got };
	}

	async function send(request: Ask): Promise<{ call: Call; answer: HttpAnswer }> {
		const header = await auth.header(base);
		const first = await once(request, header);
		if (first.answer.status !== 401) return first;
		// A 401 was decided before anything happened, so the same request may go again.
		const renewed = await auth.header(base, { fresh: true });
		return renewed === header ? first : once(request, renewed);
	}

	async function ask(request: Ask): Promise<{ call: Call; answer: HttpAnswer }> {
		const sent = await send(request);
		const { call, answer } = sent;
		if (answer.status >= 200 && answer.status < 300 && answer.contentType !== 'text/html') {
			known = true;
			return sent;
		}
		if (api === 1 && answer.status === 403 && !known) known = await mayReadAnything();
		throw toTrouble({ ...call, known }, answer, now());
	}

	/** Every role but Public may list the DAGs it sees: let in there, refused here means that the role is too small. */
	async function mayReadAnything(): Promise<boolean> {
		const got = await http({
			method: 'GET',
			url: new URL('dags?limit=1', root),
			headers: { authorization: await auth.header(base), accept: 'application/json' },
			timeoutMs,
		});
		return got.kind === 'answer' && got.status === 200 && got.contentType === 'application/json';
	}

	async function get<S extends z.ZodType>(schema: S, request: Ask): Promise<z.output<S>> {
		const { call, answer } = await ask(request);
		const read = schema.safeParse(parseJson(answer.text));
		if (!read.success) throw unreadable(call, read.error);
		return read.data;
	}

	return {
		ask: async (request) => (await ask(request)).answer,
		get,
		find: (schema, request) => orUndefined(get(schema, request)),
	};
}

/** 404 about an object is an answer. */
export async function orUndefined<T>(asked: Promise<T>): Promise<T | undefined> {
	try {
		return await asked;
	} catch (error) {
		if (error instanceof Trouble && error.label === 'airflow object missing') return undefined;
		throw error;
	}
}

function withQuery(url: URL, query: NonNullable<Ask['query']>): URL {
	for (const [name, value] of Object.entries(query))
		for (const one of Array.isArray(value) ? value : [value])
			if (one !== undefined) url.searchParams.append(name, String(one));
	return url;
}

const CHECKS = { DAG: isDagId, run: isRunId, task: isTaskId } as const;

/** An id checked and encoded as one segment of a path. Throws Trouble `user`. */
export function segment(what: keyof typeof CHECKS, id: string): string {
	if (!CHECKS[what](id)) throw badId(what, id);
	return encodeURIComponent(id);
}

export const dagPath = (dag: string): string => `dags/${segment('DAG', dag)}`;
/** A task as its DAG says it; `taskPath` is one of its instances. */
export const planPath = (dag: string, task: string): string => `${dagPath(dag)}/tasks/${segment('task', task)}`;
export const runPath = (dag: string, run: string): string => `${dagPath(dag)}/dagRuns/${segment('run', run)}`;
export const taskPath = (dag: string, run: string, task: string): string =>
	`${runPath(dag, run)}/taskInstances/${segment('task', task)}`;

// maximum_page_limit is 100 in every version; a larger limit is silently reduced.
export const PAGE = 100;

/** All pages up to `limit` items. `total` guards against a server that hands out the same page for ever. */
export async function pages<T>(
	limit: number,
	page: (limit: number, offset: number) => Promise<{ items: readonly T[]; total: number }>,
): Promise<T[]> {
	const all: T[] = [];
	while (all.length < limit) {
		const { items, total } = await page(Math.min(PAGE, limit - all.length), all.length);
		all.push(...items);
		if (items.length === 0 || all.length >= total) break;
	}
	return all.slice(0, limit);
}
