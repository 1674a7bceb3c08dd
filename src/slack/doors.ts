import type { Routed } from '../../commands/route.ts';
import type { Wires } from '../../worker/wires.ts';
import type { BotDeps } from '../build-deps.ts';
import type { Producer } from '../clients/queue.ts';
import type { Asker, Typed } from '../deps.ts';

/** What the Slack process stands on. `work` only adds deliveries here; nothing is consumed. */
export type Doors = Pick<Wires, 'deps' | 'work' | 'render' | 'broken'> & {
	deps: BotDeps;
	producer: Producer;
	/** Verb, words and role, as far as they are known without asking anybody. */
	route(typed: Typed, asker: Asker): Routed;
	/** The words a button of a message stands for; undefined for one that only opens a link. Throws Trouble. */
	wordsOf(action: { action_id: string; value?: string | undefined }): Promise<string | undefined>;
	/** Opens the form of a verb. Throws Trouble. */
	openForm(
		form: { verb: string; env: string | undefined },
		typed: Typed,
		asker: Asker,
		triggerId: string,
	): Promise<void>;
};
