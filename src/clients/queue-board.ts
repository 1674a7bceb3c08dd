import type { RequestListener } from 'node:http';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { Queue } from 'bullmq';
import { mask } from '../domain/mask.ts';
import type { Redis } from './base/redis.ts';
import { PREFIX } from './base/redis.ts';

/**
 * Bull Board over all queues, read-only: nothing can be retried, promoted or removed there. What jobs carry is masked, since a
 * command that waits holds the words of a person. `path`: where it hangs, `/queues`.
 */
export function queueBoard(client: Redis, names: readonly string[], path: string): RequestListener {
	const server = new ExpressAdapter();
	server.setBasePath(path);
	const queues = names.map((name) => {
		const queue = new Queue(name, {
			connection: client,
			prefix: PREFIX,
			skipVersionCheck: true,
			skipMetasUpdate: true,
		});
		queue.on('error', () => undefined);
		const adapter = new BullMQAdapter(queue, { readOnlyMode: true });
		adapter.setFormatter('data', masked);
		adapter.setFormatter('returnValue', masked);
		return adapter;
	});
	createBullBoard({ queues, serverAdapter: server, options: { uiConfig: { boardTitle: 'Concertmaster' } } });
	const router: unknown = server.getRouter();
	if (typeof router !== 'function') throw new Error('Bull Board gave no router.');
	return (request, response) => {
		request.url = (request.url ?? '/').slice(path.length) || '/';
		router(request, response);
	};
}

function masked(data: unknown): unknown {
	if (typeof data === 'string') return mask(data);
	if (Array.isArray(data)) return data.map(masked);
	if (typeof data !== 'object' || data === null) return data;
	return Object.fromEntries(
		Object.entries(data).map(([name, value]) => [
			name,
			// `password` in a conf is known by its name only.
			typeof value === 'string' ? mask(`${name}=${value}`).slice(name.length + 1) : masked(value),
		]),
	);
}
