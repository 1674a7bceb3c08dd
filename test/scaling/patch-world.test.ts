import { isDeepStrictEqual } from 'node:util';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toEnvironment } from '../../src/clients/composer/answers.ts';
import { addCaller, addEnvironment } from '../../src/sandbox/world/environments.ts';
import { runPosted } from '../../src/sandbox/world/gcloud-run.ts';
import { readPatch } from '../../src/sandbox/world/patch.ts';
import type { Settings } from '../../src/sandbox/world/types.ts';
import { updateEnvironment } from '../../src/sandbox/world/updates.ts';
import { openWorld, type World } from '../../src/sandbox/world/world.ts';
import type { Head } from '../../src/scaling/history.ts';
import { patchFor } from '../../src/scaling/patch.ts';
import type { Change } from '../../src/scaling/plan.ts';
import { illegal, legalCpus, memoryRange, type Component } from '../../src/scaling/sizes.ts';
import { updatesFor } from '../../src/scaling/updates.ts';

const PLACE = { project: 'acme-data-prod', location: 'europe-west1', name: 'prod' };
const OWNER = 'owner@acme.example';

type Generation = 'composer-2' | 'composer-3';
type Part = { cpu: number; memoryGb: number; storageGb: number };

/** Any legal size. */
function part(generation: Generation, component: Component): fc.Arbitrary<Part> {
	return fc.constantFrom(...legalCpus(generation, component)).chain((cpu) => {
		const [least, most] = memoryRange(generation, component, cpu);
		return fc.record({
			cpu: fc.constant(cpu),
			memoryGb: fc.integer({ min: 0, max: (most - least) * 4 }).map((steps) => least + steps / 4),
			storageGb: fc.integer({ min: 1, max: 10 }),
		});
	});
}
const text = fc.oneof(
	fc
		.string({ unit: 'binary', minLength: 1, maxLength: 12 })
		.filter((value) => /^[^,\u0000-\u001f\u007f-\u009f]+$/.test(value) && value.isWellFormed()),
	// What Terraform or a shell would take for its own. Commas: patch.test.ts.
	fc.constantFrom('${path.module}', '%{if true}', '"', "'", '\\', '#', '`id`', '$(id)', '}', '/*'),
);

type Staged = {
	generation: Generation;
	worker: Part & { minCount: number; maxCount: number };
	scheduler: Part & { count: number };
	overrides: Record<string, string>;
	to: {
		worker: Part & { minCount: number; maxCount: number };
		scheduler: Part & { count: number };
		concurrency: number;
		size: 'medium' | 'large';
		key: string;
		value: string | undefined;
	};
	which: { worker: boolean; scheduler: boolean; concurrency: boolean; size: boolean; override: boolean };
};

const staged = fc.constantFrom<Generation>('composer-2', 'composer-3').chain((generation): fc.Arbitrary<Staged> => {
	const counts = fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 50 }));
	const worker = fc
		.tuple(part(generation, 'worker'), counts)
		.map(([size, [minCount, more]]) => ({ ...size, minCount, maxCount: minCount + more }));
	const scheduler = fc
		.tuple(part(generation, 'scheduler'), fc.integer({ min: 1, max: 3 }))
		.map(([size, count]) => ({ ...size, count }));
	return fc.record({
		generation: fc.constant(generation),
		worker,
		scheduler,
		overrides: fc.dictionary(fc.constantFrom('core-x', 'core-y'), text),
		to: fc.record({
			worker,
			scheduler,
			concurrency: fc.integer({ min: 1, max: 24 }),
			size: fc.constantFrom('medium' as const, 'large' as const),
			key: fc.constantFrom('core-x', 'core-y', 'scheduler-z'),
			value: fc.option(text, { nil: undefined }),
		}),
		which: fc.record({
			worker: fc.boolean(),
			scheduler: fc.boolean(),
			concurrency: fc.boolean(),
			size: fc.boolean(),
			override: fc.boolean(),
		}),
	});
});

function open({ generation, worker, scheduler, overrides }: Staged): { world: World; clock: { now: number } } {
	const clock = { now: Date.parse('2026-11-24T12:00:00Z') };
	const world = openWorld({ project: PLACE.project, number: '481516234200', now: () => clock.now });
	const environment = addEnvironment(world, {
		...PLACE,
		imageVersion: generation === 'composer-3' ? 'composer-3-airflow-2.11.1-build.7' : 'composer-2.16.10-airflow-2.11.1',
		airflowUri: 'https://prod.example',
	});
	addCaller(world, 'owner', OWNER, ['roles/owner']);
	Object.assign(environment.settings.workloads, { worker, scheduler });
	environment.settings.airflowConfigOverrides = { ...overrides };
	return { world, clock };
}

const settingsOf = (world: World): Settings => {
	const environment = world.environments.get('prod');
	if (!environment) throw new Error('gone');
	return structuredClone(environment.settings);
};

/** What the Composer client would have read of it. */
function homeOf(
	{ workloads, airflowConfigOverrides, environmentSize }: Settings,
	generation: Generation,
): Head['environment'] {
	const { worker, scheduler, dagProcessor, triggerer, webServer } = toEnvironment(
		{ name: 'prod', config: { environmentSize, workloadsConfig: workloads, softwareConfig: {} } },
		PLACE,
	);
	if (!worker) throw new Error('no worker');
	return {
		...PLACE,
		generation,
		size: 'small',
		worker: {
			min: worker.minCount,
			max: worker.maxCount,
			cpu: worker.cpu,
			memoryGb: worker.memoryGb,
			storageGb: worker.storageGb,
		},
		scheduler,
		dagProcessor,
		triggerer,
		webServer,
		overrides: { ...airflowConfigOverrides },
	};
}

/** The changes, and what the settings must be after them: everything else as it was. */
function wanted(
	{ to, which, overrides }: Staged,
	before: Settings,
	home: Head['environment'],
): { changes: Change[]; after: Settings } {
	const after = structuredClone(before);
	const changes: Change[] = [];
	if (which.worker) {
		const { cpu, memoryGb, storageGb, minCount, maxCount } = to.worker;
		changes.push({ what: 'worker', from: home.worker, to: { cpu, memoryGb, storageGb, min: minCount, max: maxCount } });
		after.workloads.worker = to.worker;
	}
	if (which.scheduler && home.scheduler) {
		changes.push({ what: 'component', component: 'scheduler', from: home.scheduler, to: to.scheduler });
		after.workloads.scheduler = to.scheduler;
	}
	if (which.concurrency) {
		changes.push({ what: 'concurrency', from: 99, to: to.concurrency });
		after.airflowConfigOverrides['celery-worker_concurrency'] = String(to.concurrency);
	}
	if (which.override && (to.value !== undefined || overrides[to.key] !== undefined)) {
		changes.push({ what: 'override', key: to.key, from: overrides[to.key], to: to.value });
		if (to.value === undefined) delete after.airflowConfigOverrides[to.key];
		else after.airflowConfigOverrides[to.key] = to.value;
	}
	if (which.size) {
		changes.push({ what: 'environment size', from: 'small', to: to.size });
		after.environmentSize = to.size === 'medium' ? 'ENVIRONMENT_SIZE_MEDIUM' : 'ENVIRONMENT_SIZE_LARGE';
	}
	return { changes, after };
}

/** What Terraform would set: each block that is written replaces all that there was of it. */
function inTerraform(text: string): Record<string, unknown> {
	const found: Record<string, unknown> = {};
	/** The innermost block that is open, last. */
	const open: Record<string, unknown>[] = [];
	for (const line of text.split('\n').map((each) => each.trim())) {
		const [, block = ''] = /^(\w+)(?: =)? \{$/.exec(line) ?? [];
		const [, key = '', value = ''] = /^(\w[\w-]*|".*?")\s+= (.+)$/.exec(line) ?? [];
		const inside = open.at(-1);
		if (block !== '') {
			const child: Record<string, unknown> = {};
			(inside ?? found)[NAMES[block] ?? camel(block)] = child;
			open.push(child);
		} else if (line === '}') open.pop();
		else if (key !== '') (inside ?? found)[inside ? camel(unquoted(key)) : (NAMES[key] ?? key)] = literal(value);
		else if (line !== '' && !line.startsWith('#')) throw new Error(`Terraform does not read ${line}`);
	}
	expect(open).toEqual([]);
	return found;
}
const NAMES: Readonly<Record<string, string>> = {
	workloads_config: 'workloads',
	airflow_config_overrides: 'overrides',
	environment_size: 'size',
};
/** Settings have dashes and underscores of their own. */
const camel = (name: string): string =>
	name.includes('-') ? name : name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const literal = (value: string): unknown => (value.startsWith('"') ? unquoted(value) : Number(value));

/** A quoted string of HCL: its escapes are fewer than those of JSON, and what is not escaped would be run. */
function unquoted(text: string): string {
	if (!text.startsWith('"')) return text;
	if (/\\(?![nrt"\\]|u[0-9a-f]{4})/i.test(text.replaceAll('\\\\', ''))) throw new Error(`no escape of HCL in ${text}`);
	const plain = text.replace(/([$%])\1\{/g, '\0$1');
	if (/[$%]\{/.test(plain)) throw new Error(`${text} would be run`);
	return String(JSON.parse(plain.replace(/\0([$%])/g, '$1{')));
}

test('a patch changes what it says and nothing else, by the API, gcloud and Terraform alike', async () => {
	await fc.assert(
		fc.asyncProperty(staged, async (stage) => {
			const before = settingsOf(open(stage).world);
			const home = homeOf(before, stage.generation);
			const { changes, after } = wanted(stage, before, home);
			// What is no change at all Composer refuses; and the settings of a group must differ.
			const updates = updatesFor(home, changes);
			const byApi = open(stage);
			const environment = byApi.world.environments.get('prod');
			if (!environment) throw new Error('gone');
			for (const { mask, body } of updates) {
				const update = readPatch(environment, mask.join(','), body);
				if (isDeepStrictEqual(update.wanted, environment.settings)) continue;
				updateEnvironment(byApi.world, OWNER, 'prod', update);
				byApi.clock.now += 3_600_000;
				byApi.world.tick();
			}
			expect(settingsOf(byApi.world)).toEqual(after);

			const byShell = open(stage);
			for (const line of patchFor(home, changes).shell) {
				try {
					await runPosted(line, {
						world: byShell.world,
						by: OWNER,
						async wait() {
							byShell.clock.now += 3_600_000;
							byShell.world.tick();
						},
					});
				} catch (error) {
					if (!String(error).includes('No change in configuration')) throw error;
				}
			}
			expect(settingsOf(byShell.world)).toEqual(after);

			const of = (...whats: readonly Change['what'][]): boolean => changes.some(({ what }) => whats.includes(what));
			expect(inTerraform(patchFor(home, changes).terraform ?? '')).toEqual({
				...(of('worker', 'component') && { workloads: JSON.parse(JSON.stringify(after.workloads)) }),
				...(of('concurrency', 'override') && { overrides: after.airflowConfigOverrides }),
				...(of('environment size') && { size: after.environmentSize }),
			});
		}),
		{ numRuns: 60 },
	);
});

test('every size that is written is legal for its generation', () => {
	fc.assert(
		fc.property(staged, (stage) => {
			const before = settingsOf(open(stage).world);
			const home = homeOf(before, stage.generation);
			for (const { kind, body } of updatesFor(home, wanted(stage, before, home).changes)) {
				if (kind !== 'workloads') continue;
				const config = JSON.parse(JSON.stringify(body)) as {
					config: { workloadsConfig: Record<Component, Part & { count?: number }> };
				};
				for (const [component, { cpu, memoryGb, storageGb, count }] of Object.entries(config.config.workloadsConfig))
					expect(
						illegal(stage.generation, component as Component, {
							cpu,
							memoryGb,
							storageGb,
							...(count !== undefined && { count: [count] }),
						}),
					).toEqual([]);
			}
		}),
		{ numRuns: 40 },
	);
});
