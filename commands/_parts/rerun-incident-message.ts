import { Trouble } from '../../src/domain/errors.ts';
import type { Button, Line, Part, Reply } from '../../src/domain/reply.ts';
import { clip, clipHead, visible, type Lang, type Text } from '../../src/domain/text.ts';
import type { OneRun } from './rerun-incident.ts';
import { confirmRerun } from './rerun-message.ts';
import type { RerunPlan, Target } from './rerun-plan.ts';
import { trouble } from './trouble.ts';

/** Fifty lines of them fit into one message, whatever their length. */
const id = (text: string): { code: string } => ({ code: clipHead(visible(text), 50) });
const task = ({ task: name, mapIndex }: Target) => ({ code: id(name).code + (mapIndex >= 0 ? ` [${mapIndex}]` : '') });
const tasksIn = (plans: readonly RerunPlan[]): number => plans.reduce((sum, { targets }) => sum + targets.length, 0);
const dagsOf = (plans: readonly RerunPlan[]): string[] => [...new Set(plans.map(({ request }) => request.dag))];

/** `34 task instances in 12 runs of daily_sales`. */
function amount(plans: readonly RerunPlan[], lang: Lang): Line {
	const dags = dagsOf(plans);
	const [runs, tasks] = [plans.length, tasksIn(plans)];
	const [only = ''] = dags;
	if (lang === 'ja')
		return [
			...(dags.length === 1 ? [id(only)] : [`${dags.length} 件の DAG`]),
			` の実行 ${runs} 件（タスクインスタンス ${tasks} 件）`,
		];
	return [
		`${tasks} ${tasks === 1 ? 'task instance' : 'task instances'} in ${runs} ${runs === 1 ? 'run' : 'runs'} of `,
		dags.length === 1 ? id(only) : `${dags.length} DAGs`,
	];
}

/** A run in a line: what of it failed, and in which try. */
function runLine({ request: { dag, run }, targets }: RerunPlan, nameDag: boolean, lang: Lang): Line {
	const [first] = targets.filter(({ state }) => state === 'failed');
	const more = targets.length - (first ? 1 : 0);
	return [
		...(nameDag ? [id(dag), ' '] : []),
		id(run),
		...(first ? [': ', task(first), lang === 'ja' ? `（${first.tryNumber} 回目）` : `  try ${first.tryNumber}`] : []),
		...(more > 0 ? [lang === 'ja' ? ` ほか ${more} 件` : ` and ${more} more`] : []),
	];
}

type Asked = {
	plans: readonly RerunPlan[];
	/** DAGs that are paused. */
	paused: readonly string[];
	/** Runs that are too many for one click. */
	left: number;
	/** Runs of DAGs that the person may not rerun. */
	hidden: number;
	/** Of the button. */
	words: string;
	env: string | undefined;
	lang: Lang;
};

/** Every run that would be cleared, and the question. */
export function askReply({ plans, paused, left, hidden, words, env, lang }: Asked): Reply {
	const ja = lang === 'ja';
	const several = dagsOf(plans).length > 1;
	const [runs, tasks] = [plans.length, tasksIn(plans)];
	const parts: Part[] = [
		{
			kind: 'title',
			icon: '🔁',
			line: ja
				? [...amount(plans, lang), 'をクリアして再実行します']
				: [...amount(plans, lang), ' would be cleared and run again'],
		},
		...(env === undefined
			? []
			: [{ kind: 'text' as const, line: [ja ? '環境: ' : 'in ', { bold: clip(visible(env), 60) }] }]),
		...notes({ left, hidden, lang }),
		{ kind: 'list', items: plans.map((plan) => runLine(plan, several, lang)) },
	];
	if (paused.length > 0)
		parts.push({
			kind: 'text',
			line: [
				ja
					? '⚠️ 一時停止中のため、再開されるまで実行されません: '
					: '⚠️ Paused, so that they wait until it is unpaused: ',
				...paused.slice(0, 10).flatMap((dag, at): Line => [...(at > 0 ? [ja ? '、' : ', '] : []), id(dag)]),
				...(paused.length > 10 ? [ja ? ` ほか ${paused.length - 10} 件` : ` and ${paused.length - 10} more`] : []),
			],
		});
	const question: Button = {
		label: ja ? `実行 ${runs} 件を再実行` : `Rerun ${runs === 1 ? 'it' : `these ${runs} runs`}`,
		verb: 'rerun',
		words,
		style: 'primary',
		confirm: confirmRerun(
			ja
				? `DAG 実行 ${runs} 件のタスクインスタンス ${tasks} 件をクリアします。表示後に状態が変わった実行については何も行いません。`
				: `${tasks} task instances in ${runs} runs are cleared. A run in which anything has changed since it was shown is left alone.`,
			lang,
		),
	};
	parts.push({ kind: 'buttons', buttons: [question] });
	return { parts, to: 'asker' };
}

function notes({ left, hidden, lang }: { left: number; hidden: number; lang: Lang }): Part[] {
	const ja = lang === 'ja';
	const said: string[] = [];
	if (left > 0)
		said.push(
			ja
				? `1 回で再実行できる数を超えるため、残りの実行 ${left} 件は含まれていません。再実行後にもう一度実行してください。`
				: `${left} more ${left === 1 ? 'run is' : 'runs are'} too many for one click and not among them: ask again afterwards.`,
		);
	if (hidden > 0)
		said.push(
			ja
				? `運用者 (operator) ロールのない DAG の実行 ${hidden} 件は含まれていません。`
				: `${hidden} ${hidden === 1 ? 'run' : 'runs'} of DAGs for which you are no operator ${hidden === 1 ? 'is' : 'are'} left out.`,
		);
	return said.map((text) => ({ kind: 'note', line: [`⚠️ ${text}`] }));
}

export function nothingLeft({ left, hidden, lang }: { left: number; hidden: number; lang: Lang }): Reply {
	const ja = lang === 'ja';
	return {
		parts: [
			{
				kind: 'title',
				icon: '✅',
				line: [
					ja
						? 'このインシデントに再実行の対象となる失敗したタスクはありません'
						: 'Nothing of this incident stands as failed, so there is nothing to rerun',
				],
			},
			...notes({ left, hidden, lang }),
		],
		to: 'asker',
	};
}

const SHOWN = 15;

/** Why nothing was done with some of the runs, in this order. */
const KEPT: readonly { outcomes: readonly OneRun['outcome'][]; says: Text }[] = [
	{
		outcomes: ['changed', 'gone'],
		says: {
			en: 'Left alone, because something has changed since it was shown',
			ja: '表示後に状態が変わったため、何もしていません',
		},
	},
	{
		outcomes: ['not seen'],
		says: {
			en: 'Not known: the answer of Airflow was lost, and for half a minute nothing was seen of it. It is not repeated by itself, please look in Airflow',
			ja: '不明: Airflow の応答が失われ、30 秒間確認しましたが状態は変わっていません。自動では繰り返しません。Airflow でご確認ください',
		},
	},
	{ outcomes: ['taken'], says: { en: 'Somebody else was faster', ja: '別の人が先に再実行しました' } },
	{ outcomes: ['refused'], says: { en: 'Airflow refused', ja: 'Airflow に拒否されました' } },
	{
		outcomes: ['not theirs'],
		says: { en: 'You are no operator for these', ja: '運用者 (operator) ロールがありません' },
	},
];

type Done = { runs: readonly OneRun[]; by: string; left: number; words: string; lang: Lang };

/** What was cleared, for everybody; and what was not, and why. */
export function doneReply({ runs, by, left, words, lang }: Done): Reply {
	const ja = lang === 'ja';
	const cleared = runs.flatMap(({ plan, outcome }) => (outcome === 'cleared' ? [plan] : []));
	const several = dagsOf(runs.map(({ plan }) => plan)).length > 1;
	const who = { bold: clip(visible(by), 80) };
	const listed = (plans: readonly RerunPlan[]): Part => {
		const more = plans.length - SHOWN;
		const items = plans.slice(0, SHOWN).map((plan) => runLine(plan, several, lang));
		return { kind: 'list', items: more > 0 ? [...items, [ja ? `ほか ${more} 件` : `and ${more} more`]] : items };
	};
	const parts: Part[] = [
		cleared.length === 0
			? { kind: 'title', icon: '⏭️', line: [ja ? '何もクリアしていません' : 'Nothing was cleared'] }
			: {
					kind: 'title',
					icon: '🔁',
					line: ja
						? [who, ' さんが ', ...amount(cleared, lang), 'を再実行しました']
						: [who, ' reruns ', ...amount(cleared, lang)],
				},
	];
	if (cleared.length > 0) parts.push(listed(cleared));
	for (const { outcomes, says } of KEPT) {
		const kept = runs.filter(({ outcome }) => outcomes.includes(outcome)).map(({ plan }) => plan);
		if (kept.length > 0) parts.push({ kind: 'text', line: [{ bold: says[lang] }, ':'] }, listed(kept));
	}
	const again = left > 0 || runs.some(({ outcome }) => outcome === 'changed' || outcome === 'not seen');
	if (left > 0) parts.push(...notes({ left, hidden: 0, lang }));
	if (again) {
		const label = ja ? '残りを再実行' : 'Rerun the rest';
		parts.push({ kind: 'buttons', buttons: [{ label, verb: 'rerun', words }] });
	}
	return { parts, to: cleared.length > 0 ? 'channel' : 'asker' };
}

/** Airflow does not say what became of some of them; the same command goes on where it was. */
export function unfinished(cause: Trouble, runs: readonly OneRun[], all: number): Trouble {
	const cleared = runs.filter(({ outcome }) => outcome === 'cleared').length;
	return trouble(
		'upstream',
		'rerun of runs unfinished',
		{
			en: `${cleared} of ${all} runs are cleared; of the others it is not known yet. ${cause.message}`,
			ja: `DAG 実行 ${all} 件中 ${cleared} 件をクリアしました。残りはまだ確認できていません。${cause.ja?.message ?? cause.message}`,
		},
		undefined,
		{ outcome: cleared > 0 ? 'unknown' : cause.outcome, retryAfterMs: cause.retryAfterMs, cause },
	);
}
