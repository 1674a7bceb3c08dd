import type { Generation } from '../domain/environment.ts';

/** A worker's size: vCPU, GB of memory, GB of ephemeral storage. */
export type Size = { cpu: number; memoryGb: number; storageGb: number };
export type Component = 'worker' | 'scheduler' | 'dagProcessor' | 'triggerer' | 'webServer';
type Composer = Exclude<Generation, 'airflow'>;

type Limits = {
	count: readonly [number, number];
	cpu: readonly [number, number];
	/** `quarters`: every 0.25; `doubled`: 0.5, 1, then multiples of 2; `halves`: 0.5 and 1. */
	cpuStep: 'quarters' | 'doubled' | 'halves';
	memoryGb: readonly [number, number];
	memoryPerCpu: readonly [number, number];
	/** Undefined: it has no storage of its own. */
	storageGb?: readonly [number, number];
	/** Composer 3 takes whole GB only. */
	wholeStorage?: true;
};

/** Source: docs.cloud.google.com/composer/docs/composer-{2,3}/scale-environments, and release notes for Composer 3's web server. */
export const LIMITS: Readonly<Record<Composer, Readonly<Partial<Record<Component, Limits>>>>> = {
	'composer-2': {
		worker: composer2([1, 100], [0.5, 28], 0.5, [0.05, 10]),
		scheduler: composer2([1, 10], [0.5, 28], 0.5, [0.05, 10]),
		triggerer: composer2([0, 10], [0.5, 1], 0.5),
		webServer: composer2([1, 1], [0.5, 28], 1, [0.05, 10]),
	},
	'composer-3': {
		worker: composer3([1, 100], [0.5, 32], [1, 256], 'doubled', [0, 100]),
		scheduler: composer3([1, 3], [0.5, 1], [1, 8], 'halves', [0, 100]),
		// The documents say 256 GB; gcloud refuses more than 128.
		dagProcessor: composer3([1, 3], [0.5, 32], [1, 128], 'doubled', [0, 100]),
		triggerer: composer3([0, 10], [0.5, 1], [1, 8], 'halves'),
		// 0.5 vCPU can still be written, but creating and updating then fail or crawl since April 2025.
		webServer: composer3([1, 1], [1, 4], [2, 32], 'doubled', [0, 100]),
	},
};

function composer2(
	count: readonly [number, number],
	cpu: readonly [number, number],
	leastMemoryGb: number,
	storageGb?: readonly [number, number],
): Limits {
	return {
		count,
		cpu,
		cpuStep: 'quarters',
		memoryGb: [leastMemoryGb, 80],
		memoryPerCpu: [1, 6.5],
		...(storageGb && { storageGb }),
	};
}

function composer3(
	count: readonly [number, number],
	cpu: readonly [number, number],
	memoryGb: readonly [number, number],
	cpuStep: 'doubled' | 'halves',
	storageGb?: readonly [number, number],
): Limits {
	return { count, cpu, cpuStep, memoryGb, memoryPerCpu: [1, 8], ...(storageGb && { storageGb, wholeStorage: true }) };
}

/** Every vCPU number the component may have, ascending. */
export function legalCpus(generation: Composer, component: Component): number[] {
	const limits = LIMITS[generation][component];
	if (!limits) return [];
	const [least, most] = limits.cpu;
	const found: number[] = [];
	for (let cpu = least; cpu <= most; cpu += limits.cpuStep === 'quarters' ? 0.25 : cpu < 1 ? 0.5 : cpu < 2 ? 1 : 2)
		found.push(cpu);
	return found;
}

/** The least and the most memory beside that many vCPUs, both on the step of 0.25 GB. */
export function memoryRange(generation: Composer, component: Component, cpu: number): readonly [number, number] {
	const [least, most] = memoryLimits(generation, component, cpu);
	return [Math.ceil(least * 4) / 4, Math.floor(most * 4) / 4];
}

/** Between the steps, too: Composer 2 has none for memory. */
function memoryLimits(generation: Composer, component: Component, cpu: number): readonly [number, number] {
	const limits = LIMITS[generation][component];
	if (!limits) return [0, 0];
	const { memoryGb, memoryPerCpu } = limits;
	return [Math.max(memoryGb[0], memoryPerCpu[0] * cpu), Math.min(memoryGb[1], memoryPerCpu[1] * cpu)];
}

/** What the generation has against it; empty: it is legal. Triggerers have no storage: leave it out. */
export function illegal(
	generation: Composer,
	component: Component,
	size: { cpu: number; memoryGb: number; storageGb?: number | undefined; count?: readonly number[] | undefined },
): string[] {
	const limits = LIMITS[generation][component];
	if (!limits) return [`${generation} has no ${component}`];
	const wrong: string[] = [];
	if (!legalCpus(generation, component).includes(size.cpu)) wrong.push(`${size.cpu} vCPU`);
	const [least, most] = memoryLimits(generation, component, size.cpu);
	if (size.memoryGb < least || size.memoryGb > most) wrong.push(`${size.memoryGb} GB beside ${size.cpu} vCPU`);
	if (generation === 'composer-3' && !Number.isInteger(size.memoryGb * 4))
		wrong.push(`${size.memoryGb} GB: no step of 0.25`);
	if (size.storageGb !== undefined) {
		const { storageGb, wholeStorage } = limits;
		if (!storageGb) wrong.push(`${component} has no storage`);
		else if (size.storageGb < storageGb[0] || size.storageGb > storageGb[1])
			wrong.push(`${size.storageGb} GB of storage`);
		else if (wholeStorage && !Number.isInteger(size.storageGb))
			wrong.push(`${size.storageGb} GB of storage: no whole number`);
	}
	for (const count of size.count ?? [])
		if (!Number.isInteger(count) || count < limits.count[0] || count > limits.count[1]) wrong.push(`${count} of them`);
	return wrong;
}

/** Keeps the vCPUs as near as they can be and gives at least this much memory; undefined: no legal size has it. */
export function withMemory(generation: Composer, component: Component, size: Size, memoryGb: number): Size | undefined {
	const wanted = Math.ceil(memoryGb * 4) / 4;
	for (const cpu of legalCpus(generation, component)) {
		if (cpu < size.cpu) continue;
		const [least, most] = memoryRange(generation, component, cpu);
		if (wanted <= most) return { ...size, cpu, memoryGb: Math.max(wanted, least) };
	}
	return undefined;
}

/**
 * Twice the memory: beside the same vCPUs as far as they carry it, if that is half as much again; else with more of them. Undefined: there
 * is nothing larger.
 */
export function twiceTheMemory(generation: Composer, component: Component, size: Size): Size | undefined {
	const [, most] = memoryRange(generation, component, size.cpu);
	const beside = Math.min(most, size.memoryGb * 2);
	return withMemory(generation, component, size, beside >= size.memoryGb * 1.5 ? beside : size.memoryGb * 2);
}

/** Half the size in both, on the next legal steps downwards; undefined: there is nothing smaller. */
export function smaller(generation: Composer, component: Component, size: Size): Size | undefined {
	const cpu = legalCpus(generation, component).findLast((each) => each <= Math.max(0.5, size.cpu / 2)) ?? size.cpu;
	const [least, most] = memoryRange(generation, component, cpu);
	const memoryGb = Math.min(most, Math.max(least, Math.floor(size.memoryGb * 2) / 4));
	return cpu === size.cpu && memoryGb >= size.memoryGb ? undefined : { ...size, cpu, memoryGb };
}

export type EnvironmentSize = 'small' | 'medium' | 'large' | 'extra-large';
/**
 * What each preset of the console is meant for. A preset fills in workload sizes **and** the environment size; Terraform and
 * gcloud know the environment size only. Source: the scale-environments pages.
 */
export const PRESETS: Readonly<Record<EnvironmentSize, { dags: number; runs: number; tasks: number }>> = {
	small: { dags: 50, runs: 15, tasks: 18 },
	medium: { dags: 250, runs: 60, tasks: 100 },
	large: { dags: 1000, runs: 250, tasks: 400 },
	'extra-large': { dags: 3000, runs: 750, tasks: 2250 },
};
