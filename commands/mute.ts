import { reachOf } from '../src/access/roles.ts';
import { hashOf } from '../src/alerts/ids.ts';
import { endOf, type Mute } from '../src/alerts/mutes.ts';
import { subjectText, type Subject } from '../src/alerts/subject.ts';
import type { Part } from '../src/domain/reply.ts';
import { clip, visible } from '../src/domain/text.ts';
import { actOf } from './_parts/act-on-incident.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { incidentInReach } from './_parts/incident-in-reach.ts';
import { endButton, untilLine } from './_parts/mute-message.ts';
import { howLong, type HowLong } from './_parts/mute-words.ts';
import { dagOfSubject, subjectSpan, subjectWord } from './_parts/subject-word.ts';
import { mistake } from './_parts/trouble.ts';
import { unknownDag } from './_parts/unknown-dag.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

type Args = { subject: Subject; howLong: HowLong };

const DAY_MS = 24 * 3600_000;

export default defineCommand<Args>({
	name: 'mute',
	summary: {
		en: 'Silence a DAG, a cause or an incident for a while, or until a ticket is done. It always ends.',
		ja: 'DAG・原因・インシデントの通知を、一定期間またはチケットの完了まで止めます。必ず終わりがあります。',
	},
	group: 'alerts',
	usage: '<dag | tag:x | owner:y | cause:z | incident:id> for 2h | until <ticket>',
	examples: [
		{ words: 'mute daily_sales for 2h', means: { en: 'two hours', ja: '2 時間' } },
		{
			words: 'mute cause:bigquery-quota-or-rate-limit until https://tickets.example.com/OPS-123',
			means: { en: 'until the ticket is done, a week at most', ja: 'チケットの完了まで（最長 1 週間）' },
		},
	],
	role: 'operator',
	posts: true,
	changes: true,
	parse(words) {
		const [first, ...more] = takeOptions(splitWords(words), {}).rest;
		if (!first)
			throw mistake('mute of nothing', {
				en: 'What shall be silent?',
				ja: '対象（DAG・原因・インシデント）を指定してください。',
			});
		return { subject: subjectWord(first), howLong: howLong(more) };
	},
	dagOf: ({ subject }) => dagOfSubject(subject),
	run: mute,
});

async function mute({ subject, howLong: how }: Args, context: CommandContext): Promise<CommandResult> {
	const { deps, env, typed, asker } = context;
	const { lang } = asker;
	const ja = lang === 'ja';
	const dag = dagOfSubject(subject);
	if (dag !== undefined && !(await deps.airflow(env).dag(dag))) throw await unknownDag(dag, context);
	const incident =
		subject.kind === 'incident'
			? await incidentInReach(subject.pattern, { role: 'operator', every: true }, context)
			: undefined;
	const { ticketDays, mostDays } = deps.alerts.mute;
	const id = hashOf(12, 'mute', env, subjectText(subject));
	const { mutes } = await deps.watches.heard();
	// Prolonged, it is still the same silence: what it may last in all counts from its beginning.
	const before = mutes.find((one) => one.id === id && one.until > typed.at);
	const since = before?.since ?? typed.at;
	const wanted = 'ms' in how ? how.ms : ticketDays * DAY_MS;
	const within =
		dag === undefined && !incident ? reachOf(deps, asker, { channel: typed.channel, env }, 'operator') : undefined;
	const made: Mute = {
		id,
		env,
		subject,
		...(within ? { within: [...within] } : {}),
		by: { user: typed.user, name: asker.name },
		channel: typed.channel,
		since,
		until: endOf(since, typed.at, wanted, mostDays),
		...('ticket' in how ? { ticket: how.ticket } : {}),
	};
	await deps.watches.mute(made);
	const acted = incident && {
		...actOf(context),
		kind: 'mute' as const,
		// Prolonged it is another act, with a line of its own on the card.
		mute: `${id}.${made.until}`,
		until: made.until,
		ticket: made.ticket,
	};
	if (incident && acted) await deps.incidents.act(incident.id, acted);

	const who = { bold: clip(visible(asker.name), 80) };
	const parts: Part[] = [
		{
			kind: 'title',
			icon: '🔕',
			line: ja
				? [who, ' さんが ', subjectSpan(subject), ' をミュートしました']
				: [who, ' muted ', subjectSpan(subject)],
		},
		{ kind: 'text', line: untilLine(made, lang) },
	];
	if (deps.environments.length > 1)
		parts.push({ kind: 'text', line: [ja ? '環境: ' : 'in ', { bold: clip(visible(env), 40) }] });
	for (const note of notes(made, wanted, typed.at, mostDays)) parts.push({ kind: 'note', line: [note[lang]] });
	parts.push({ kind: 'buttons', buttons: [endButton(made, lang)] });
	return {
		reply: { parts, to: 'channel' },
		card: incident?.id,
		act: {
			dag,
			what: `${subjectText(subject)} until ${made.ticket ?? new Date(made.until).toISOString()}`,
			result: 'done',
		},
	};
}

/** What a mute does not do, said where somebody may think it does. */
function notes({ subject, within, until, ticket }: Mute, wanted: number, now: number, mostDays: number) {
	const found: { en: string; ja: string }[] = [];
	if (until < now + wanted)
		found.push({
			en: `No mute lasts longer than ${mostDays} days, so it ends earlier.`,
			ja: `ミュートは最長 ${mostDays} 日のため、それより早く終了します。`,
		});
	if (ticket !== undefined)
		found.push({
			en: 'The ticket is not looked at: the button ends it, and a day before its end it is asked again.',
			ja: 'チケットの状態は確認しません。ボタンで解除してください。終了の 1 日前にもう一度確認します。',
		});
	if (subject.kind !== 'incident' && subject.kind !== 'cause')
		found.push({
			en: 'What befalls the environment as a whole is told all the same.',
			ja: '環境全体に及ぶ重大な問題は、ミュート中も通知されます。',
		});
	if (within)
		found.push({
			en: 'It holds for the DAGs for which you are an operator.',
			ja: 'あなたが運用者 (operator) である DAG にのみ適用されます。',
		});
	return found;
}
