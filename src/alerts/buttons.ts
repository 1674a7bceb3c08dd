import type { Button, Part } from '../domain/reply.ts';
import type { Lang } from '../domain/text.ts';
import { quoteWord, wordsOfTry } from '../domain/words-of.ts';
import { heldMute } from './acts.ts';
import type { Incident } from './incident.ts';

/** What can be done from a card. What was done once is said in its place. */
export function cardButtons(
	incident: Incident,
	{ lang, url, size }: { lang: Lang; url: string | undefined; size: boolean },
): Extract<Part, { kind: 'buttons' }> {
	const { id, env, phase, acts, latest } = incident;
	const ja = lang === 'ja';
	const at = ` --env ${quoteWord(env)}`;
	const buttons: (Button | { label: string; url: string })[] = [];
	const needed = phase === 'open' || phase === 'retrying';
	const rerun = phase === 'open' ? rerunWords(incident) : undefined;
	if (rerun !== undefined)
		buttons.push({
			label: ja ? '再実行' : 'Rerun',
			verb: 'rerun',
			words: rerun + at,
			style: 'primary',
		});
	if (latest) buttons.push({ label: ja ? 'ログ' : 'Logs', verb: 'logs', words: wordsOfTry(latest) + at });
	if (needed && !heldMute(acts))
		buttons.push({ label: ja ? '2 時間ミュート' : 'Mute 2h', verb: 'mute', words: `incident:${id} for 2h${at}` });
	if (needed && !acts.some(({ kind }) => kind === 'ack'))
		buttons.push({ label: ja ? '確認済みにする' : 'Acknowledge', verb: 'ack', words: `incident:${id}${at}` });
	if (latest)
		buttons.push({ label: ja ? '再診断' : 'Diagnose again', verb: 'diagnose', words: wordsOfTry(latest) + at });
	if (size && needed) buttons.push({ label: ja ? 'サイズの提案' : 'Size advice', verb: 'scale', words: at.trim() });
	if (url !== undefined) buttons.push({ label: ja ? 'Airflow で開く' : 'Open in Airflow', url });
	return { kind: 'buttons', buttons };
}

/** The task where it is one, its run where all of it is in one, else the incident with all its runs; undefined: it was rerun. */
function rerunWords({ id, counts, latest, run, acts }: Incident): string | undefined {
	if (!latest || counts.bad === 0) return undefined;
	const rerun = acts.findLast((act) => act.kind === 'rerun');
	if (rerun && rerun.at >= latest.seenAt && !rerun.left) return undefined;
	if (!run) return `incident:${id}`;
	if (counts.members > 1) return [run.dag, run.run].map(quoteWord).join(' ');
	const { dag, task, mapIndex, tryNumber } = latest;
	const map = mapIndex >= 0 ? ` --map ${mapIndex}` : '';
	return `${[dag, run.run].map(quoteWord).join(' ')} --task ${quoteWord(task)}${map} --try ${tryNumber}`;
}
