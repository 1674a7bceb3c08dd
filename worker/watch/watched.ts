import type { Wires } from '../wires.ts';

/** Environments that are watched, by the settings. */
export function watched({ deps }: Pick<Wires, 'deps'>): readonly string[] {
	const named = deps.watch.environments;
	return named === undefined ? deps.environments : deps.environments.filter((env) => named.includes(env));
}
