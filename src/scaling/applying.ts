import { z } from 'zod';
import { canonical } from '../access/approvals.ts';
import type { Head } from './history.ts';
import type { Change } from './plan.ts';
import type { Grade } from './settle.ts';
import { sizeName, updatesFor, workloads, type Update } from './updates.ts';

const text = z.object({ en: z.string(), ja: z.string() });
const person = z.object({ user: z.string(), name: z.string() });

const workerSize = z.object({
	min: z.number(),
	max: z.number(),
	cpu: z.number().optional(),
	memoryGb: z.number().optional(),
	storageGb: z.number().optional(),
});
const part = z.object({ count: z.number(), cpu: z.number(), memoryGb: z.number(), storageGb: z.number().optional() });
const environmentSize = z.enum(['small', 'medium', 'large', 'extra-large']);
export const changeSchema = z.discriminatedUnion('what', [
	z.object({ what: z.literal('worker'), from: workerSize, to: workerSize }),
	z.object({ what: z.literal('concurrency'), from: z.number(), to: z.number() }),
	z.object({ what: z.literal('pool'), name: z.string(), from: z.number(), to: z.number() }),
	z.object({
		what: z.literal('component'),
		component: z.enum(['scheduler', 'dagProcessor', 'triggerer', 'webServer']),
		from: part,
		to: part,
	}),
	z.object({ what: z.literal('environment size'), from: environmentSize, to: environmentSize }),
	z.object({
		what: z.literal('override'),
		key: z.string(),
		from: z.string().optional(),
		to: z.string().optional(),
	}),
	z.object({
		what: z.literal('dag'),
		dag: z.string(),
		setting: z.enum(['max_active_tasks', 'max_active_runs']),
		from: z.number(),
		to: z.number(),
	}),
	z.object({ what: z.literal('retention'), days: z.number() }),
]);

/** What a week looked like, for the grade. */
export const weekSchema = z.object({
	tasks: z.number(),
	waitP95Ms: z.number(),
	memoryShare: z.number().optional(),
	deaths: z.number(),
	cost: z.number(),
});

/** A change as it was shown: what it would do to the environment, and what stood there then. */
export const proposalSchema = z.object({
	v: z.literal(1),
	env: z.string(),
	changes: z.array(changeSchema),
	updates: z.array(
		z.object({
			kind: z.enum(['workloads', 'settings', 'size', 'retention']),
			mask: z.array(z.string()),
			body: z.record(z.string(), z.unknown()),
		}),
	),
	/** Canonical values by kind of update, before and after it. */
	before: z.record(z.string(), z.string()),
	after: z.record(z.string(), z.string()),
	/** A target was missed; task instances a day; the week before, where it is known. */
	failing: z.boolean(),
	tasksPerDay: z.number(),
	week: weekSchema.optional(),
	/** Takes this one back. */
	reverts: z.string().optional(),
});
export type Proposal = z.output<typeof proposalSchema>;

const step = z.discriminatedUnion('state', [
	/** The call is about to be made or was made; what came of it is not known. `known`: the operations there were before. */
	z.object({ state: z.literal('intended'), at: z.number(), known: z.array(z.string()) }),
	z.object({ state: z.literal('running'), at: z.number(), operation: z.string() }),
	z.object({ state: z.literal('done'), at: z.number() }),
]);

/** A change that somebody asked for, from the question to its end. */
export const applyingSchema = z.object({
	v: z.literal(1),
	id: z.string(),
	proposal: proposalSchema,
	by: person,
	at: z.number(),
	until: z.number(),
	decided: person.extend({ at: z.number(), approved: z.boolean() }).optional(),
	/** The message that shows all of it: its id, its place. */
	message: z.string(),
	channel: z.string(),
	thread: z.string().optional(),
	lang: z.enum(['en', 'ja']),
	/** One for each update that was begun. */
	steps: z.array(step),
	ended: z
		.object({
			how: z.enum(['done', 'failed', 'refused', 'rejected', 'expired', 'unknown']),
			at: z.number(),
			why: text.optional(),
		})
		.optional(),
	/** The one that took it back. */
	revertedBy: z.string().optional(),
	grade: z.enum(['helped', 'no effect', 'made worse']).optional(),
});
export type Applying = z.output<typeof applyingSchema>;
export type Ended = NonNullable<Applying['ended']>;
export type Graded = Grade;

type Home = Head['environment'];

/** Undefined: nothing of it is an update of the environment, or a size is not known, so that it cannot be written whole. */
export function propose(
	env: string,
	home: Home,
	changes: readonly Change[],
	more: Pick<Proposal, 'failing' | 'tasksPerDay' | 'week' | 'reverts'>,
): Proposal | undefined {
	const updates = updatesFor(home, changes);
	const covered = updates.flatMap((update) => update.changes);
	// Retention is not read back, so that whether it is still ours could not be told.
	if (covered.length < changes.length || updates.some(({ kind }) => kind === 'retention')) return undefined;
	return {
		v: 1,
		env,
		changes: [...changes],
		updates: updates.map(({ kind, mask, body }) => ({ kind, mask: [...mask], body })),
		before: valuesOf(home, updates),
		after: Object.fromEntries(updates.map((update) => [update.kind, valueAfter(update)])),
		...more,
	};
}

type Part = Pick<Update, 'kind' | 'mask' | 'body'>;

/** What stands in the environment now of what these updates touch, by their kind. */
export function valuesOf(home: Home, updates: readonly Part[]): Record<string, string> {
	return Object.fromEntries(updates.map((update) => [update.kind, valueNow(home, update)]));
}

function valueNow(home: Home, { kind, mask }: Part): string {
	if (kind === 'workloads') return canonical(workloads(home) ?? {});
	if (kind === 'size') return home.size === undefined ? '' : sizeName(home.size);
	return canonical(Object.fromEntries(mask.map((path) => [keyOf(path), home.overrides[keyOf(path)]])));
}

const config = z.object({
	config: z.object({
		workloadsConfig: z.unknown().optional(),
		environmentSize: z.string().optional(),
		softwareConfig: z.object({ airflowConfigOverrides: z.record(z.string(), z.string()) }).optional(),
	}),
});

function valueAfter({ kind, mask, body }: Part): string {
	const { workloadsConfig, environmentSize, softwareConfig } = config.parse(body).config;
	if (kind === 'workloads') return canonical(workloadsConfig);
	if (kind === 'size') return environmentSize ?? '';
	const overrides = softwareConfig?.airflowConfigOverrides ?? {};
	return canonical(Object.fromEntries(mask.map((path) => [keyOf(path), overrides[keyOf(path)]])));
}

const keyOf = (path: string): string => path.split('.').slice(3).join('.');

const settings = z.record(z.string(), z.string());

/** The same the other way round. A setting that was not overridden before is not overridden afterwards, whatever its default was. */
export function reversed({ changes, before }: Pick<Proposal, 'changes' | 'before'>): Change[] {
	const was = settings.parse(JSON.parse(before['settings'] ?? '{}'));
	return changes
		.flatMap((change): Change[] => {
			// Each kind by itself, since what they go from and to differs.
			if (change.what === 'retention') return [];
			if (change.what === 'worker') return [{ ...change, from: change.to, to: change.from }];
			if (change.what === 'component') return [{ ...change, from: change.to, to: change.from }];
			if (change.what === 'environment size') return [{ ...change, from: change.to, to: change.from }];
			if (change.what === 'override') return [{ ...change, from: change.to, to: was[change.key] }];
			if (change.what === 'concurrency')
				return [{ what: 'override', key: CONCURRENCY, from: String(change.to), to: was[CONCURRENCY] }];
			return [{ ...change, from: change.to, to: change.from }];
		})
		.toReversed();
}
const CONCURRENCY = 'celery-worker_concurrency';
