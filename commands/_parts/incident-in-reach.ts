import { reachOf, type Role } from '../../src/access/roles.ts';
import type { Incident } from '../../src/alerts/incident.ts';
import type { CommandContext } from '../define.ts';
import { mistake, trouble } from './trouble.ts';

/**
 * The incident, when this person may act on it: `every`: for all that it is about (silencing hides it), else for one DAG of it at
 * least. Trouble `user`: there is none; Trouble `denied`: not theirs.
 */
export async function incidentInReach(
	id: string,
	needs: { role: Role; every: boolean },
	{ deps, env, typed, asker, may }: CommandContext,
): Promise<Incident> {
	const found = await deps.incidents.get(id);
	if (!found || found.env !== env)
		throw mistake('incident unknown', {
			en: `There is no incident ${id}${deps.environments.length > 1 ? ` in ${env}` : ''} any more.`,
			ja: `${deps.environments.length > 1 ? `環境 ${env} に` : ''}インシデント ${id} はありません（保存期間が過ぎた可能性があります）。`,
		});
	const everywhere = reachOf(deps, asker, { channel: typed.channel, env }, needs.role) === undefined;
	const { dags, counts, scope } = found;
	const whole = scope === 'environment' || counts.dags > dags.length || dags.length === 0;
	const allowed = needs.every
		? !whole && dags.every((dag) => may(needs.role, dag))
		: dags.some((dag) => may(needs.role, dag));
	if (everywhere || allowed) return found;
	throw trouble(
		'denied',
		'incident denied',
		{
			en: 'This incident is about DAGs for which you have no such role.',
			ja: 'このインシデントには、必要なロールのない DAG が含まれています。',
		},
		{
			en: needs.every
				? `It takes the role ${needs.role} for all of them.`
				: `It takes the role ${needs.role} for one of them.`,
			ja: needs.every
				? `対象のすべての DAG に対する ${needs.role} ロールが必要です。`
				: `対象のいずれかの DAG に対する ${needs.role} ロールが必要です。`,
		},
	);
}
