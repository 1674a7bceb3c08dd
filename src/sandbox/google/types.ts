import type { Json, JsonObject, Place, World } from '../world/world.ts';

/** What was asked, in Google's own words for it; `*` in a fault means all of them. */
export type Op =
	| 'composer.environments.get'
	| 'composer.environments.list'
	| 'composer.environments.patch'
	| 'composer.environments.executeAirflowCommand'
	| 'composer.environments.pollAirflowCommand'
	| 'composer.operations.get'
	| 'composer.operations.list'
	| 'composer.workloads.list'
	| 'monitoring.timeSeries.list'
	| 'projects.get'
	| 'projects.getIamPolicy'
	| 'projects.setIamPolicy'
	| 'projects.testIamPermissions'
	| 'serviceAccounts.get'
	| 'serviceAccounts.getIamPolicy'
	| 'serviceAccounts.setIamPolicy'
	| 'serviceAccounts.testIamPermissions'
	| 'serviceAccounts.disable'
	| 'serviceAccounts.enable'
	| 'buckets.getIamPolicy'
	| 'buckets.setIamPolicy'
	| 'buckets.testIamPermissions'
	| 'services.get'
	| 'services.list'
	| 'services.enable'
	| 'services.disable'
	| 'logging.entries.list'
	| 'logging.entries.tail'
	/** A path that no API here has. */
	| 'unknown';

/** A call as it reached the stand-in. */
export type Call = {
	op: Op;
	method: string;
	/** Of REST; gRPC: the name of the method. */
	path: string;
	/** Query of REST; of Logging: the request's `filter`, `order_by`, `page_size`, `page_token`. */
	query: Readonly<Record<string, string>>;
	/** E-mail of the caller; undefined: nobody we know. */
	by: string | undefined;
	at: number;
};

export type FaultKind =
	/** 403 naming the permission, whatever the caller holds. */
	| 'denied'
	/** 429, RESOURCE_EXHAUSTED. */
	| 'rate-limited'
	/** 503, UNAVAILABLE. */
	| 'unavailable'
	/** 500, INTERNAL. */
	| 'internal'
	/** 401, UNAUTHENTICATED: the token has just ended. */
	| 'unauthenticated'
	/** No effect and no reply; the connection stays open. */
	| 'timeout'
	/** The reply comes `lateMs` later. */
	| 'late'
	/** The connection is reset before any effect. */
	| 'reset'
	/** The effect happens, then the connection is reset without a reply. */
	| 'reset-after-effect'
	/** 200 with a web page, as a proxy in between would. gRPC: INTERNAL. */
	| 'html'
	/** Of Logging only: a page without entries and with a token, as when Google is not through with its search yet. */
	| 'empty-page';

export type Fault = {
	op: Op | '*';
	kind: FaultKind;
	/** Probability of each matching call, 0–1, from the seed. */
	rate?: number | undefined;
	/** The next `times` matching calls. With neither: every call. */
	times?: number | undefined;
	/** 5000. */
	lateMs?: number | undefined;
	match?: ((call: Call) => boolean) | undefined;
};

export type Ask = {
	world: World;
	/** E-mail of the caller. */
	by: string;
	/** Named parts of the path. */
	at: Readonly<Record<string, string>>;
	query: URLSearchParams;
	body: Json;
	/** Most entries a page may have now; asked-for sizes are reduced to it. */
	mostPerPage: number;
};

export type Route = {
	op: Op;
	method: 'GET' | 'POST' | 'PATCH' | 'PUT';
	/** Full match of the path, decoded; its named groups are `Ask.at`. `project` must be ours. */
	path: RegExp;
	/** Query parameters it has, beside the standard ones. */
	params?: readonly string[];
	/** What one needs, and on what; absent: nothing, or the handler asks for it. */
	permission?: string;
	place?: (at: Readonly<Record<string, string>>, world: World) => Place;
	handle: (ask: Ask) => object | Promise<object>;
};

/** One Google API: its host decides whether it is switched on. */
export type Api = { host: string; title: string; routes: readonly Route[]; errors?: 'storage' };

export type { JsonObject };
