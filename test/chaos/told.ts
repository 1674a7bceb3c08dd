import type { Json, SandboxMessage, SandboxSlack } from '../../src/sandbox/slack/types.ts';
import { rules } from '../../src/rules/index.ts';
import { nameOf } from './failing.ts';
import type { Try } from './failing.ts';

/** A line of a card's list: `dag.task[map]  run  #try  09:14:02Z`. */
const LINE = /^(\S+)  (\S+)  #(\d+)  \d\d:\d\d:\d\dZ$/gm;

/** Every text in a message's blocks as Slack would show it, one piece a line. */
function textsIn(value: Json | undefined): string[] {
	if (typeof value === 'string') return [value];
	if (Array.isArray(value)) return (value as readonly Json[]).flatMap(textsIn);
	if (typeof value !== 'object' || value === null) return [];
	return Object.entries(value).flatMap(([name, inner]) =>
		name === 'text' || typeof inner === 'object' ? textsIn(inner) : [],
	);
}

/** Cards, not what stands in their threads. */
const CARD = /^i-[0-9a-z]+-[A-Z0-9]+$/i;

const keyOf = ({ metadata, deleted }: SandboxMessage): string => {
	const key = metadata?.event_payload['key'];
	return typeof key === 'string' && !deleted ? key : '';
};

export type Told = { lost: string[]; doubled: string[] };

/**
 * How often each failed try is told in what stands in Slack now, channel by channel: an incident that came over several DAGs is told in each of
 * their channels. Lost: not told in the channel where it belongs. Doubled: twice in one channel, or a try that never failed.
 */
export function told(
	slack: Pick<SandboxSlack, 'allMessages'>,
	tries: readonly Try[],
	channelOf: (dag: string) => string | undefined,
): Told {
	const byChannel = Map.groupBy(slack.allMessages(), ({ channel }) => channel);
	const lost: string[] = [];
	const doubled: string[] = [];
	const wanted = new Map(tries.map((one) => [nameOf(one), one]));
	const counts = new Map([...byChannel].map(([channel, messages]) => [channel, countIn(messages, wanted)]));
	for (const [name, { dag }] of wanted) if (!counts.get(channelOf(dag) ?? '')?.has(name)) lost.push(name);
	for (const [channel, found] of counts)
		for (const [name, times] of found)
			if (times > 1 || !wanted.has(name)) doubled.push(`${name} ×${times} in ${channel}`);
	return { lost, doubled };
}

/** A line of a list, or, where a card lists nothing, the card itself, which is about one try of the task and run it names. */
function countIn(messages: readonly SandboxMessage[], wanted: ReadonlyMap<string, Try>): Map<string, number> {
	const counts = new Map<string, number>();
	const add = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
	const alone: string[][] = [];
	for (const message of messages) {
		const key = keyOf(message);
		// Cards, and the digest of a storm with its pages.
		if (!/^[is]-/.test(key)) continue;
		const texts = textsIn(message.blocks);
		const lines = texts.flatMap((text) => [...text.matchAll(LINE)]);
		for (const [, task = '', run = '', tryNumber = ''] of lines) add(`${task} ${run} #${tryNumber}`);
		if (CARD.test(key) && lines.length === 0) alone.push(texts);
	}
	// A card without a list: its one try is one of its task and run that no list names. A second card for it is one too many.
	for (const texts of alone) {
		const mine = [...wanted.values()].filter((one) => isAbout(texts, one));
		const [first] = [...mine.filter((one) => !counts.has(nameOf(one))), ...mine];
		if (first) add(nameOf(first));
	}
	return counts;
}

function isAbout(texts: readonly string[], { dag, run, task, mapIndex }: Try): boolean {
	return texts.includes(run) && texts.includes(dag) && texts.includes(mapIndex < 0 ? task : `${task}[${mapIndex}]`);
}

/**
 * Cards beyond the first that stand in one channel for one cause. Each channel hears of one DAG here, whose task fails for one reason of each
 * kind, so that all of it is one incident. What a cause is called stands in the card; where it is not known, nothing can be said.
 */
export function doubledCards(slack: Pick<SandboxSlack, 'allMessages'>): string[] {
	const cards = slack.allMessages().filter((message) => CARD.test(keyOf(message)));
	const byCause = Map.groupBy(cards, ({ channel, blocks }) => {
		const texts = textsIn(blocks);
		const cause = rules.find(({ title }) => texts.includes(title.en));
		return cause && `${cause.id} in ${channel}`;
	});
	return [...byCause].flatMap(([cause, all]) =>
		cause === undefined ? [] : all.slice(1).map((one) => `${cause}: ${keyOf(one)} beside ${keyOf(all[0] ?? one)}`),
	);
}
