import { z } from 'zod';
import { quoteWord } from '../../commands/_parts/words.ts';
import { parseAirflowUrl } from '../domain/airflow-url.ts';
import { isDagId, isRunId, isTaskId } from '../domain/ids.ts';

/** A command's words may hold 8,000 characters; of a pasted log the end decides. */
const MOST_TEXT = 7000;

/** The words a button stands for. */
type WordsOf = (action: { action_id: string; value?: string | undefined }) => Promise<string | undefined>;

/**
 * What a message of the conversation is about, as words for the verb `diagnose`: one of our own messages (its buttons name the
 * try), an Airflow address, the ids that Airflow's notifiers write, else the text itself where it may be a log. Undefined: nothing
 * that could be diagnosed. `message`: as Slack sends it with a message shortcut and in conversations.replies.
 */
export async function meant(message: unknown, wordsOf: WordsOf): Promise<string | undefined> {
	const read = seen(message);
	for (const button of read.buttons) {
		const words = await wordsOf(button);
		const named = words === undefined ? undefined : fromButton(words);
		if (named !== undefined) return named;
	}
	const text = read.texts.join('\n');
	return byAddress([...read.addresses, ...addressesIn(text)]) ?? byNames(text) ?? asLog(read.texts);
}

type Seen = { texts: string[]; addresses: string[]; buttons: { action_id: string; value?: string | undefined }[] };

const buttonShape = z.object({ type: z.literal('button'), action_id: z.string(), value: z.string().optional() });

/** Every text, address and button of it, wherever Slack's blocks and attachments hold them; at most so deep and so many. */
function seen(message: unknown): Seen {
	const found: Seen = { texts: [], addresses: [], buttons: [] };
	let left = 3000;
	const walk = (value: unknown, depth: number): void => {
		if (depth > 14 || --left < 0) return;
		if (Array.isArray(value)) for (const one of value) walk(one, depth + 1);
		else if (typeof value === 'object' && value !== null) {
			const button = buttonShape.safeParse(value);
			if (button.success) return void found.buttons.push(button.data);
			for (const [name, inner] of Object.entries(value)) {
				if (typeof inner !== 'string') walk(inner, depth + 1);
				else if (name === 'text') found.texts.push(plain(inner));
				else if (name === 'url' || name === 'from_url') found.addresses.push(inner);
			}
		}
	};
	walk(message, 0);
	return found;
}

/** `<https://…|label>`, `&lt;` and the stars of mrkdwn are Slack's, not the writer's. */
const plain = (text: string): string =>
	text
		.replace(/<(https?:[^<>|]*)(?:\|[^<>]*)?>/g, ' $1 ')
		.replace(/&(amp|lt|gt);/g, (_, name: string) => (name === 'amp' ? '&' : name === 'lt' ? '<' : '>'));

/** `logs <dag> <task> <run> <try>`, `diagnose …` and `status <dag> <run>` of our own messages name what they are about. */
function fromButton(words: string): string | undefined {
	const [, verb, rest] = /^(diagnose|logs|status)\s+([^]+)$/.exec(words) ?? [];
	if (verb === undefined || rest === undefined) return undefined;
	return `diagnose ${rest.replaceAll(/\s--full\b/g, '')}`;
}

const addressesIn = (text: string): string[] => text.match(/https?:\/\/[^\s<>|"')]{1,2000}/g) ?? [];

function byAddress(addresses: readonly string[]): string | undefined {
	const places = addresses.flatMap((address) => {
		const place = parseAirflowUrl(address);
		return place ? [{ address, weight: (place.task === undefined ? 0 : 2) + (place.run === undefined ? 0 : 1) }] : [];
	});
	const [best] = places.sort((a, b) => b.weight - a.weight);
	return best && `diagnose ${quoteWord(best.address)}`;
}

const ID = '([\\p{L}\\p{N}_.-]{1,250})';
const RUN = '((?:manual|scheduled|backfill|asset_triggered|dataset_triggered|slack)__[\\p{L}\\p{N}_.:+~-]{1,240})';
/** What stands between a name and its value in notifiers: `*DAG*: x`, `Dag = x`, `dag_id: "x"`. */
const BETWEEN = String.raw`["'*\x60]{0,3}\s{0,3}[:=]\s{0,3}["'*\x60]{0,3}`;
const DAG_NAMED = new RegExp(`\\bdag(?:[ _]?id|[ _]?name)?${BETWEEN}${ID}`, 'iu');
const TASK_NAMED = new RegExp(`\\btask(?:[ _]?id|[ _]?name)?${BETWEEN}${ID}`, 'iu');
const RUN_NAMED = new RegExp(`\\brun(?:[ _]?id)?${BETWEEN}${RUN}`, 'iu');
/** Airflow's own way to print a task instance: `<TaskInstance: dag.task run_id [failed]>`. */
const TASK_INSTANCE = new RegExp(`<TaskInstance: ([\\p{L}\\p{N}_-]{1,250})\\.${ID} ${RUN}`, 'u');

function byNames(text: string): string | undefined {
	const [, dagOf, taskOf, runOf] = TASK_INSTANCE.exec(text) ?? [];
	const dag = dagOf ?? trimmed(DAG_NAMED.exec(text)?.[1]);
	if (dag === undefined || !isDagId(dag)) return undefined;
	const task = taskOf ?? trimmed(TASK_NAMED.exec(text)?.[1]);
	const run = runOf ?? RUN_NAMED.exec(text)?.[1];
	const words = [
		dag,
		...(task !== undefined && isTaskId(task) ? [task] : []),
		...(run !== undefined && isRunId(run) ? [run] : []),
	];
	return `diagnose ${words.map(quoteWord).join(' ')}`;
}

/** The full stop of a sentence is no part of an id. */
const trimmed = (id: string | undefined): string | undefined => id?.replace(/[.-]+$/, '') || undefined;

/** The longest text of the message: Slack repeats it in the fallback. */
function asLog(texts: readonly string[]): string | undefined {
	const text = texts.toSorted((a, b) => b.length - a.length)[0]?.trim() ?? '';
	if (!/\n|error|exception|traceback|denied|forbidden|failed/i.test(text) || text.length < 20) return undefined;
	return `diagnose --text ${text.slice(-MOST_TEXT)}`;
}
