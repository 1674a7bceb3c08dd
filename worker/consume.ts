import { command } from './command.ts';
import { deliver } from './deliver.ts';
import { follow } from './follow.ts';
import type { Wires } from './wires.ts';

/** Takes jobs until `close`. Waiting for Airflow and Slack costs no thread, so many jobs are in hand at once. */
export function consume(wires: Wires): void {
	wires.work.consume('commands', 40, (held) => command(held, wires));
	wires.work.consume('deliveries', 40, (held) => deliver(held, wires));
	wires.work.consume('follows', 40, (held) => follow(held, wires));
}
