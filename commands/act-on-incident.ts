import type { Act } from '../src/alerts/incident.ts';
import type { Target } from './rerun-plan.ts';
import type { CommandContext } from './define.ts';

/** What a person did, for the incident's card. */
export function actOf({ typed, asker }: Pick<CommandContext, 'typed' | 'asker'>): Pick<Act, 'by' | 'name' | 'at'> {
	return { by: typed.user, name: asker.name, at: typed.at };
}

/** Of how many failed tries it is asked which incident they belong to. */
const MOST = 20;

/** Notes a rerun on the incidents of the tries that were cleared; answers with the first, whose card shows it. */
export async function rerunOnIncidents(
	{ dag, run }: { dag: string; run: string },
	targets: readonly Target[],
	context: CommandContext,
): Promise<string | undefined> {
	const { deps, env } = context;
	const failed = targets.filter(({ state }) => state === 'failed').slice(0, MOST);
	let card: string | undefined;
	for (const { task, mapIndex, tryNumber } of failed) {
		const id = await deps.incidents.byTry({ env, dag, run, task, mapIndex, tryNumber });
		if (id === undefined) continue;
		await deps.incidents.act(id, { ...actOf(context), kind: 'rerun', dag, run, task, mapIndex, tryNumber });
		card ??= id;
	}
	return card;
}
