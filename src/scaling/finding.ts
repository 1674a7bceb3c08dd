import type { Text } from '../domain/text.ts';
import type { History, SeriesName } from './history.ts';
import type { Load } from './load.ts';
import type { MemoryFit } from './memory.ts';
import type { Change, Concurrency, Part, Target } from './plan.ts';
import { quantile } from './quantile.ts';
import { illegal, legalCpus, smaller, withMemory, type Component } from './sizes.ts';

export type Facts = {
	history: History;
	load: Load;
	concurrency: Concurrency;
	memory: MemoryFit | undefined;
	target: Target;
	/** p95 of the recorded waits. */
	seen: { waitP95Ms: number };
};

/** One thing seen, with the numbers it was judged by. Names of pools and DAGs in the text are foreign. */
export type Finding = {
	id: string;
	/** `act`: something fails or waits. `check`: worth a look. `save`: paid for and not used. */
	weight: 'act' | 'check' | 'save';
	text: Text;
	/** The number that was seen and the one it was held against. */
	seen: number;
	threshold: number;
	/** What mends it by itself, whatever the replay says of the workers; one step. */
	fix?: readonly Change[] | undefined;
	/** The DAG it is about, for whoever may not see it. */
	dag?: string | undefined;
};
export type Found = Omit<Finding, 'id'>;

export type Rule = {
	id: string;
	/** In the open, so that anybody can see where the line is drawn. */
	thresholds: Readonly<Record<string, number>>;
	look: (facts: Facts) => readonly Found[];
};

export function rule<T extends Readonly<Record<string, number>>>(rule: {
	id: string;
	thresholds: T;
	look(facts: Facts, limits: T): Found | readonly Found[] | undefined;
}): Rule {
	const { id, thresholds } = rule;
	return { id, thresholds, look: (facts) => [rule.look(facts, thresholds) ?? []].flat() };
}

export const values = ({ history }: Facts, name: SeriesName): number[] =>
	(history.metrics[name] ?? []).map(([, value]) => value);
export const p95 = (list: readonly number[]): number => quantile(list, 0.95);
export const most = (list: readonly number[]): number => list.reduce((a, b) => Math.max(a, b), 0);
export const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
export const shareAbove = (list: readonly number[], limit: number): number =>
	list.length === 0 ? 0 : list.filter((value) => value > limit).length / list.length;
export const percent = (share: number): string => `${Math.round(share * 100)} %`;
export const round = (value: number): number => Math.round(value * 10) / 10;

export type Other = Exclude<Component, 'worker'>;

/** The next legal size of a component that is too busy: more CPU, and where that is at its end one more of it. */
export function grown({ environment }: History, component: Other): readonly Change[] | undefined {
	const { generation, [component]: part } = environment;
	if (generation === 'airflow' || !part) return undefined;
	const from: Part = part;
	const cpu = legalCpus(generation, component).find((each) => each >= from.cpu * 1.5 || (each > from.cpu && each >= 1));
	const ratio = from.memoryGb / from.cpu;
	return legal(
		environment.generation,
		component,
		from,
		cpu === undefined ? { ...from, count: from.count + 1 } : { ...from, cpu, memoryGb: Math.ceil(cpu * ratio * 4) / 4 },
	);
}

/** Half as much memory again. */
export function roomier({ environment }: History, component: Other): readonly Change[] | undefined {
	const { generation, [component]: part } = environment;
	if (generation === 'airflow' || !part) return undefined;
	const from: Part = part;
	const to = withMemory(generation, component, { ...from, storageGb: from.storageGb ?? 0 }, from.memoryGb * 1.5);
	return to && legal(generation, component, from, { ...from, cpu: to.cpu, memoryGb: to.memoryGb });
}

/** One less of it, or where there is one alone half its size. */
export function shrunk({ environment }: History, component: Other): readonly Change[] | undefined {
	const { generation, [component]: part } = environment;
	if (generation === 'airflow' || !part) return undefined;
	const from: Part = part;
	if (from.count > 1) return legal(generation, component, from, { ...from, count: from.count - 1 });
	const to = smaller(generation, component, { ...from, storageGb: from.storageGb ?? 0 });
	return to && legal(generation, component, from, { ...from, cpu: to.cpu, memoryGb: to.memoryGb });
}

export function legal(
	generation: History['environment']['generation'],
	component: Other,
	from: Part,
	to: Part,
): readonly Change[] | undefined {
	if (generation === 'airflow') return undefined;
	if (illegal(generation, component, { ...to, count: [to.count] }).length > 0) return undefined;
	return [{ what: 'component', component, from, to }];
}

/** A DAG file is parsed again after `min_file_process_interval` (30 s at least on Composer 3): twice as long, up to five minutes. Undefined: that was done. */
export function seldomerParsed({ history: { environment } }: Facts): readonly Change[] | undefined {
	const three = Number(environment.airflowVersion?.split('.')[0]) >= 3;
	const key = `${three ? 'dag_processor' : 'scheduler'}-min_file_process_interval`;
	const from = environment.overrides[key];
	const seconds = Number(from ?? 30);
	if (environment.generation === 'airflow' || !(seconds < 300)) return undefined;
	return [{ what: 'override', key, from, to: String(Math.min(300, Math.max(60, 2 * seconds))) }];
}
