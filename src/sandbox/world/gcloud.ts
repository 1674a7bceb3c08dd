import type { Call } from './gcloud-calls.ts';
import {
	AIRFLOW_CHANGES,
	AIRFLOW_LOOKS,
	BQ,
	GCLOUD,
	KUBECTL,
	LOOK_PROGRAMS,
	readGrant,
	type Command,
} from './gcloud-commands.ts';
import { expand, readShell, shown, type Pipeline, type Simple } from './gcloud-shell.ts';
import { Malformed, placeholdersOf, readWords } from './gcloud-words.ts';

export type { Call, Change } from './gcloud-calls.ts';
export { Malformed } from './gcloud-words.ts';

/** One posted command, understood. */
export type Posted = {
	/** As it was written, near enough to be recognised. */
	text: string;
	/** Undefined: it only looks. */
	call: Call | undefined;
	/** What is to be filled in before it can be run, as it stands there. */
	placeholders: readonly string[];
	/** Behind `||`: it is for the case that the command before it fails. */
	otherwise: boolean;
};

/**
 * Reads a posted script, command by command, into what it does. Throws ShellError where it is no shell, and Malformed where a
 * command, a flag or a value is none, or where something that changes hangs on what only a running shell would know.
 */
export function readPosted(script: string): Posted[] {
	const known = new Map<string, string>();
	return readShell(script).flatMap((pipeline) => readPipeline(pipeline, known));
}

function readPipeline({ after, commands }: Pipeline, known: Map<string, string>): Posted[] {
	const posted = commands.flatMap((one) => readOne(one, known));
	const last = posted.at(-1);
	const [maker] = posted;
	// `kubectl create … --dry-run=client -o yaml | kubectl apply -f -` makes it, or leaves it as it is.
	if (last && maker?.call && last !== maker && /^kubectl apply\b/.test(last.text) && maker.text.includes('--dry-run'))
		return [{ ...maker, otherwise: after === '||' }];
	const idle = posted.map((one) => (one.call && one.text.includes('--dry-run') ? { ...one, call: undefined } : one));
	return idle.map((one) => ({ ...one, otherwise: after === '||' }));
}

function readOne(one: Simple, known: Map<string, string>): Posted[] {
	for (const { name, value } of one.assigns) {
		const { text, open } = expand(value, known);
		if (!open) known.set(name, text);
		else known.delete(name);
	}
	if (one.words.length === 0) return [];
	const words = one.words.map((word) => expand(word, known));
	const text = one.words.map(shown).join(' ');
	const found = understand(words.map((word) => word.text));
	if (found.call && one.looped) throw new Malformed(`a loop may only look: ${text}`);
	if (found.call && words.some(({ open }) => open))
		throw new Malformed(`only a running shell knows what this does: ${text}`);
	return [{ text: words.map((word) => word.text).join(' '), otherwise: false, ...found }];
}

type Understood = Pick<Posted, 'call' | 'placeholders'>;

function understand(words: readonly string[]): Understood {
	const [program = '', ...rest] = words;
	switch (program) {
		case 'gcloud':
			return byTable('gcloud', GCLOUD, rest);
		case 'kubectl':
			return byTable('kubectl', KUBECTL, rest, false);
		case 'bq':
			return readBq(rest);
		case 'airflow':
			return readAirflow(undefined, rest);
		case 'terraform':
			return readTerraform(rest);
		case 'curl':
			return readCurl(rest);
		case 'pip':
			return readPip(rest);
		case 'python':
		case 'python3':
			if (rest[0] === '-m' && rest[1] === 'pip') return readPip(rest.slice(2));
			return look(rest);
		default:
			if (LOOK_PROGRAMS.has(program)) return { call: undefined, placeholders: [] };
			throw new Malformed(`no program that is known here: ${program}`);
	}
}

const look = (words: readonly string[]): Understood => ({
	call: undefined,
	placeholders: words.flatMap((word) => placeholdersOf('text', word)),
});

/** The longest name that is a command of the table. */
function byTable(
	program: string,
	table: Readonly<Record<string, Command>>,
	words: readonly string[],
	global = true,
): Understood {
	const lead = program === 'kubectl' ? leadingFlags(words) : 0;
	const names = words.slice(lead);
	const cut = names.findIndex((word) => word.startsWith('-'));
	for (let count = Math.min(cut < 0 ? names.length : cut, 5); count > 0; count--) {
		const name = names.slice(0, count).join(' ');
		const command = Object.hasOwn(table, name) ? table[name] : undefined;
		if (!command) continue;
		const given = readWords(`${program} ${name}`, [...words.slice(0, lead), ...names.slice(count)], command, {
			global,
		});
		const call = command.make?.(given);
		if (call?.do === 'airflow') {
			const inner = readAirflow(call.at, call.words);
			return { ...inner, placeholders: [...new Set([...given.placeholders, ...inner.placeholders])] };
		}
		return { call, placeholders: given.placeholders };
	}
	throw new Malformed(`no command of ${program} that is known here: ${words.slice(0, 4).join(' ')}`);
}

/** `kubectl --kubeconfig PATH config …`. */
function leadingFlags(words: readonly string[]): number {
	let place = 0;
	while (words[place]?.startsWith('--')) place += words[place]?.includes('=') ? 1 : 2;
	return place;
}

function readBq(words: readonly string[]): Understood {
	// Flags of a line of bq's begin with --, words stand anywhere.
	const sql = words.find((word) => /\bGRANT\b/.test(word));
	if (sql === undefined) return byTable('bq', BQ, words, false);
	readWords('bq query', words.slice(1), BQ['query'] ?? {}, { global: false });
	return { call: readGrant(sql), placeholders: placeholdersOf('text', sql) };
}

function readAirflow(at: Extract<Call, { do: 'airflow' }>['at'], words: readonly string[]): Understood {
	const place = words.findIndex((word) => word.startsWith('-'));
	const names = place < 0 ? words : words.slice(0, place);
	const two = names.slice(0, 2).join(' ');
	const placeholders = words.slice(1).flatMap((word) => placeholdersOf('text', word));
	if (AIRFLOW_LOOKS.has(two)) return { call: undefined, placeholders };
	if (AIRFLOW_CHANGES.has(two) || AIRFLOW_CHANGES.has(names[0] ?? ''))
		return { call: { do: 'airflow', at, words }, placeholders };
	throw new Malformed(`no command of airflow that is known here: ${words.slice(0, 3).join(' ')}`);
}

const ADDRESS = /^(?:module\.[\w-]+\.)*[a-z][a-z0-9_]*\.[\w-]+(?:\[[^\]]+\])?$/i;

function readTerraform(words: readonly string[]): Understood {
	const [group, verb, address, ...more] = words;
	if (group === 'state' && (verb === 'list' || verb === 'show')) return look(words.slice(2));
	if (group === 'state' && verb === 'rm' && address !== undefined && more.length === 0) {
		if (!ADDRESS.test(address)) throw new Malformed(`terraform state rm: ${address} is no address of a resource`);
		return { call: { do: 'forget', address }, placeholders: placeholdersOf('text', address.replaceAll('.', ' ')) };
	}
	throw new Malformed(`no command of terraform that is known here: ${words.slice(0, 3).join(' ')}`);
}

/** Airflow's own REST API: a trigger starts a run; a token and questions only look. */
function readCurl(words: readonly string[]): Understood {
	const url = words.find((word) => /^https?:|^\$(?:AIRFLOW_URI|URL)/.test(word));
	if (url === undefined) throw new Malformed('curl: there is no address');
	const posts = words.some((word, place) => word === '-X' && words[place + 1] === 'POST');
	const placeholders = words.flatMap((word) => placeholdersOf('text', word));
	if (!posts || url.endsWith('/auth/token')) return { call: undefined, placeholders };
	const dag = /\/api\/v[12]\/dags\/([^/]+)\/dagRuns$/.exec(url)?.[1];
	if (dag === undefined) throw new Malformed(`curl: what is posted to ${url} is not known here`);
	// Its address is for the person to fill in, so it is told and never carried out.
	return { call: undefined, placeholders };
}

function readPip(words: readonly string[]): Understood {
	const [verb, ...rest] = words;
	if (verb === 'list' || verb === 'check' || verb === 'config' || verb === 'download' || verb === 'show')
		return look(rest);
	if (verb !== 'install') throw new Malformed(`no command of pip that is known here: ${verb}`);
	const packages = rest.filter(
		(word, place) => !word.startsWith('-') && !/^(?:-r|--constraint)$/.test(rest[place - 1] ?? ''),
	);
	const placeholders = rest.flatMap((word) => placeholdersOf('text', word));
	return { call: rest.includes('--dry-run') ? undefined : { do: 'pip', packages }, placeholders };
}
