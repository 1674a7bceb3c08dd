import type { Entry, Tried } from '../airflow/types.ts';
import { resourceOf, writeLine } from './environments.ts';
import type { ComposerEnvironment, JsonObject, Severity } from './types.ts';
import type { World } from './world.ts';

/** Where a task's failure is written down: the words of one environment, with the labels that Composer's log handlers put on them. */
export type Writer = ReturnType<typeof openWriter>;

export function openWriter(world: World, environment: ComposerEnvironment, airflow: 2 | 3) {
	type How = { severity?: Severity; at?: number; visibleAt?: number };
	const line = (log: string, text: string, labels: Record<string, string>, how: How = {}): void =>
		writeLine(world, environment, log, text, { labels, ...how });

	const podOf = (type: string): string => environment.pods.find((pod) => pod.type === type)?.name ?? '';

	return {
		/** What a worker says of itself; `at`: default now. */
		worker(host: string, text: string, how: How = {}): void {
			line('airflow-worker', text, { worker_id: host, process: 'celery' }, how);
		},
		scheduler(text: string, how: How = {}): void {
			line('airflow-scheduler', text, { scheduler_id: podOf('SCHEDULER'), process: 'scheduler_job_runner.py' }, how);
		},
		dagProcessor(text: string, how: How = {}): void {
			line(
				'dag-processor-manager',
				text,
				{ dag_processor_manager_id: podOf(environment.generation === 'composer-3' ? 'DAG_PROCESSOR' : 'SCHEDULER') },
				how,
			);
		},
		agent(text: string, how: How = {}): void {
			line('composer-agent', text, {}, how);
		},
		/** Entries of one try, under the labels it can be found by. */
		task(tried: Tried, host: string, entries: readonly Entry[], visibleAt?: number): void {
			const { dag, run, task, tryNumber, mapIndex } = tried;
			const labels = {
				workflow: dag.id,
				'task-id': task.id,
				'try-number': String(tryNumber),
				'map-index': String(mapIndex),
				worker_id: host,
				'run-id': run.run,
				...(airflow === 2 && {
					'execution-date': new Date(run.logicalDate ?? run.runAfter).toISOString().replace('Z', '+00:00'),
				}),
			};
			// Longer ones are cut into several by the log handler.
			for (const { at, level, text } of entries)
				for (let from = 0; from === 0 || from < text.length; from += 4096)
					line('airflow-worker', text.slice(from, from + 4096), labels, {
						severity: level,
						at,
						...(visibleAt !== undefined && { visibleAt }),
					});
		},
		/** On Composer 2 an event of the cluster; Composer 3 shows none. */
		podEvent(pod: string, namespace: string, reason: string, message: string, at?: number): void {
			if (environment.cluster === undefined) return;
			event(
				{ type: 'k8s_pod', pod_name: pod, namespace_name: namespace },
				{ kind: 'Pod', name: pod, namespace },
				reason,
				message,
				at,
			);
		},
		nodeEvent(node: string, reason: string, message: string, at?: number): void {
			if (environment.cluster === undefined) return;
			event({ type: 'k8s_node', node_name: node }, { kind: 'Node', name: node }, reason, message, at);
		},
		/** Why Composer 2's cluster got no more nodes. */
		autoscaler(json: JsonObject, at?: number): void {
			if (environment.cluster === undefined) return;
			world.log.write({
				log: 'container.googleapis.com/cluster-autoscaler-visibility',
				resource: {
					type: 'gce_cluster_autoscaler',
					labels: { project_id: world.project.id, location: environment.location, cluster_name: environment.cluster },
				},
				severity: 'WARNING',
				json,
				...(at !== undefined && { at }),
			});
		},
		/** What an operator's pod did, as Composer 3 tells it. */
		operator(pod: string, text: string, how: How = {}): void {
			line('airflow-k8s-operator', text, { pod_id: pod }, how);
		},
		build(id: string, lines: readonly string[], at: number): void {
			for (const [nth, text] of lines.entries())
				world.log.write({
					log: `build-log-${id}`,
					resource: resourceOf(world, environment),
					severity: text.startsWith('ERROR') ? 'ERROR' : 'INFO',
					text,
					at: at + nth * 200,
				});
		},
	};

	function event(
		{ type, ...labels }: { type: string } & Record<string, string>,
		involvedObject: JsonObject,
		reason: string,
		message: string,
		at?: number,
	): void {
		const warning = !/^(?:Scheduled|Pulling|Pulled|Created|Started|Killing)$/.test(reason);
		world.log.write({
			log: 'events',
			resource: {
				type,
				labels: {
					project_id: world.project.id,
					location: environment.location,
					cluster_name: environment.cluster ?? '',
					...labels,
				},
			},
			severity: warning ? 'WARNING' : 'INFO',
			json: {
				apiVersion: 'v1',
				kind: 'Event',
				type: warning ? 'Warning' : 'Normal',
				reason,
				message,
				involvedObject,
			},
			...(at !== undefined && { at }),
		});
	}
}
