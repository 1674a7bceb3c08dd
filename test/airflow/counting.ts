import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Counted = { runs: number; tasks: number; health: number; other: number; refused: number };

/** A door to this address that counts who came through it: the polls of a watch, by what they ask for. */
export async function countingDoor(to: string): Promise<{ url: string; counted(): Counted; close(): Promise<void> }> {
	const counts: Counted = { runs: 0, tasks: 0, health: 0, other: 0, refused: 0 };
	const server = createServer((incoming, outgoing) => {
		counts[kindOf(incoming.url ?? '')]++;
		const { method, headers } = incoming;
		const onward = request(new URL(incoming.url ?? '/', to), { method, headers }, (answer) => {
			if ((answer.statusCode ?? 500) >= 400) counts.refused++;
			outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
			answer.pipe(outgoing);
		});
		onward.on('error', () => outgoing.destroy());
		incoming.pipe(onward);
	});
	await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		counted: () => ({ ...counts }),
		close: () =>
			new Promise((done) => {
				server.close(() => done());
				server.closeAllConnections();
			}),
	};
}

function kindOf(path: string): 'runs' | 'tasks' | 'health' | 'other' {
	if (path.includes('/taskInstances')) return 'tasks';
	if (path.includes('/dagRuns')) return 'runs';
	return path.includes('/health') ? 'health' : 'other';
}
