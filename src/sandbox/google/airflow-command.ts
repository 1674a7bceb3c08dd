import { createHash } from 'node:crypto';
import type { composer_v1 } from 'googleapis/build/src/apis/composer/v1.js';
import { z } from 'zod';
import { GoogleRefusal, invalid } from '../world/refusal.ts';
import type { ComposerEnvironment, Json, World } from '../world/world.ts';

/** Groups of Airflow's command line that gcloud lets through. Source: gcloud 578. */
const GROUPS = [
	'connections',
	'dags',
	'kerberos',
	'kubernetes',
	'pools',
	'roles',
	'sync-perm',
	'tasks',
	'users',
	'variables',
	'version',
];

const command = z.strictObject({
	command: z.string(),
	subcommand: z.string().optional(),
	parameters: z.array(z.string()).optional(),
});
const poll = z.strictObject({
	executionId: z.string(),
	pod: z.string(),
	podNamespace: z.string(),
	nextLineNumber: z.number().int().optional(),
});

/** executeAirflowCommand and its poll. `world.airflowCommand` says what a command prints. */
export function airflowCommands(world: World) {
	const ran = new Map<string, { lines: string[]; exitCode: number }>();
	return {
		execute(environment: ComposerEnvironment, body: Json): composer_v1.Schema$ExecuteAirflowCommandResponse {
			const read = command.safeParse(body);
			if (!read.success) throw invalid('Invalid JSON payload received.');
			const { command: group, subcommand, parameters = [] } = read.data;
			if (!GROUPS.includes(group)) throw invalid(`Airflow command ${group} is not supported.`);
			if (environment.state !== 'RUNNING')
				throw new GoogleRefusal(
					'FAILED_PRECONDITION',
					`Environment ${environment.name} is in state ${environment.state}.`,
				);
			const words = [group, ...(subcommand === undefined ? [] : [subcommand]), ...parameters];
			const executionId = createHash('sha256').update(`${world.now()} ${ran.size}`).digest('hex').slice(0, 32);
			ran.set(executionId, world.airflowCommand(environment, words));
			// Each is polled soon after; what nobody asked for is forgotten.
			if (ran.size > 100) ran.delete(ran.keys().next().value ?? '');
			return {
				executionId,
				pod: 'airflow-cli-0',
				podNamespace: 'composer-system',
				error: '',
			} satisfies composer_v1.Schema$ExecuteAirflowCommandResponse;
		},
		poll(_: ComposerEnvironment, body: Json): composer_v1.Schema$PollAirflowCommandResponse {
			const read = poll.safeParse(body);
			const found = read.success ? ran.get(read.data.executionId) : undefined;
			if (!read.success || !found) throw invalid('Unknown execution.');
			const from = read.data.nextLineNumber ?? 0;
			return {
				output: found.lines.slice(from).map((content, nth) => ({ lineNumber: from + nth, content })),
				outputEnd: true,
				exitInfo: { exitCode: found.exitCode },
			} satisfies composer_v1.Schema$PollAirflowCommandResponse;
		},
	};
}
