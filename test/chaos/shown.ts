import { buildDeps } from '../../src/build-deps.ts';
import { patientRedis, PREFIX } from '../../src/clients/base/redis.ts';
import type { Content } from '../../src/clients/store.ts';
import { loadConfig } from '../../src/config.ts';
import { voice } from '../../src/voice.ts';
import { cardId, sayCard } from '../../worker/alerts/say-card.ts';
import type { Wires } from '../../worker/wires.ts';
import type { House } from '../faults/house.ts';
import { failedTries } from './failing.ts';
import { viewOf } from '../../src/alerts/view.ts';
import type { FailedTry, Incident } from '../../src/alerts/incident.ts';

const nothing = (): void => undefined;

/**
 * Cards in Slack that are not what their stored state comes to, and states that are not Airflow's: each with what differs. A card is made
 * here as a worker makes it, from Redis alone.
 */
export async function wrongCards({ slack, airflow, redis, variables }: House): Promise<string[]> {
	const loaded = loadConfig('all', variables, '/');
	if (loaded.kind !== 'config') throw new Error('the settings of the house cannot be read');
	const client = patientRedis(redis.url, nothing);
	try {
		const deps = buildDeps(loaded.config, client, { info: nothing, warn: nothing, error: nothing }, Date.now);
		const made = new Map<string, Content>();
		const store: Wires['deps']['store'] = {
			...deps.store,
			want: async (id, _place, content) => void made.set(id, content),
		};
		const spoken = voice(deps);
		const wires: Wires = {
			deps: { ...deps, store },
			// Nothing is passed on: what is said ends in `made`.
			work: { ...({} as Wires['work']), add: async () => undefined },
			...spoken,
		};
		const states = statesOf(airflow);
		const latest = latestFailed(airflow);
		const wrong: string[] = [];
		for (const { id } of await deps.incidents.between(0, Date.now())) {
			const reading = await deps.incidents.read(id);
			if (!reading) continue;
			const incident = viewOf(id, reading.ledger, reading.told);
			const mine = await deps.incidents.tries(id);
			const differs = untrue(incident, mine, { states, latest });
			if (differs !== undefined) wrong.push(`incident ${id}: ${differs}`);
			for (const told of reading.told) {
				const key = cardId(id, told.channel);
				const shown = slack.messages(told.channel).find(({ metadata }) => metadata?.event_payload['key'] === key);
				if (!shown) continue;
				await sayCard(incident, reading, { ...told, editedAt: undefined }, wires);
				const content = made.get(key);
				if (asSent(shown) === (content && asSent(content))) continue;
				const message = await client.hmget(`${PREFIX}:msg:${key}`, 'state', 'rev', 'shown', 'stage');
				wrong.push(
					`card ${key}: ${JSON.stringify(shown.text)} instead of ${JSON.stringify(content?.text)}; said ${reading.said} of ${reading.ledger.rev}, ` +
						`message ${JSON.stringify(message)}, due ${await deps.incidents.isDue(id)}`,
				);
			}
		}
		return wrong;
	} finally {
		client.disconnect();
	}
}

/** Slack gives every block an id. */
const asSent = ({ text, blocks }: { text: string; blocks: readonly object[] }): string =>
	JSON.stringify([text, blocks.map((block) => ({ ...block, block_id: undefined }))]);

type Instance = Pick<FailedTry, 'dag' | 'run' | 'task' | 'mapIndex'>;
const nameOf = ({ dag, run, task, mapIndex }: Instance): string => JSON.stringify([dag, run, task, mapIndex]);
/** Of each task instance its state, and the number of its latest failed try. */
type Truth = { states: ReadonlyMap<string, string>; latest: ReadonlyMap<string, number> };

function statesOf(airflow: House['airflow']): Truth['states'] {
	return new Map(
		airflow
			.runs()
			.flatMap(({ dag, run, tasks }) =>
				tasks.map(({ task, mapIndex, state }) => [nameOf({ dag, run, task: task.id, mapIndex }), state ?? 'none']),
			),
	);
}

function latestFailed(airflow: House['airflow']): Truth['latest'] {
	const latest = new Map<string, number>();
	for (const one of failedTries(airflow))
		latest.set(nameOf(one), Math.max(latest.get(nameOf(one)) ?? 0, one.tryNumber));
	return latest;
}

/**
 * Recovered is an incident whose every task instance has gone well; here no run passes for another. One that failed again for another
 * reason is followed where that is told.
 */
function untrue(
	{ phase, condition }: Incident,
	tries: readonly FailedTry[],
	{ states, latest }: Truth,
): string | undefined {
	const mine = tries.filter((one) => one.tryNumber === latest.get(nameOf(one)));
	if (condition || phase === 'folded' || mine.length === 0) return undefined;
	const bad = mine.filter((one) => states.get(nameOf(one)) !== 'success');
	const should = bad.length === 0 ? 'recovered' : 'open';
	return phase === should ? undefined : `${phase} instead of ${should}, ${bad.length} of ${mine.length} not well`;
}
