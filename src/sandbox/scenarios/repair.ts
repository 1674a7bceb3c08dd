import { setTimeout as sleep } from 'node:timers/promises';
import type { FixStep } from '../../domain/rule.ts';
import { runPosted, type Shell } from '../world/gcloud-run.ts';
import type { Call } from '../world/gcloud.ts';
import type { WorldDag, WorldTask } from '../world/physics.ts';
import type { Stage } from './stage.ts';

/** What a person knows who fills in a posted command: `NAME` → `crm_default`. */
export type FillIn = Readonly<Record<string, string>>;

/** A shell in front of the stage, for its owner; an update is waited for. */
export function shellOf(
	{ world, owner, pass, terraform, place, environment }: Stage,
	files: ReadonlyMap<string, string> = new Map(),
): Shell {
	return {
		world,
		by: owner,
		files,
		terraform,
		machine: place.startsWith('composer') ? undefined : environment,
		async wait(operation) {
			while (operation.state === 'RUNNING') {
				await pass(30_000);
				// A clock that moves by itself is not pushed.
				if (operation.state === 'RUNNING') await sleep(1);
			}
			// New pods, and policies that have got around.
			await pass(2 * 60_000);
		},
	};
}

/**
 * Carries a posted fix out as the person would who reads it: commands are run in their order, settings of plain Airflow are set,
 * and what it says about the DAG's code is changed there. Commands with something still to fill in are left out. Returns what was done.
 */
export async function applyFix(
	stage: Stage,
	fix: readonly FixStep[],
	{ fillIn = {}, dag }: { fillIn?: FillIn; dag?: string } = {},
): Promise<(Call | 'settings' | 'code')[]> {
	const done: (Call | 'settings' | 'code')[] = [];
	const files = new Map<string, string>();
	const filled = (code: string): string =>
		Object.entries(fillIn).reduce(
			(text, [name, value]) => text.replaceAll(new RegExp(`(?<![\\w$])${name}(?!\\w)`, 'g'), value),
			code,
		);
	for (const step of fix) {
		if (step.code === undefined) continue;
		const code = filled(step.code);
		switch (step.lang) {
			case 'yaml':
				files.set('object.yaml', code);
				break;
			case 'sh': {
				done.push(...(await runPosted(code, { ...shellOf(stage, files), leaveOpen: true })));
				break;
			}
			case 'ini':
				if (setPlain(stage, code)) done.push('settings');
				break;
			case 'python':
				if (dag !== undefined && changeCode(stage, dag, code)) done.push('code');
				break;
			default:
		}
	}
	await stage.pass(3 * 60_000);
	return done;
}

/** `AIRFLOW__CELERY__WORKER_CONCURRENCY=3` of an Airflow of one's own, and its restart. */
function setPlain({ place, environment }: Stage, code: string): boolean {
	if (place.startsWith('composer')) return false;
	const settings = [...code.matchAll(/^AIRFLOW__([A-Z_]+?)__([A-Z0-9_]+)=(.*)$/gm)];
	for (const [, section = '', name = '', value = ''] of settings)
		environment.settings.airflowConfigOverrides[`${section.toLowerCase()}-${name.toLowerCase()}`] = value;
	return settings.length > 0;
}

const GIB: Readonly<Record<string, number>> = { Gi: 1, G: 1, Mi: 1 / 1024, M: 1 / 1024 };

/** What a snippet of Python asks of the DAG's pods: their size, namespace, account, image and patience. */
export function changeCode(stage: Pick<Stage, 'dags' | 'add'>, id: string, code: string): boolean {
	const found = stage.dags(id);
	if (!found) return false;
	const api = /\/api\/(v[12])\//.exec(code)?.[1];
	if (api === 'v1' || api === 'v2') return changeCalls(stage, found, api);
	if (!/KubernetesPodOperator|container_resources|startup_timeout_seconds/.test(code)) return false;
	const [, memory, unit] = /limits=\{[^}]*"memory": "([\d.]+)(Gi|Mi|G|M)"/.exec(code) ?? [];
	const cpu = /(?:requests|limits)=\{[^}]*"cpu": "?([\d.]+)/.exec(code)?.[1];
	const text = (name: string): string | undefined => new RegExp(`\\b${name}=["']([^"']+)["']`).exec(code)?.[1];
	const namespace = text('namespace');
	const ksa = text('service_account_name');
	const image = text('image');
	const seconds = /startup_timeout_seconds=(\d+)/.exec(code)?.[1];
	const change = {
		...(memory !== undefined && { memoryGb: Number(memory) * (GIB[unit ?? 'Gi'] ?? 1) }),
		...(cpu !== undefined && { cpu: Number(cpu) }),
		...(namespace !== undefined && { namespace }),
		...(ksa !== undefined && { ksa }),
		...(image !== undefined && { image }),
		...(seconds !== undefined && { startupMs: Number(seconds) * 1000 }),
	};
	if (Object.keys(change).length === 0) return false;
	const tasks = found.tasks.map((task): WorldTask => {
		const steps = task.needs?.steps?.map((step) =>
			step.kind === 'pod' ? { ...step, pod: { ...step.pod, ...change } } : step,
		);
		return steps ? { ...task, needs: { ...task.needs, steps } } : task;
	});
	stage.add({ ...found, tasks } satisfies WorldDag);
	return true;
}

/** Calls of Airflow's API as it is now. */
function changeCalls(stage: Pick<Stage, 'add'>, found: WorldDag, api: 'v1' | 'v2'): boolean {
	const tasks = found.tasks.map((task): WorldTask => {
		const steps = task.needs?.steps?.map((step) => (step.kind === 'airflow' ? { ...step, api } : step));
		return steps ? { ...task, needs: { ...task.needs, steps } } : task;
	});
	stage.add({ ...found, tasks });
	return true;
}
