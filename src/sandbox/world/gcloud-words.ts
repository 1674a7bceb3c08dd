/**
 * `name`: as Google writes its names, in small letters. `text`: anything. `size`: `4GB`. `member`: `user:a@b`. `bucket`: `gs://…`.
 * `pairs`: `a=1,b=2`. `variables`: names that are written in capitals.
 */
export type Kind = (typeof KINDS)[number];

/** How one command of gcloud, kubectl … may be written: which words it takes, and of what kind. */
export type Spec = {
	/** In their order; a `?` at the end: may be left out; `…`: any number more. */
	words?: readonly string[];
	/** What each positional is; `text` where it is not named. */
	kinds?: Readonly<Record<string, Kind>>;
	/** `!` at the end: required. `*` at the end: may be given several times. */
	flags?: Readonly<Record<string, Kind | `${Kind}!` | `${Kind}*`>>;
	/** What stands after ` -- ` is handed on. */
	passes?: boolean;
};

export type Given = {
	words: Readonly<Record<string, string>>;
	/** All positionals, those beyond the named ones too. */
	all: readonly string[];
	flags: Readonly<Record<string, string>>;
	/** Of those that may stand several times. */
	many: Readonly<Record<string, readonly string[]>>;
	passed: readonly string[];
	/** What is to be filled in first, as it stands there. */
	placeholders: readonly string[];
};

/** The command is not one, or not written as that command has to be. */
export class Malformed extends Error {
	constructor(message: string) {
		super(message);
		this.name = 'Malformed';
	}
}

/** Flags that every command of gcloud takes. */
const GLOBAL: Readonly<Record<string, Kind>> = {
	account: 'email',
	format: 'text',
	filter: 'text',
	flatten: 'text',
	'impersonate-service-account': 'email',
	project: 'name',
	quiet: 'flag',
	verbosity: 'text',
};
const LISTS: Readonly<Record<string, Kind>> = {
	limit: 'number',
	'page-size': 'number',
	'sort-by': 'text',
	uri: 'flag',
};

/** Reads the words behind the command's own name. `command` only names it in errors. Throws Malformed. */
export function readWords(command: string, words: readonly string[], spec: Spec, { global = true } = {}): Given {
	const flags: Record<string, string> = {};
	const many: Record<string, string[]> = {};
	const all: string[] = [];
	const placeholders = new Set<string>();
	let passed: readonly string[] = [];
	const wrong = (what: string): Malformed => new Malformed(`${command}: ${what}`);
	const kindOf = (name: string): { kind: Kind; several: boolean } | undefined => {
		const own = spec.flags?.[name] ?? (global ? (GLOBAL[name] ?? LISTS[name]) : undefined);
		if (own === undefined) return undefined;
		return { kind: kindOfFlag(own), several: own.endsWith('*') };
	};
	const check = (what: string, kind: Kind, value: string): void => {
		const found = problemOf(kind, value);
		for (const placeholder of placeholdersOf(kind, value)) placeholders.add(placeholder);
		if (found !== undefined) throw wrong(`${what} ${found}: ${value}`);
	};

	for (let place = 0; place < words.length; place++) {
		const word = words[place] ?? '';
		if (word === '--') {
			if (!spec.passes) throw wrong('nothing is handed on here by --');
			passed = words.slice(place + 1);
			break;
		}
		const flag = /^--?([a-zA-Z][\w-]*)(?:=([^]*))?$/.exec(word);
		if (!flag) {
			all.push(word);
			continue;
		}
		const name = flag[1] ?? '';
		const known = kindOf(name);
		if (!known) throw wrong(`unknown flag ${word.slice(0, word.indexOf('=') + 1 || undefined)}`);
		if (known.kind === 'flag') {
			if (flag[2] !== undefined) throw wrong(`--${name} takes no value`);
			flags[name] = 'true';
			continue;
		}
		const value = flag[2] ?? words[++place];
		if (value === undefined || (flag[2] === undefined && value.startsWith('--')))
			throw wrong(`--${name} takes a value`);
		check(`--${name}`, known.kind, value);
		if (known.several) (many[name] ??= []).push(value);
		else if (name in flags) throw wrong(`--${name} is given twice`);
		else flags[name] = value;
	}

	const named: Record<string, string> = {};
	for (const [place, slot] of (spec.words ?? []).entries()) {
		const name = slot.replace(/[?…]$/, '');
		const value = all[place];
		if (value === undefined) {
			if (/[?…]$/.test(slot)) continue;
			throw wrong(`${name} is missing`);
		}
		named[name] = value;
		for (const each of slot.endsWith('…') ? all.slice(place) : [value]) check(name, spec.kinds?.[name] ?? 'text', each);
	}
	if (all.length > (spec.words ?? []).length && !spec.words?.at(-1)?.endsWith('…'))
		throw wrong(`one word too many: ${all[spec.words?.length ?? 0]}`);
	for (const [name, kind] of Object.entries(spec.flags ?? {}))
		if (kind.endsWith('!') && !(name in flags)) throw wrong(`--${name} is missing`);
	for (const each of passed) for (const placeholder of placeholdersOf('text', each)) placeholders.add(placeholder);
	return { words: named, all, flags, many, passed, placeholders: [...placeholders] };
}

const KINDS = [
	'name',
	'text',
	'number',
	'size',
	'email',
	'member',
	'role',
	'bucket',
	'pairs',
	'list',
	'variables',
	'sql',
	'flag',
] as const;

/** Without the mark at its end. */
const kindOfFlag = (marked: string): Kind => KINDS.find((kind) => kind === marked.replace(/[!*]$/, '')) ?? 'text';

const MEMBER =
	/^(?:(?:user|serviceAccount|group|domain):\S+|principal(?:Set)?:\/\/\S+|allUsers|allAuthenticatedUsers|deleted:\S+)$/;

function problemOf(kind: Kind, value: string): string | undefined {
	if (value === '') return 'is empty';
	switch (kind) {
		case 'number':
			return /^\d+(?:\.\d+)?$/.test(value) || isPlaceholder(value) ? undefined : 'is no number';
		case 'size':
			return /^\d+(?:\.\d+)?(?:GB|GiB|MB|KB|TB)$/.test(value) ? undefined : 'is no size such as 4GB';
		case 'name':
			return /^[\w.:-]+$/.test(value) ? undefined : 'is no name';
		case 'email':
			return /^[\w.+-]+@[\w.-]+$/.test(value) || isPlaceholder(value) ? undefined : 'is no address';
		case 'member':
			return MEMBER.test(value) ? undefined : 'is no member such as serviceAccount:a@b';
		case 'role':
			return /^(?:projects\/[\w.:-]+\/|organizations\/\d+\/)?roles\/[\w.]+$/.test(value) ? undefined : 'is no role';
		case 'bucket':
			return /^gs:\/\/[\w.-]+(?:\/.*)?$/.test(value) ? undefined : 'is no address of a bucket';
		case 'pairs':
			return value.split(',').every((pair) => /^[^=]+=/.test(pair)) ? undefined : 'is no list of NAME=VALUE';
		default:
			return undefined;
	}
}

const isPlaceholder = (value: string): boolean => /^[A-Z][A-Z0-9_]*$/.test(value);

// Whole words in capitals, which no name of Google's is and which nobody's name is by chance.
const CAPITALS = /(?<![\w${-])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*(?!\w)/g;
/** Words in capitals that are meant as they stand. */
const MEANT =
	/^(?:GB|HTTP|HTTPS|GET|POST|PUT|PATCH|ALLOW|DENY|EGRESS|INGRESS|PYPI|UPDATE|RUNNING|ALL|OR|AND|NOT|ERROR|GRANT|ON|SCHEMA|TO|FREQ|WEEKLY|BYDAY|MO|TU|WE|TH|FR|SA|SU|SIGKILL|SIGTERM|TOUCH|TRUE|FALSE)$/;

/** What stands there in capitals, to be filled in. */
export function placeholdersOf(kind: Kind, value: string): string[] {
	if (kind === 'size' || kind === 'role' || kind === 'flag' || kind === 'variables' || kind === 'sql') return [];
	if (kind === 'pairs')
		return value.split(',').flatMap((pair) => {
			const at = pair.indexOf('=');
			// The name is ours to write, but for a key that nobody can know.
			return placeholdersOf('text', pair.slice(at + 1)).concat(pair.startsWith('KEY=') ? ['KEY'] : []);
		});
	return (value.match(CAPITALS) ?? []).filter((word) => word.length > 1 && !MEANT.test(word));
}

/** `a=1,b=2`; gcloud's other separators (`^;^a=1;b=2`) as well. */
export function pairsOf(value: string): Record<string, string> {
	const own = /^\^([^^]+)\^/.exec(value);
	const pairs = own ? value.slice(own[0].length).split(own[1] ?? ',') : value.split(',');
	return Object.fromEntries(
		pairs.map((pair) => {
			const at = pair.indexOf('=');
			return [pair.slice(0, at), pair.slice(at + 1)];
		}),
	);
}

/** `4GB` → 4, `512MB` → 0.5. */
export function gigabytes(value: string): number {
	const [, number = '0', unit = 'GB'] = /^([\d.]+)(\w+)$/.exec(value) ?? [];
	return Number(number) * ({ KB: 1 / 1024 / 1024, MB: 1 / 1024, TB: 1024 }[unit] ?? 1);
}
