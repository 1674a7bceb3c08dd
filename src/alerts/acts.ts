import type { Line, Span } from '../domain/reply.ts';
import { quote } from '../domain/quote.ts';
import type { Lang } from '../domain/text.ts';
import type { Act } from './incident.ts';
import { idSpan } from './words.ts';

/** Who did what about it, a line each, the newest last. Names ping nobody. */
export function actLines(acts: readonly Act[], lang: Lang): Line[] {
	const over = new Set(acts.flatMap((act) => (act.kind === 'unmute' ? [act.mute] : [])));
	const assigned = acts.findLast(({ kind }) => kind === 'assign');
	const shown = acts.filter(
		(act) => !(act.kind === 'mute' && over.has(act.mute)) && (act.kind !== 'assign' || act === assigned),
	);
	// One click may have cleared many tasks.
	const clicks = Map.groupBy(shown, (act) => (act.kind === 'rerun' ? `${act.by} ${act.at}` : act));
	return [...clicks.values()].slice(-8).flatMap(([act, ...more]) => (act ? [actLine(act, more.length + 1, lang)] : []));
}

/** The mute from its card that still holds. */
export function heldMute(acts: readonly Act[]): Extract<Act, { kind: 'mute' }> | undefined {
	const over = new Set(acts.flatMap((act) => (act.kind === 'unmute' ? [act.mute] : [])));
	return acts.findLast((act): act is Extract<Act, { kind: 'mute' }> => act.kind === 'mute' && !over.has(act.mute));
}

function actLine(act: Act, count: number, lang: Lang): Line {
	const ja = lang === 'ja';
	const by: Span = { user: act.by, name: quote(act.name, 60) };
	const at: Span = { time: new Date(act.at).toISOString() };
	switch (act.kind) {
		case 'ack':
			return ja ? ['✋ ', by, ' さんが確認しました（', at, '）'] : ['✋ Acknowledged by ', by, ' at ', at];
		case 'assign': {
			const to: Span = { user: act.to, name: quote(act.toName, 60) };
			return ja
				? ['👤 担当: ', to, '（', by, ' さんが ', at, ' に設定）']
				: ['👤 Assigned to ', to, ' by ', by, ' at ', at];
		}
		case 'mute': {
			const until: Line =
				act.until === undefined
					? []
					: ja
						? ['、', { time: new Date(act.until).toISOString() }, ' まで']
						: [' until ', { time: new Date(act.until).toISOString() }];
			const ticket: Line = act.ticket === undefined ? [] : [' · ', { link: act.ticket, label: quote(act.ticket, 100) }];
			return ja
				? ['🔕 ', by, ' さんがミュートしました（', at, ...until, '）', ...ticket]
				: ['🔕 Muted by ', by, ' at ', at, ...until, ...ticket];
		}
		case 'unmute':
			return ja ? ['🔔 ', by, ' さんがミュートを解除しました（', at, '）'] : ['🔔 Unmuted by ', by, ' at ', at];
		default: {
			const { runs = 1 } = act;
			const many = ja ? `${count} 件のタスク` : `${count} tasks`;
			const what: Line =
				runs > 1 ? [ja ? `${runs} 件の DAG 実行` : `${runs} runs`] : count > 1 ? [many] : [idSpan(act.task ?? act.run)];
			return ja
				? ['🔁 ', by, ' さんが ', ...what, ' を再実行しました（', at, '）']
				: ['🔁 ', ...what, ' rerun by ', by, ' at ', at];
		}
	}
}
