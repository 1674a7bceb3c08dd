import type { House } from '../faults/house.ts';
import { postsOf } from '../faults/house.ts';
import type { Attempt } from './typing.ts';

export type Seen = {
	commandsLost: number;
	runsDoubled: number;
	messagesLost: number;
	messagesDoubled: number;
	/** Messages that stand and do not show how their run ended. */
	messagesStale: number;
};

const SUCCEEDED = /succeeded|成功/;

/** By command, from what Slack and Airflow saw: runs by the `n` in their conf and by the key in their id, messages by the key of those runs. */
export function count({ slack, airflow }: Pick<House, 'slack' | 'airflow'>, attempts: readonly Attempt[]): Seen {
	const runs = new Map<number, string[]>();
	for (const { dag, run } of airflow.started()) {
		const n = Number(airflow.run(dag, run)?.conf['n']);
		runs.set(n, [...(runs.get(n) ?? []), run.replace(/^slack__/, '')]);
	}
	const posts = postsOf(slack);
	const final = new Set(
		slack
			.allMessages()
			.filter((message) => SUCCEEDED.test(message.text))
			.map((message) => message.metadata?.event_payload['key']),
	);
	const seen: Seen = { commandsLost: 0, runsDoubled: 0, messagesLost: 0, messagesDoubled: 0, messagesStale: 0 };
	const byCommand = Map.groupBy(attempts, ({ n }) => n);
	for (const [n, all] of byCommand) {
		const keys = runs.get(n) ?? [];
		const accepted = all.filter(({ fate }) => fate === 'accepted');
		// Somebody types until it is accepted, so that none is left that never ran.
		if (keys.length === 0 || accepted.some(({ key }) => !keys.includes(key))) seen.commandsLost++;
		const mayRun = new Set(all.filter(({ fate }) => fate !== 'refused').map(({ key }) => key));
		if (keys.some((key) => !mayRun.has(key)) || new Set(keys).size < keys.length) seen.runsDoubled++;
		if (keys.some((key) => (posts.get(key) ?? 0) === 0)) seen.messagesLost++;
		if (keys.some((key) => (posts.get(key) ?? 0) > 1)) seen.messagesDoubled++;
		if (keys.some((key) => (posts.get(key) ?? 0) > 0 && !final.has(key))) seen.messagesStale++;
	}
	return seen;
}

/** Commands whose sender typed them again without knowing, and which therefore ran more than once: each time as its own command. */
export function ranAgain({ airflow }: Pick<House, 'airflow'>): number {
	const byCommand = Map.groupBy(airflow.started(), ({ dag, run }) => Number(airflow.run(dag, run)?.conf['n']));
	return [...byCommand.values()].filter((all) => all.length > 1).length;
}

/** How each command that was lost or doubled was typed, for whoever has to find out why. */
export function attemptsOfWrong(house: Pick<House, 'slack' | 'airflow'>, attempts: readonly Attempt[]): string[] {
	const started = new Set(house.airflow.started().map(({ run }) => run.replace(/^slack__/, '')));
	return [...Map.groupBy(attempts, ({ n }) => n).values()]
		.filter((all) => {
			const { commandsLost, runsDoubled } = count(house, all);
			return commandsLost + runsDoubled > 0;
		})
		.flat()
		.map(({ n, key, fate }) => `command ${n}: ${key} ${fate}, ${started.has(key) ? 'ran' : 'did not run'}`);
}
