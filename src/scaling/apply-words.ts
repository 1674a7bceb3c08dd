import { quote } from '../domain/quote.ts';
import type { Line, Part, Reply } from '../domain/reply.ts';
import { clip, visible, type Lang, type Text } from '../domain/text.ts';
import type { Applying, Ended } from './applying.ts';
import { changesText } from './change-words.ts';
import type { Head } from './history.ts';
import { patchFor } from './patch.ts';
import { risks } from './risk-words.ts';

/** The one message of a change, at every stage of it. Names of people are foreign text. */
export function applyReply(applying: Applying, home: Head['environment'], lang: Lang): Reply {
	const { proposal, ended, decided, by } = applying;
	const parts: Part[] = [
		{ kind: 'title', icon: iconOf(applying), line: [headline(applying, lang)] },
		{ kind: 'text', line: [{ bold: changesText(proposal.changes, lang) }] },
		{ kind: 'fields', fields: people(applying, lang) },
	];
	if (ended?.why) parts.push({ kind: 'text', line: [quote(ended.why[lang], 600)] });
	if (!ended) {
		const patch = patchFor(home, proposal.changes);
		parts.push({ kind: 'code', text: patch.shell.join('\n') });
		for (const line of risks(proposal.changes, home, lang)) parts.push({ kind: 'note', line: [line] });
	}
	if (decided?.approved && !ended) parts.push({ kind: 'note', line: [progress(applying, lang)] });
	parts.push(...buttons(applying, lang));
	return { parts, to: 'channel' };

	function buttons({ id }: Applying, lang: Lang): Part[] {
		const env = `--env ${proposal.env}`;
		if (!decided && !ended)
			return [
				{
					kind: 'note',
					line:
						lang === 'ja'
							? [
									`${name(by)} さん以外の管理者の承認が必要です。期限: `,
									{ time: new Date(applying.until).toISOString() },
								]
							: [
									`An admin other than ${name(by)} has to approve it, until `,
									{ time: new Date(applying.until).toISOString() },
								],
				},
				{
					kind: 'buttons',
					buttons: [
						{ label: lang === 'ja' ? '承認' : 'Approve', verb: 'approve', words: `${id} ${env}`, style: 'primary' },
						{ label: lang === 'ja' ? '却下' : 'Reject', verb: 'approve', words: `${id} --no ${env}`, style: 'danger' },
					],
				},
			];
		if (ended?.how === 'done' && proposal.reverts === undefined)
			return [
				{
					kind: 'buttons',
					buttons: [{ label: lang === 'ja' ? '元に戻す' : 'Revert', verb: 'revert', words: `${id} ${env}` }],
				},
			];
		return [];
	}
}

const name = (who: { name: string }): string => clip(visible(who.name), 60);

function iconOf({ ended, decided }: Applying): string {
	if (!ended) return decided ? '⏳' : '🙋';
	return { done: '✅', failed: '❌', refused: '⛔', rejected: '🚫', expired: '⌛', unknown: '❓' }[ended.how];
}

const HEADS: Readonly<Record<Ended['how'], { apply: Text; revert: Text }>> = {
	done: {
		apply: { en: 'was changed', ja: 'を変更しました' },
		revert: { en: 'is as it was before', ja: 'を変更前の状態に戻しました' },
	},
	failed: {
		apply: { en: 'was not changed: the update failed', ja: 'は変更できませんでした（更新に失敗）' },
		revert: { en: 'was not set back: the update failed', ja: 'を元に戻せませんでした（更新に失敗）' },
	},
	refused: {
		apply: { en: 'was not changed', ja: 'は変更していません' },
		revert: { en: 'was not set back', ja: 'は元に戻していません' },
	},
	rejected: {
		apply: { en: 'stays as it is: the change was rejected', ja: 'の変更は却下されました' },
		revert: { en: 'stays as it is: setting it back was rejected', ja: 'を元に戻す変更は却下されました' },
	},
	expired: {
		apply: { en: 'stays as it is: nobody approved in time', ja: 'の変更は期限内に承認されませんでした' },
		revert: { en: 'stays as it is: nobody approved in time', ja: 'を元に戻す変更は期限内に承認されませんでした' },
	},
	unknown: {
		apply: { en: 'may have been changed: look in the console', ja: 'の変更結果が不明です。コンソールをご確認ください' },
		revert: {
			en: 'may have been set back: look in the console',
			ja: 'を戻した結果が不明です。コンソールをご確認ください',
		},
	},
};

function headline(applying: Applying, lang: Lang): string {
	const { proposal, ended, decided, by } = applying;
	const env = clip(visible(proposal.env), 60);
	const revert = proposal.reverts !== undefined;
	if (ended) {
		const said = HEADS[ended.how][revert ? 'revert' : 'apply'][lang];
		return lang === 'ja' ? `${env} ${said}` : `${env} ${said}`;
	}
	if (decided) return lang === 'ja' ? `${env} を変更しています` : `${env} is being changed`;
	if (lang === 'ja') return `${name(by)} さんが ${env} の${revert ? '変更を元に戻す' : '変更'}承認を求めています`;
	return `${name(by)} asks to ${revert ? 'set back a change of' : 'change'} ${env}`;
}

function people({ by, at, decided, ended }: Applying, lang: Lang): (readonly [string, Line])[] {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	const when = (ms: number): { time: string } => ({ time: new Date(ms).toISOString() });
	const found: (readonly [string, Line])[] = [[t('Asked by', '依頼者'), [name(by), ' · ', when(at)]]];
	if (decided)
		found.push([
			decided.approved ? t('Approved by', '承認者') : t('Rejected by', '却下者'),
			[name(decided), ' · ', when(decided.at)],
		]);
	if (ended) found.push([t('Ended', '終了'), [when(ended.at)]]);
	return found;
}

function progress({ steps, proposal }: Applying, lang: Lang): string {
	const of = proposal.updates.length;
	const nth = Math.max(1, steps.length);
	const last = steps.at(-1);
	if (!last) return lang === 'ja' ? '更新を開始します。' : 'The update begins.';
	if (last.state === 'intended')
		return lang === 'ja'
			? `更新 ${nth}/${of} を Google に依頼しました。`
			: `Update ${nth} of ${of} was asked of Google.`;
	return lang === 'ja'
		? `更新 ${nth}/${of} を実行中です。数分から数十分かかります。`
		: `Update ${nth} of ${of} is under way; it takes minutes, sometimes half an hour.`;
}
