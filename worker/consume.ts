import type { Held, Outcome, QueueName } from '../src/clients/queue.ts';
import { cards } from './card.ts';
import { chores } from './chores.ts';
import { command } from './command.ts';
import { condition } from './condition.ts';
import { deliver } from './deliver.ts';
import { failure } from './failure.ts';
import { follow } from './follow.ts';
import { watch } from './watch.ts';
import type { Wires } from './wires.ts';

/** A job that was in the hands of so many workers when they died is set aside, and `doctor` says so. */
const MOST_STALLS = 8;

/** Takes jobs until `close`. Waiting for Airflow and Slack costs no thread, so many jobs are in hand at once. */
export function consume(wires: Wires): void {
	const { deps, work } = wires;
	const take = (queue: QueueName, handle: (held: Held, wires: Wires) => Promise<Outcome>): void => {
		work.consume(queue, 40, async (held) => {
			if (held.stalls < MOST_STALLS) return handle(held, wires);
			await deps.store.quarantine(`${queue} ${held.id}`, `${held.stalls} workers died with it`);
			deps.log.error({ queue, job: held.id, stalls: held.stalls }, 'job set aside');
			return 'done';
		});
	};
	// A command says itself that it was set aside: its asker waits for it.
	work.consume('commands', 40, (held) => command(held, wires));
	take('deliveries', deliver);
	take('follows', follow);
	// A turn of the watch waits for Airflow most of the time; one environment never has two.
	work.consume('watches', 20, (held) => watch(held, wires));
	// A failure that cannot be carried out is told unread: it is never set aside in silence.
	work.consume('failures', 40, (held) => failure(held, wires));
	take('conditions', condition);
	take('cards', cards);
	take('chores', chores);
}
