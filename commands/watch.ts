import { hashOf } from '../src/alerts/ids.ts';
import type { OwnManners } from '../src/alerts/options.ts';
import { reachOf } from '../src/access/roles.ts';
import { manner, routeOf, type Watch } from '../src/alerts/routes.ts';
import { concerns, subjectText, type Subject } from '../src/alerts/subject.ts';
import type { DagSummary } from '../src/domain/airflow.ts';
import type { Part } from '../src/domain/reply.ts';
import { clip, visible } from '../src/domain/text.ts';
import { defineCommand, type CommandContext, type CommandResult } from './define.ts';
import { mannerPart } from './_parts/hearing-message.ts';
import { hearingWords } from './_parts/hearing-words.ts';
import { noMore } from './_parts/ids.ts';
import { dagOfSubject, subjectSpan, subjectWord } from './_parts/subject-word.ts';
import { mistake } from './_parts/trouble.ts';
import { orElse, unknownDag } from './_parts/unknown-dag.ts';
import { splitWords } from './_parts/words.ts';

type Args = { subject: Subject | undefined; manners: OwnManners };

/** More watches of one channel than anybody reads. */
const MOST = 100;

export default defineCommand<Args>({
	name: 'watch',
	summary: {
		en: 'Have failures told in this channel, and choose how.',
		ja: 'このチャンネルに失敗を通知し、通知方法を設定します。',
	},
	group: 'alerts',
	usage:
		'[dag | tag:x | owner:y | cause:z] [--tries all|last] [--no-thread] [--no-recovery] [--quiet 22:00-07:00 Asia/Tokyo] [--digest daily@09:00] [--lang en|ja]',
	examples: [
		{ words: 'watch daily_sales', means: { en: 'one DAG', ja: 'DAG 1 つ' } },
		{ words: 'watch sales_*', means: { en: 'every DAG whose id begins so', ja: 'ID がこの文字列で始まる DAG すべて' } },
		{
			words: 'watch tag:finance --tries all',
			means: { en: 'by tag, each failed try', ja: 'タグで指定し、試行ごとに通知' },
		},
		{
			words: 'watch --quiet 22:00-07:00 Asia/Tokyo --digest daily@09:00',
			means: { en: 'how this channel hears', ja: 'このチャンネルの通知方法だけを変更' },
		},
	],
	role: 'operator',
	posts: true,
	changes: true,
	parse(words) {
		const { rest, manners } = hearingWords(splitWords(words));
		const [first, ...more] = rest;
		noMore(more);
		const subject = first && subjectWord(first);
		if (subject?.kind === 'incident')
			throw mistake('watch of incident', {
				en: 'An incident is followed by its card; what can be watched is a DAG, tag, owner or cause.',
				ja: 'インシデントはカードで追跡されます。DAG・タグ・オーナー・原因を指定してください。',
			});
		if (!subject && Object.keys(manners).length === 0)
			throw mistake('watch of nothing', {
				en: 'What shall this channel hear of?',
				ja: '通知対象（DAG・タグ・オーナー・原因）を指定してください。',
			});
		return { subject, manners };
	},
	dagOf: ({ subject }) => subject && dagOfSubject(subject),
	run: watch,
});

async function watch({ subject, manners }: Args, context: CommandContext): Promise<CommandResult> {
	const { deps, env, typed, asker } = context;
	const { lang } = asker;
	const ja = lang === 'ja';
	const who = { bold: clip(visible(asker.name), 80) };
	const { channel } = typed;
	const heard = await deps.watches.heard();
	const parts: Part[] = [];
	if (subject) {
		const mine = heard.watches.filter((one) => one.channel === channel);
		if (mine.length >= MOST)
			throw mistake('too many watches', {
				en: `This channel has ${MOST} watches; a pattern or a tag says it shorter.`,
				ja: `このチャンネルの通知設定は上限の ${MOST} 件に達しています。パターンやタグでまとめてください。`,
			});
		const within = dagOfSubject(subject) === undefined ? reachOf(deps, asker, { channel, env }, 'viewer') : undefined;
		const made: Watch = {
			id: hashOf(12, 'watch', env, channel, subjectText(subject)),
			env,
			channel,
			subject,
			...(within ? { within: [...within] } : {}),
			by: { user: typed.user, name: asker.name },
			since: typed.at,
		};
		const now = await matching(made, context);
		// Carried out again after the death of a worker, it finds its own.
		const own = heard.watches.find(({ id }) => id === made.id);
		const added = (await deps.watches.watch(made)) || (own?.since === made.since && own.by.user === made.by.user);
		parts.push({
			kind: 'title',
			icon: '🔔',
			line: added
				? ja
					? [who, ' さんが、このチャンネルへの ', subjectSpan(subject), ' の失敗通知を設定しました']
					: [who, ': this channel now hears of failures of ', subjectSpan(subject)]
				: ja
					? [subjectSpan(subject), ' の失敗はすでにこのチャンネルに通知されます']
					: ['This channel hears of failures of ', subjectSpan(subject), ' already'],
		});
		if (deps.environments.length > 1)
			parts.push({ kind: 'text', line: [ja ? '環境: ' : 'in ', { bold: clip(visible(env), 40) }] });
		if (now !== undefined)
			parts.push({ kind: 'note', line: [ja ? `現在の該当 DAG: ${now} 件` : `DAGs that fit now: ${now}`] });
	} else
		parts.push({
			kind: 'title',
			icon: '🔔',
			line: ja ? [who, ' さんが、このチャンネルの通知方法を変更しました'] : [who, ' changed how this channel hears'],
		});
	const own = { ...heard.manners.get(channel), ...manners };
	if (Object.keys(manners).length > 0) await deps.watches.setManners(channel, own);
	parts.push(
		mannerPart(manner(deps.alerts, own, routeOf(deps.alerts, channel), deps.lang), deps.alerts.timeZone, lang),
		{
			kind: 'note',
			line: [
				ja
					? '通知方法はチャンネル全体に適用されます。一覧: /dag watches'
					: 'How it hears holds for the whole channel. All of it: /dag watches',
			],
		},
	);
	const what = [
		...(subject ? [subjectText(subject)] : []),
		...(Object.keys(manners).length > 0 ? [JSON.stringify(manners)] : []),
	].join(' ');
	return { reply: { parts, to: 'channel' }, act: { dag: subject && dagOfSubject(subject), what, result: 'done' } };
}

/** How many DAGs it takes in now; undefined where that is not the point or cannot be known. Trouble `user`: no such DAG. */
async function matching({ subject, within }: Watch, context: CommandContext): Promise<number | undefined> {
	const { deps, env } = context;
	const airflow = deps.airflow(env);
	const dag = dagOfSubject(subject);
	if (dag !== undefined) {
		if (!(await airflow.dag(dag))) throw await unknownDag(dag, context);
		return undefined;
	}
	if (subject.kind === 'cause') return undefined;
	const dags = await orElse<DagSummary[] | undefined>(airflow.dags({ limit: 1000 }), undefined);
	const fits = ({ id, tags, owners }: DagSummary): boolean =>
		context.may('viewer', id) &&
		concerns(subject, { env, dag: id, tags, owners, cause: 'unknown', severity: 'warning' }, within);
	return dags?.filter(fits).length;
}
