import type { Composer } from '../../src/clients/composer.ts';
import { muteOf } from '../../src/alerts/mutes.ts';
import { alertsSchema, type AlertsOptions } from '../../src/alerts/options.ts';
import { destinations } from '../../src/alerts/routes.ts';
import { startDiagnoser } from '../../src/diagnosis/thread.ts';
import type { Access, Grant, Role } from '../../src/access/roles.ts';
import { airflow } from '../../src/clients/airflow.ts';
import { http } from '../../src/clients/base/http.ts';
import type { Asker, Checkup, Deps, Typed } from '../../src/deps.ts';
import type { Airflow } from '../../src/domain/airflow.ts';
import { unmeasured } from '../../src/domain/measure.ts';
import type { Line, Part, Reply } from '../../src/domain/reply.ts';
import { airflowSources } from '../../src/sources/airflow.ts';
import { composerSources } from '../../src/sources/composer.ts';
import { kept as keptFor } from '../../src/sources/kept.ts';
import { startAirflow, type AirflowOptions, type SandboxAirflow } from '../../src/sandbox/airflow/index.ts';
import { advised } from '../../src/scaling/apart.ts';
import { keptHistory } from '../../src/scaling/kept-history.ts';
import { scalingSchema, type ScalingOptions } from '../../src/scaling/options.ts';
import { appliesInMemory } from '../scaling/applies-in-memory.ts';
import { incidentsInMemory } from '../alerts/memory.ts';
import { memory } from './memory.ts';

export const KEY = '0123456789abcdef01234567';

export const asker = (more: Partial<Asker> = {}): Asker => ({
	user: 'U0AIKO',
	name: 'Aiko',
	lang: 'en',
	groups: [],
	outsider: false,
	...more,
});

export const typed = (words: string, more: Partial<Typed> = {}): Typed => ({
	words,
	user: 'U0AIKO',
	channel: 'C0DATA',
	team: 'T0ACME',
	key: KEY,
	via: 'command',
	at: 0,
	...more,
});

export const access = (everyone: Role, grants: readonly Grant[] = [], environments = ['prod']): Access => ({
	everyone,
	grants,
	environments,
});

/** The real client in front of the Airflow stand-in. */
export async function sandboxAirflow(options: AirflowOptions): Promise<{ sandbox: SandboxAirflow; client: Airflow }> {
	const sandbox = await startAirflow({ schedules: false, ...options });
	return { sandbox, client: clientOf(sandbox, options.api) };
}

export function clientOf(sandbox: SandboxAirflow, api: 1 | 2, username: 'admin' | 'op' | 'viewer' = 'op'): Airflow {
	const auth = { kind: api === 1 ? 'basic' : 'jwt', username, password: username } as const;
	return airflow({ url: sandbox.url, auth, timeoutMs: 1500 }, http);
}

const PEOPLE = [
	{ user: 'U0AIKO', name: 'Aiko' },
	{ user: 'U0BEN', name: 'Ben' },
];

export type Said = { level: string; message: string; data: Record<string, unknown> };

const diagnoser = startDiagnoser();

export type FakeDeps = Deps & {
	/** Puts an incident there. */
	begin: ReturnType<typeof incidentsInMemory>['begin'];
	logged: Said[];
	chosen: Map<string, string>;
};

export function fakeDeps(
	airflows: Readonly<Record<string, Airflow>>,
	more: {
		grants?: readonly Grant[];
		everyone?: Role;
		now?: () => number;
		checkups?: readonly Checkup[];
		composer?: Composer;
		publicUrl?: string;
		alerts?: AlertsOptions;
		scaling?: ScalingOptions;
	} = {},
): FakeDeps {
	const logged: Said[] = [];
	const chosen = new Map<string, string>();
	const now = more.now ?? Date.now;
	const kept = memory(now);
	const alerts = more.alerts ?? alertsSchema.parse({});
	const log = (level: string) => (data: Record<string, unknown>, message: string) => {
		logged.push({ level, message, data });
	};
	return {
		now,
		log: { info: log('info'), warn: log('warn'), error: log('error') },
		environments: Object.keys(airflows),
		airflow(env) {
			const found = airflows[env];
			if (!found) throw new Error(`no environment ${env}`);
			return found;
		},
		composer: () => more.composer,
		logging: () => undefined,
		monitoring: () => undefined,
		sources: (env) => ({
			...airflowSources(airflows[env] ?? fakeAirflow({})),
			...(more.composer ? composerSources(more.composer, keptFor(now)) : {}),
		}),
		readLog: (log, question) => diagnoser.diagnose({ bytes: log }, question),
		grants: more.grants ?? [],
		everyone: more.everyone ?? 'operator',
		lang: 'en',
		choices: {
			environment: async ({ channel, user }) => ({ channel: chosen.get(channel), user: chosen.get(user) }),
			async choose(scope, env) {
				const at = 'channel' in scope ? scope.channel : scope.user;
				if (env === undefined) chosen.delete(at);
				else chosen.set(at, env);
			},
		},
		routes: async (about) => destinations(about, alerts, await kept.watches.heard(), { lang: 'en', now: now() }),
		mutedBy: async (about) => muteOf(about, (await kept.watches.heard()).mutes, now()),
		alerts,
		scaling: more.scaling ?? scalingSchema.parse({}),
		applies: appliesInMemory(),
		advise: async (history, options) => advised(history, options),
		keptHistory: keptHistory(),
		person: async (who) => PEOPLE.find(({ user, name }) => who === user || who === `@${name.toLowerCase()}`),
		...kept,
		...incidentsInMemory(),
		followed: {
			begin: async (_env, _operation, since) => ({ since, places: [] }),
			all: async () => new Map(),
			end: async () => undefined,
		},
		measure: unmeasured,
		publicUrl: more.publicUrl,
		tickets: {
			issue: async (what, user) => `ticket-for-${user}-${what}`,
			redeem: async () => undefined,
		},
		checkups: async () => more.checkups ?? [],
		logged,
		chosen,
	};
}

/** An Airflow of which a test names only what is asked of it. */
export function fakeAirflow(answers: Partial<Airflow>): Airflow {
	const never = (name: string) => async () => {
		throw new Error(`the test did not expect ${name}`);
	};
	return {
		version: never('version'),
		health: never('health'),
		dags: never('dags'),
		dag: never('dag'),
		dagDetails: never('dagDetails'),
		retryDelayMs: never('retryDelayMs'),
		trigger: never('trigger'),
		run: never('run'),
		runs: never('runs'),
		taskInstances: never('taskInstances'),
		log: never('log'),
		importErrors: never('importErrors'),
		endedRuns: never('endedRuns'),
		endedTaskInstances: never('endedTaskInstances'),
		changedTasks: never('changedTasks'),
		changedRuns: never('changedRuns'),
		tasksOfRuns: never('tasksOfRuns'),
		clockAheadMs: () => undefined,
		taskInstance: never('taskInstance'),
		dependencies: never('dependencies'),
		tries: never('tries'),
		clearable: never('clearable'),
		clear: never('clear'),
		noteRun: never('noteRun'),
		setRunState: never('setRunState'),
		setPaused: never('setPaused'),
		eventLogs: never('eventLogs'),
		pools: never('pools'),
		config: never('config'),
		runUrl: (dag, run) => `https://airflow.example.com/dags/${encodeURIComponent(dag)}/${encodeURIComponent(run)}`,
		dagUrl: (dag) => `https://airflow.example.com/dags/${encodeURIComponent(dag)}`,
		whoAmI: never('whoAmI'),
		...answers,
	};
}

function spans(line: Line): string {
	return line
		.map((span) => {
			if (typeof span === 'string') return span;
			if ('bold' in span) return `*${span.bold}*`;
			if ('code' in span) return `\`${span.code}\``;
			if ('link' in span) return `[${span.label}](${span.link})`;
			if ('user' in span) return `@${span.name ?? span.user}`;
			return `{${span.time.slice(0, 16)}}`;
		})
		.join('');
}

/** A reply as a person would take it in, one line a part; for comparing by value. */
export function shown(reply: Reply): string[] {
	return reply.parts.flatMap((part: Part): string[] => {
		switch (part.kind) {
			case 'title':
				return [`${part.icon ?? ''} ${spans(part.line)}`.trim()];
			case 'text':
				return [spans(part.line)];
			case 'note':
				return [`(${spans(part.line)})`];
			case 'fields':
				return part.fields.map(([label, line]) => `${label}: ${spans(line)}`);
			case 'list':
				return part.items.map((item) => `- ${spans(item)}`);
			case 'code':
				return part.text.split('\n').map((line) => `| ${line}`);
			case 'table':
				return [part.head, ...part.rows].map((row) =>
					row.map((cell) => (typeof cell === 'string' ? cell : spans(cell))).join(' | '),
				);
			case 'chart':
				return [`(chart: ${part.chart.title})`];
			default:
				return [part.buttons.map(({ label }) => `[${label}]`).join(' ')];
		}
	});
}
