import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Kube = { kubeconfig: string; close(): Promise<void> };

/** Who asks, as a real cluster names the Composer worker that may not create pods. */
export const WORKER = 'system:serviceaccount:composer-2-16-0-airflow-2-11-0-7c1f09aa:default';

/** A Kubernetes API that forbids everything about pods, in the words and headers of a real one (1.33). */
export async function forbiddingKube(): Promise<Kube> {
	const folder = await mkdtemp(join(tmpdir(), 'cm-kube-'));
	const server = createServer((request, response) => {
		const [, namespace = 'default'] = /\/namespaces\/([^/?]+)/.exec(request.url ?? '') ?? [];
		const verb = request.method === 'POST' ? 'create' : 'list';
		const message = `pods is forbidden: User "${WORKER}" cannot ${verb} resource "pods" in API group "" in the namespace "${namespace}"`;
		response.writeHead(403, {
			'audit-id': '0b6e2f4c-7d0a-4a55-9df0-58f2d1c3a9be',
			'cache-control': 'no-cache, private',
			'content-type': 'application/json',
			'x-content-type-options': 'nosniff',
		});
		response.end(
			`${JSON.stringify({
				kind: 'Status',
				apiVersion: 'v1',
				metadata: {},
				status: 'Failure',
				message,
				reason: 'Forbidden',
				details: { kind: 'pods' },
				code: 403,
			})}\n`,
		);
	});
	await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
	const { port } = server.address() as AddressInfo;
	const kubeconfig = join(folder, 'config');
	const named = (kind: string, value: object) => ({ name: 'lab', [kind]: value });
	await writeFile(
		kubeconfig,
		JSON.stringify({
			apiVersion: 'v1',
			kind: 'Config',
			clusters: [named('cluster', { server: `http://127.0.0.1:${port}` })],
			users: [named('user', { token: 'none' })],
			contexts: [named('context', { cluster: 'lab', user: 'lab' })],
			'current-context': 'lab',
		}),
	);
	return {
		kubeconfig,
		async close() {
			server.closeAllConnections();
			await new Promise((done) => server.close(done));
			await rm(folder, { recursive: true, force: true });
		},
	};
}
