import type { Mute } from '../src/alerts/mutes.ts';
import { remindAt } from '../src/alerts/mutes.ts';
import { manner, routeOf } from '../src/alerts/routes.ts';
import type { Part, Reply } from '../src/domain/reply.ts';
import { clip, visible, type Lang } from '../src/domain/text.ts';
import { unmuteIncident } from '../commands/_parts/act-on-incident.ts';
import { endButton, longerButton, untilLine } from '../commands/_parts/mute-message.ts';
import { subjectSpan } from '../commands/_parts/subject-word.ts';
import { cardsDue } from './alerts/due.ts';
import { placeOf } from './alerts/say-card.ts';
import { LAST, say } from './wires.ts';
import type { Wires } from './wires.ts';

const DAY_MS = 24 * 3600_000;

/**
 * Ends the mutes whose time is over and says so where they were made; reminds of those that wait for a ticket a day before. What
 * was held back is looked at again when a mute has ended, by its time or by somebody.
 */
export async function tendMutes(wires: Wires): Promise<void> {
	const { deps } = wires;
	const now = deps.now();
	const { mutes, manners } = await deps.watches.heard();
	for (const mute of mutes) {
		const lang = manner(deps.alerts, manners.get(mute.channel), routeOf(deps.alerts, mute.channel), deps.lang).lang;
		// The same mute prolonged is another end, with a word of its own.
		const id = `mute-${mute.id}-${mute.until}`;
		const remind = remindAt(mute);
		if (now >= mute.until) {
			await say(wires, `${id}-over`, placeOf(mute.channel), { reply: overReply(mute, wires, lang), lang, stage: LAST });
			if (mute.subject.kind === 'incident')
				await unmuteIncident(mute.subject.pattern, { by: 'time', name: 'Concertmaster', at: mute.until }, deps);
			await deps.watches.endMute(mute.id, id);
		} else if (remind !== undefined && now >= remind)
			await say(wires, `${id}-soon`, placeOf(mute.channel), { reply: soonReply(mute, wires, lang), lang, stage: LAST });
	}
	const ended = await deps.watches.endedMutes(mutes.filter(({ until }) => until > now));
	for (const env of new Set(ended.map((one) => one.env)))
		for (const incident of await deps.incidents.open(env)) await cardsDue(wires, incident);
	await deps.watches.forgetMutes(ended.map(({ id }) => id));
}

function overReply(mute: Mute, { deps }: Wires, lang: Lang): Reply {
	const ja = lang === 'ja';
	return {
		to: 'channel',
		parts: [
			{
				kind: 'title',
				icon: '🔔',
				line: ja
					? [subjectSpan(mute.subject), ' のミュートが終了しました']
					: ['The mute of ', subjectSpan(mute.subject), ' has ended'],
			},
			...aside(mute, deps.environments.length > 1, lang),
		],
	};
}

function soonReply(mute: Mute, { deps }: Wires, lang: Lang): Reply {
	const ja = lang === 'ja';
	const { ticketDays, mostDays } = deps.alerts.mute;
	const left = Math.floor((mute.since + mostDays * DAY_MS - deps.now()) / DAY_MS);
	const days = Math.min(ticketDays, left);
	return {
		to: 'channel',
		parts: [
			{
				kind: 'title',
				icon: '⏰',
				line: ja
					? [subjectSpan(mute.subject), ' のミュートがまもなく終了します']
					: ['The mute of ', subjectSpan(mute.subject), ' ends soon'],
			},
			{ kind: 'text', line: untilLine(mute, lang) },
			...aside(mute, deps.environments.length > 1, lang),
			{
				kind: 'buttons',
				buttons: [endButton(mute, lang), ...(days > 0 ? [longerButton(mute, days, lang)] : [])],
			},
		],
	};
}

function aside({ env, by }: Mute, several: boolean, lang: Lang): Part[] {
	const ja = lang === 'ja';
	return [
		{
			kind: 'text',
			line: [
				ja ? '設定: ' : 'by ',
				clip(visible(by.name), 60),
				...(several ? [ja ? ' · 環境: ' : ' · in ', { bold: clip(visible(env), 40) }] : []),
			],
		},
	];
}
