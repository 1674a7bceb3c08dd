import { durationText } from '../domain/duration.ts';
import type { Line, Span } from '../domain/reply.ts';
import { clipHead, visible, type Lang } from '../domain/text.ts';
import { rules } from '../rules/index.ts';
import { CONDITION_TITLES } from './incident.ts';
import type { Condition, FailedTry, Incident } from './incident.ts';

/** A foreign id as a card shows it; of a long one the end is kept, which tells two apart. */
export const idSpan = (id: string, most = 80): Span => ({ code: clipHead(visible(id), most) });

/** The title of a cause or of what the watch found wrong; undefined: it has none. */
export function titleOf(cause: string, lang: Lang): string | undefined {
	return CONDITION_TITLES[cause]?.[lang] ?? rules.find(({ id }) => id === cause)?.title[lang];
}

/** What it is about, as the beginning of a sentence: `load of daily_sales`, `12 tasks of 4 DAGs`. */
export function subjectOf({ counts, dags, tasks, first, scope, cause, condition }: Incident, lang: Lang): Line {
	const ja = lang === 'ja';
	if (scope === 'environment') return [titleOf(cause, lang) ?? cause];
	if (condition && counts.tries === 0 && condition.dag === undefined) return conditionSubject(condition, lang);
	const [dag = first?.dag ?? condition?.dag] = dags;
	const task = tasks.length === 1 ? tasks[0]?.task : undefined;
	if (counts.dags > 1)
		return [
			ja ? `${counts.dags} 件の DAG の ${counts.members} 件のタスク` : `${counts.members} tasks of ${counts.dags} DAGs`,
		];
	if (dag === undefined) return [titleOf(cause, lang) ?? cause];
	if (task !== undefined && counts.members <= 1) {
		const index = first && first.mapIndex >= 0 ? `[${first.mapIndex}]` : '';
		const name: Span = { code: clipHead(visible(task), 80) + index };
		return ja ? [idSpan(dag), ' の ', name] : [name, ' of ', idSpan(dag)];
	}
	if (counts.members === 0) return [idSpan(dag)];
	return ja ? [idSpan(dag), ` の ${counts.members} 件のタスク`] : [`${counts.members} tasks of `, idSpan(dag)];
}

/** A file has a name; of the rest the title says all. */
function conditionSubject({ kind, facts, key }: Condition, lang: Lang): Line {
	if (kind !== 'import-error') return [titleOf(kind, lang) ?? kind];
	const file = facts['file'] ?? key;
	return [idSpan(file.split('/').at(-1) ?? file)];
}

export const STATE_ICONS: Readonly<Record<Incident['phase'], string>> = {
	open: '🔴',
	retrying: '🟠',
	recovered: '🟢',
	folded: '🔗',
	closed: '⚪',
};

/** The first line: what happened, and how it stands. */
export function headline(incident: Incident, lang: Lang): { icon: string; line: Line } {
	const { phase, severity, since, endedAt, latest, counts, scope, condition } = incident;
	const ja = lang === 'ja';
	const subject = subjectOf(incident, lang);
	const icon = phase === 'open' && severity === 'critical' ? '🚨' : STATE_ICONS[phase];
	if (phase === 'recovered') {
		const took = durationText((endedAt ?? since) - since, lang);
		return { icon, line: ja ? [...subject, `: ${took}で復旧しました`] : [...subject, `: recovered after ${took}`] };
	}
	if (phase === 'closed') return { icon, line: [...subject, ja ? ': 追跡を終了しました' : ': no longer followed'] };
	if (phase === 'folded')
		return {
			icon,
			line: [...subject, ja ? ': より大きな障害の一部です' : ': part of a bigger incident'],
		};
	if (scope === 'environment') return { icon, line: subject };
	if (condition && counts.tries === 0) return { icon, line: [...subject, ...conditionSays(condition, lang)] };
	const tries = latest && counts.members === 1 ? tryWords(latest, lang) : '';
	return { icon, line: ja ? [...subject, `${gap(subject)}が失敗しました${tries}`] : [...subject, ` failed${tries}`] };
}

function conditionSays({ kind, dag }: Condition, lang: Lang): Line {
	const ja = lang === 'ja';
	if (kind === 'import-error') return [ja ? ' をインポートできません' : ' cannot be imported'];
	if (dag === undefined) return [];
	const title = titleOf(kind, lang) ?? kind;
	return [ja ? `: ${title}` : `: ${title.replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase())}`];
}

/** Japanese has a blank between code and words, and none between words. */
const gap = (line: Line): string => (typeof line.at(-1) === 'string' ? '' : ' ');

export function tryWords({ tryNumber, ofTries }: Pick<FailedTry, 'tryNumber' | 'ofTries'>, lang: Lang): string {
	if (ofTries <= 1) return '';
	return lang === 'ja' ? `（${ofTries} 回中 ${tryNumber} 回目）` : ` (try ${tryNumber} of ${ofTries})`;
}

/** First time, repeat, flapping; what its retries usually come to; when the next one is. Each a line of small print. */
export function labels({ history, relapses, phase, retryAt, passedIn, run, counts }: Incident, lang: Lang): Line[] {
	const ja = lang === 'ja';
	const lines: Line[] = [];
	const { before, lastAt, lastTookMs, retries } = history;
	if (relapses > 0)
		lines.push([
			ja
				? `不安定: 復旧後に ${relapses} 回、再び失敗しています。`
				: `Flapping: it failed again ${relapses === 1 ? 'once' : `${relapses} times`} after it had recovered.`,
		]);
	// What came back is not told as the first of its kind.
	if (before === 0 && relapses === 0) lines.push([ja ? '過去 30 日間で初めてです。' : 'First time in 30 days.']);
	else if (before > 0) {
		const took = lastTookMs === undefined ? undefined : durationText(lastTookMs, lang);
		const last: Span[] = lastAt === undefined ? [] : [{ time: new Date(lastAt).toISOString() }];
		lines.push(
			ja
				? [
						`再発: 過去 30 日間で ${before + 1} 回目です（前回: `,
						...last,
						took === undefined ? '' : `、${took}で復旧`,
						'）。',
					]
				: [
						`Repeat: number ${before + 1} in 30 days (last: `,
						...last,
						took === undefined ? '' : `, recovered after ${took}`,
						').',
					],
		);
	}
	if (retries && retries.of >= 3 && phase !== 'recovered')
		lines.push([
			ja
				? `直近 ${retries.of} 回のうち ${retries.passed} 回は再試行で成功しています。`
				: `${retries.passed} of the last ${retries.of} passed on retry.`,
		]);
	if (phase === 'retrying') {
		if (retryAt === undefined)
			lines.push([ja ? 'Airflow が自動的に再試行します。' : 'Airflow will try again by itself.']);
		else {
			const at: Span = { time: new Date(retryAt).toISOString() };
			lines.push(ja ? [at, ' に再試行されます。'] : ['Will be retried at ', at, '.']);
		}
	}
	if (passedIn)
		lines.push(
			ja
				? [
						'後続の実行 ',
						idSpan(passedIn.run),
						' が成功しました。',
						...(run ? [idSpan(run.run), ' は失敗のままです。'] : []),
					]
				: [
						'A later run passed: ',
						idSpan(passedIn.run),
						'.',
						...(run ? [' ', idSpan(run.run), ' itself stays failed.'] : []),
					],
		);
	if (counts.taken > 0)
		lines.push([
			ja
				? `先に通知した失敗 ${counts.taken} 件もこれが原因です。`
				: `It also explains ${counts.taken} failed ${counts.taken === 1 ? 'try' : 'tries'} told before.`,
		]);
	return lines;
}
