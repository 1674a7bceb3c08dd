import type { DagRun, TaskInstance } from '../../src/domain/airflow.ts';
import type { Button, Line, Part, Reply } from '../../src/domain/reply.ts';
import { clip, clipHead, visible, type Lang } from '../../src/domain/text.ts';
import type { Target } from './rerun-plan.ts';

const SHOWN = 15;

const code = (id: string): { code: string } => ({ code: clipHead(visible(id), 100) });
const nameOf = ({ task, mapIndex }: Pick<Target, 'task' | 'mapIndex'>): { code: string } => ({
	code: clipHead(visible(task), 80) + (mapIndex >= 0 ? ` [${mapIndex}]` : ''),
});

function tell(icon: string, title: Line, rest: readonly Line[], url: string | undefined, lang: Lang): Reply {
	const parts: Part[] = [{ kind: 'title', icon, line: title }, ...rest.map((line): Part => ({ kind: 'text', line }))];
	if (url !== undefined) parts.push({ kind: 'buttons', buttons: [openButton(url, lang)] });
	return { parts, to: 'asker' };
}

const openButton = (url: string, lang: Lang) => ({ label: lang === 'ja' ? 'Airflow で開く' : 'Open in Airflow', url });

/** What would be cleared, and the question. */
export function dryRunReply(shown: {
	dag: string;
	run: DagRun;
	targets: readonly Target[];
	paused: boolean;
	allMapped: boolean;
	/** Of the button. */
	words: string;
	env: string | undefined;
	url: string;
	lang: Lang;
}): Reply {
	const { dag, run, targets, paused, allMapped, words, env, url, lang } = shown;
	const ja = lang === 'ja';
	const count = targets.length;
	const parts: Part[] = [
		{
			kind: 'title',
			icon: '🔁',
			line: ja
				? [code(dag), ` のタスクインスタンス ${count} 件をクリアして再実行します`]
				: [
						`${count} ${count === 1 ? 'task instance' : 'task instances'} of `,
						code(dag),
						' would be cleared and run again',
					],
		},
		{
			kind: 'text',
			line: [
				code(run.run),
				...(env === undefined ? [] : [ja ? ' · 環境: ' : ' · in ', { bold: clip(visible(env), 60) }]),
			],
		},
		{ kind: 'list', items: listed(targets, lang) },
	];
	const notes: (string | false)[] = ja
		? [
				targets.some(({ state }) => state === 'running') && '実行中のタスクは中断され、最初からやり直しになります。',
				paused && 'この DAG は一時停止中のため、再開されるまで実行されません。',
				allMapped &&
					'Airflow 2 の API ではマップされたタスクの 1 件だけを指定できないため、上記すべてが対象になります。',
			]
		: [
				targets.some(({ state }) => state === 'running') && 'What runs now is ended and begins anew.',
				paused && 'The DAG is paused: they wait until it is unpaused.',
				allMapped && 'The API of Airflow 2 cannot name a single mapped task instance, so all of these are cleared.',
			];
	for (const note of notes) if (note !== false) parts.push({ kind: 'note', line: [`⚠️ ${note}`] });
	const question: Button = {
		label: ja ? `${count} 件を再実行` : `Rerun ${count === 1 ? 'it' : `these ${count}`}`,
		verb: 'rerun',
		words,
		style: 'primary',
		confirm: confirmRerun(
			ja
				? `${clipHead(visible(dag), 80)} のタスクインスタンス ${count} 件をクリアします。表示後に状態が変わっている場合は何も行いません。`
				: `${count} task instances of ${clipHead(visible(dag), 80)} are cleared. If anything has changed since they were shown, nothing is.`,
			lang,
		),
	};
	parts.push({ kind: 'buttons', buttons: [question, openButton(url, lang)] });
	return { parts, to: 'asker' };
}

/** Slack's own question at the click. */
export function confirmRerun(text: string, lang: Lang): NonNullable<Button['confirm']> {
	return lang === 'ja'
		? { title: '再実行しますか？', text, yes: '再実行', no: 'キャンセル' }
		: { title: 'Rerun?', text, yes: 'Rerun', no: 'Cancel' };
}

function listed(targets: readonly Target[], lang: Lang): Line[] {
	const lines = targets.slice(0, SHOWN).map((target): Line => {
		const { state, tryNumber } = target;
		const tries = lang === 'ja' ? `（${state}、${tryNumber} 回目）` : `  ${state}, try ${tryNumber}`;
		return [nameOf(target), tryNumber > 0 ? tries : lang === 'ja' ? `（${state}）` : `  ${state}`];
	});
	const more = targets.length - lines.length;
	if (more > 0) lines.push([lang === 'ja' ? `ほか ${more} 件` : `and ${more} more`]);
	return lines;
}

export function nothingFailed({
	dag,
	run,
	url,
	lang,
}: {
	dag: string;
	run: DagRun | undefined;
	url: string;
	lang: Lang;
}): Reply {
	const title: Line =
		lang === 'ja'
			? [code(dag), ' に再実行の対象となる失敗したタスクはありません']
			: ['Nothing of ', code(dag), ' failed, so there is nothing to rerun'];
	const hint: Line =
		lang === 'ja'
			? ['成功したタスクを再実行するには、', { code: '--task' }, ' で指定してください。']
			: ['A task that went well is rerun by name: ', { code: '--task' }, '.'];
	return tell('✅', title, run ? [[code(run.run), ` · ${run.state}`], hint] : [hint], url, lang);
}

/** The try that was clicked is over. */
export function otherTry({
	other,
	asked,
	url,
	lang,
}: {
	other: TaskInstance;
	asked: number;
	url: string;
	lang: Lang;
}): Reply {
	const { tryNumber, state } = other;
	return lang === 'ja'
		? tell(
				'⏭️',
				[nameOf(other), ` の ${asked} 回目の試行は過去のものです`],
				[[`現在は ${tryNumber} 回目（${state}）のため、何もしていません。`]],
				url,
				lang,
			)
		: tell(
				'⏭️',
				['Try ', String(asked), ' of ', nameOf(other), ' is past'],
				[[`It is at try ${tryNumber} now (${state}), so nothing was done.`]],
				url,
				lang,
			);
}

export function takenReply({ dag, by, url, lang }: { dag: string; by: string; url: string; lang: Lang }): Reply {
	const who = { bold: clip(visible(by), 80) };
	return lang === 'ja'
		? tell('👥', [who, ' さんが先に ', code(dag), ' を再実行しました'], [['何もしていません。']], url, lang)
		: tell('👥', [who, ' was faster: ', code(dag), ' is being rerun'], [['Nothing more was done.']], url, lang);
}

type Changed = {
	dag: string;
	run: string;
	shown: readonly Target[];
	now: readonly Target[];
	url: string;
	lang: Lang;
};

/** Something happened between the question and the answer: what, and how to ask anew. */
export function changedReply({ dag, run, shown, now, url, lang }: Changed): Reply {
	const ja = lang === 'ja';
	const before = new Map(shown.map((one) => [`${one.task} ${one.mapIndex}`, one]));
	const after = new Map(now.map((one) => [`${one.task} ${one.mapIndex}`, one]));
	const moved = [
		...shown.filter(({ task, mapIndex, tryNumber, state }) => {
			const found = after.get(`${task} ${mapIndex}`);
			return found?.tryNumber !== tryNumber || found.state !== state;
		}),
		...now.filter(({ task, mapIndex }) => !before.has(`${task} ${mapIndex}`)),
	];
	const lines = moved.slice(0, SHOWN).map((one): Line => {
		const found = after.get(`${one.task} ${one.mapIndex}`);
		const how = (target: Target | undefined): string =>
			target === undefined
				? ja
					? '対象外'
					: 'not among them'
				: ja
					? `${target.state}（${target.tryNumber} 回目）`
					: `${target.state}, try ${target.tryNumber}`;
		return [nameOf(one), `: ${how(before.get(`${one.task} ${one.mapIndex}`))} → ${how(found)}`];
	});
	const again = `/dag rerun ${clipHead(visible(dag), 100)} ${clipHead(visible(run), 100)}`;
	return {
		parts: [
			{
				kind: 'title',
				icon: '⏭️',
				line: ja
					? [code(dag), ' の状態が変わったため、何もクリアしていません']
					: [code(dag), ' has changed since, so nothing was cleared'],
			},
			{ kind: 'list', items: lines },
			{
				kind: 'text',
				line: ja ? ['もう一度確認するには: ', { code: again }] : ['To be asked anew: ', { code: again }],
			},
			{ kind: 'buttons', buttons: [openButton(url, lang)] },
		],
		to: 'asker',
	};
}

/** The answer was lost, and nothing was seen. */
export function notSeenReply({ dag, run, url, lang }: { dag: string; run: string; url: string; lang: Lang }): Reply {
	const again = { code: `/dag rerun ${clipHead(visible(dag), 100)} ${clipHead(visible(run), 100)}` };
	return lang === 'ja'
		? tell(
				'❓',
				['Airflow が ', code(dag), ' をクリアしたかどうか確認できませんでした'],
				[
					['応答が失われ、30 秒間確認しましたがタスクの状態は変わっていません。自動では繰り返しません。'],
					['Airflow で確認し、変わっていなければもう一度実行してください: ', again],
				],
				url,
				lang,
			)
		: tell(
				'❓',
				['Whether Airflow cleared ', code(dag), ' is not known'],
				[
					['Its answer was lost, and for half a minute nothing was seen of it. It is not repeated by itself.'],
					['Look in Airflow; when nothing has moved, ask again: ', again],
				],
				url,
				lang,
			);
}
