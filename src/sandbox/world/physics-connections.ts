import type { Ending, Tried } from '../airflow/types.ts';
import { may } from './may.ts';
import type { Caller } from './physics-google.ts';
import type { Step } from './physics-needs.ts';
import type { Site, Workers } from './physics-workers.ts';

/** What is known of an environment beside its settings, and what people change through Airflow's own command line. */
export type AirflowState = {
	connections: Set<string>;
	variables: Set<string>;
	/** What the metadata database has to bear beside the schedulers, in vCPU of a small one. */
	databaseLoad: number;
	/** How long the queue lets a task wait; `[scheduler]task_queued_timeout` of Composer. Seconds. */
	queuedTimeout: number;
};

type Wanted = Extract<Step, { kind: 'connection' }>;
type At = { site: Site; workers: Workers; state: AirflowState; caller: Caller };

/** A connection: in Secret Manager where that is the backend, else in Airflow's own database. What is raised where there is none. */
export function lookUp(
	tried: Tried,
	{ id, line, function: name }: Wanted,
	{ site: { world, write }, workers, state, caller: who }: At,
): Ending | undefined {
	if (/CloudSecretManagerBackend/.test(workers.setting('secrets-backend') ?? '')) {
		const secret = `airflow-connections-${id}`;
		const known = world.secrets.has(secret);
		if (
			'email' in who &&
			known &&
			may(world, who.email, 'secretmanager.versions.access', { kind: 'secret', id: secret })
		)
			return undefined;
		if (known || 'refused' in who)
			write.worker(
				tried.host ?? '',
				`Google Cloud API Call Error (PermissionDenied): No access for Secret ID ${secret}. Did you add 'secretmanager.versions.access' permission?`,
				{ severity: 'ERROR' },
			);
	}
	if (state.connections.has(id)) return undefined;
	return {
		raises: {
			type: 'airflow.exceptions.AirflowNotFoundException',
			message: `The conn_id \`${id}\` isn't defined`,
			line,
			function: name,
		},
	};
}

/** Airflow's command line, as far as it changes what tasks meet. */
export function runCommand(
	{ connections, variables }: AirflowState,
	words: readonly string[],
): { lines: string[]; exitCode: number } {
	const [group, verb, name = ''] = words;
	const said = (line: string, exitCode = 0) => ({ lines: [line], exitCode });
	switch (`${group} ${verb}`) {
		case 'connections add':
			if (connections.has(name)) return said(`A connection with \`conn_id\`=${name} already exists.`, 1);
			connections.add(name);
			return said(`Successfully added \`conn_id\`=${name}`);
		case 'connections delete':
			return connections.delete(name)
				? said(`Successfully deleted connection with \`conn_id\`=${name}`)
				: said(`Did not find a connection with \`conn_id\`=${name}`, 1);
		case 'connections get':
			return connections.has(name) ? said(name) : said('Connection not found.', 1);
		case 'connections list':
			return { lines: [...connections], exitCode: 0 };
		case 'variables set':
			variables.add(name);
			return said(`Variable ${name} created`);
		default:
			return { lines: [], exitCode: 0 };
	}
}
