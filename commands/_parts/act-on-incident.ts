import type { Act } from '../../src/alerts/incident.ts';
import type { Target } from './rerun-plan.ts';
import type { CommandContext } from '../define.ts';

/** What a person did, for the incident's card. */
export function actOf({ typed, asker }: Pick<CommandContext, 'typed' | 'asker'>): Pick<Act, 'by' | 'name' | 'at'> {
	return { by: typed.user, name: asker.name, at: typed.at };
}

/** Notes the end of what the incident's card shows as muted; prolonged, it shows more than one. */
export async function unmuteIncident(
	id: string,
	by: Pick<Act, 'by' | 'name' | 'at'>,
	{ incidents }: Pick<CommandContext['deps'], 'incidents'>,
): Promise<void> {
	const acts = (await incidents.get(id))?.acts ?? [];
	const over = new Set(acts.flatMap((act) => (act.kind === 'unmute' ? [act.mute] : [])));
	for (const act of acts)
		if (act.kind === 'mute' && !over.has(act.mute)) await incidents.act(id, { ...by, kind: 'unmute', mute: act.mute });
}

/** Of how many failed tries it is asked which incident they belong to. */
const MOST = 20;

/** Notes a rerun on the incidents of the tries that were cleared (but `except`); answers with the first, whose card shows it. */
export async function rerunOnIncidents(
	{ dag, run }: { dag: string; run: string },
	targets: readonly Target[],
	context: CommandContext,
	except?: string,
): Promise<string | undefined> {
	const { deps, env } = context;
	const failed = targets.filter(({ state }) => state === 'failed').slice(0, MOST);
	let card: string | undefined;
	for (const { task, mapIndex, tryNumber } of failed) {
		const id = await deps.incidents.byTry({ env, dag, run, task, mapIndex, tryNumber });
		if (id === undefined || id === except) continue;
		await deps.incidents.act(id, { ...actOf(context), kind: 'rerun', dag, run, task, mapIndex, tryNumber });
		card ??= id;
	}
	return card;
}
