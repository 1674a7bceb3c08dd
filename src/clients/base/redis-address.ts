/** Where Redis is, in the ways people run it. */
export type RedisAddress =
	/** `url` as ioredis takes it: `redis://`, `rediss://`, or the path of a unix socket. */
	| { kind: 'single'; url: string }
	| ({ kind: 'sentinel'; nodes: readonly Node[]; master: string; db: number } & Access)
	| ({ kind: 'cluster'; nodes: readonly Node[] } & Access);

type Node = { host: string; port: number };
type Access = { tls: boolean; username: string | undefined; password: string | undefined };

export const REDIS_FORMS =
	'`redis://` or `rediss://` host, the absolute path of a unix socket, `redis+sentinel://host:26379,host2:26379/<master name>` or ' +
	'`redis+cluster://host:6379,host2:6379` (`rediss+…` with TLS)';

// URL knows no list of hosts, so the list is read here. A password's special characters are percent-encoded, as in any URL.
const MANY = /^redis(s?)\+(sentinel|cluster):\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^/?#]*))?(?:\/(\d{1,3}))?$/;

/** Reads REDIS_URL. Undefined: it has none of the forms. */
export function parseRedisAddress(text: string): RedisAddress | undefined {
	if (text.startsWith('/')) return { kind: 'single', url: text };
	if (/^rediss?:\/\//.test(text)) return URL.canParse(text) ? { kind: 'single', url: text } : undefined;
	const [, tls, kind, access, hosts = '', name, db] = MANY.exec(text) ?? [];
	if (kind === undefined) return undefined;
	const nodes = hosts.split(',').map((host) => nodeOf(host, kind === 'sentinel' ? 26_379 : 6379));
	const allowed = accessOf(access);
	if (!allowed || !nodes.every((node) => node !== undefined)) return undefined;
	const shared = { nodes, tls: tls === 's', ...allowed };
	if (kind === 'cluster') return name || db ? undefined : { kind, ...shared };
	const master = decoded(name);
	return master ? { kind: 'sentinel', master, db: Number(db ?? 0), ...shared } : undefined;
}

function nodeOf(text: string, usual: number): Node | undefined {
	const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
	if (host === undefined || Number(port ?? usual) > 65_535) return undefined;
	return { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? usual) };
}

function accessOf(text: string | undefined): Omit<Access, 'tls'> | undefined {
	if (text === undefined) return { username: undefined, password: undefined };
	const at = text.indexOf(':');
	const username = decoded(at === -1 ? text : text.slice(0, at));
	const password = at === -1 ? '' : decoded(text.slice(at + 1));
	if (username === undefined || password === undefined) return undefined;
	return { username: username || undefined, password: password || undefined };
}

function decoded(text = ''): string | undefined {
	try {
		return decodeURIComponent(text);
	} catch {
		return undefined;
	}
}
