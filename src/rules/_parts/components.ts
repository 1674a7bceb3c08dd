import type { Environment, Generation } from '../../domain/environment.ts';
import type { Text } from '../../domain/text.ts';
import { legalCpus, LIMITS, memoryRange, type Component } from '../../scaling/sizes.ts';

type Composer = Exclude<Generation, 'airflow'>;
export type Grown = { cpu: number; memoryGb: number; count: number };

const composerOf = ({ generation }: Environment): Composer =>
	generation === 'composer-3' ? 'composer-3' : 'composer-2';

/** The sizes a fix names where the present one is not known; each is legal on both generations that have the component. */
const USUAL: Readonly<Record<Exclude<Component, 'worker'>, Readonly<Record<Composer, Grown>>>> = {
	scheduler: {
		'composer-2': { cpu: 2, memoryGb: 7.5, count: 2 },
		'composer-3': { cpu: 1, memoryGb: 4, count: 2 },
	},
	dagProcessor: {
		'composer-2': { cpu: 2, memoryGb: 4, count: 1 },
		'composer-3': { cpu: 2, memoryGb: 4, count: 1 },
	},
	triggerer: { 'composer-2': { cpu: 1, memoryGb: 2, count: 2 }, 'composer-3': { cpu: 1, memoryGb: 2, count: 2 } },
	webServer: { 'composer-2': { cpu: 1, memoryGb: 4, count: 1 }, 'composer-3': { cpu: 1, memoryGb: 4, count: 1 } },
};

/** Twice what it has, as far as the generation allows it; `count` is one more, at most `most`. */
export function grown(env: Environment, component: Exclude<Component, 'worker'>, most: number): Grown {
	const generation = composerOf(env);
	const now = env[component];
	const usual = USUAL[component][generation];
	const limits = LIMITS[generation][component];
	if (!now || !limits) return usual;
	const cpu =
		legalCpus(generation, component).findLast((one) => one <= Math.max(now.cpu * 2, limits.cpu[0])) ?? now.cpu;
	const [least, top] = memoryRange(generation, component, cpu);
	return {
		cpu,
		memoryGb: Math.min(top, Math.max(least, now.memoryGb * 2)),
		count: Math.min(limits.count[1], Math.max(now.count, Math.min(most, now.count + 1))),
	};
}

/** ` It has 0.5 vCPU and 2 GB now.`; empty where that is not known. */
export function sizeNow(env: Environment, component: Exclude<Component, 'worker'>): Text {
	const now = env[component];
	if (!now) return { en: '', ja: '' };
	const { cpu, memoryGb, count } = now;
	const one = count === 1;
	return {
		en: ` (now ${one ? '' : `${count} × `}${cpu} vCPU and ${memoryGb} GB)`,
		ja: ` (現在は${one ? '' : ` ${count} 台、それぞれ`} ${cpu} vCPU、${memoryGb} GB)`,
	};
}

const SIZES = ['small', 'medium', 'large', 'extra-large'] as const;

/** The next larger environment size; `medium` where the present one is not known. Undefined: there is no larger one. */
export function nextSize(env: Environment): (typeof SIZES)[number] | undefined {
	if (env.size === undefined) return 'medium';
	const next = SIZES[SIZES.indexOf(env.size) + 1];
	return next === 'extra-large' && env.generation === 'composer-2' ? undefined : next;
}
