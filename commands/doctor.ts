import type { Checkup } from '../src/deps.ts';
import { mask } from '../src/domain/mask.ts';
import type { Line, Part } from '../src/domain/reply.ts';
import { clip } from '../src/domain/text.ts';
import { defineCommand } from './define.ts';
import { noMore } from './_parts/ids.ts';
import { withCode } from '../src/domain/with-code.ts';
import { splitWords, takeOptions } from './_parts/words.ts';

export default defineCommand<undefined>({
	name: 'doctor',
	summary: {
		en: 'What the bot itself can and cannot see, and who can mend it.',
		ja: 'ボット自身が参照できるもの・できないものと、その対処方法を表示します。',
	},
	group: 'bot',
	usage: '',
	examples: [{ words: 'doctor', means: { en: 'check everything', ja: 'すべて確認する' } }],
	role: 'viewer',
	anywhere: true,
	parse(words) {
		noMore(takeOptions(splitWords(words), {}).rest);
		return undefined;
	},
	async run(_args, { deps, asker }) {
		const { lang } = asker;
		const ja = lang === 'ja';
		const checks = await deps.checkups();
		const ill = checks.filter(({ ok }) => !ok);
		const blind = checks.filter(({ ok, partly }) => ok && partly);
		const well = checks.filter(({ ok, partly }) => ok && !partly);
		const parts: Part[] = [title(ill.length, blind.length, ja)];
		for (const check of [...ill, ...blind]) {
			parts.push({ kind: 'text', line: [check.ok ? '⚠️ ' : '❌ ', ...said(check, lang)] });
			if (check.mend) parts.push({ kind: 'text', line: ['      → ', ...withCode(clip(mask(check.mend[lang]), 800))] });
		}
		if (well.length > 0) parts.push({ kind: 'list', items: well.map((check) => ['✅ ', ...said(check, lang)]) });
		return { reply: { parts, to: 'asker' } };
	},
});

function title(ill: number, blind: number, ja: boolean): Part {
	const faults = ja ? `${ill} 件の問題があります` : `${ill} ${ill === 1 ? 'thing does' : 'things do'} not work`;
	const gaps = ja ? `参照できない項目が ${blind} 件あります` : `${blind} ${blind === 1 ? 'blind spot' : 'blind spots'}`;
	if (ill > 0) return { kind: 'title', icon: '🤒', line: [blind > 0 ? `${faults}${ja ? '。' : ', '}${gaps}` : faults] };
	if (blind > 0)
		return { kind: 'title', icon: '🩹', line: [ja ? `動作していますが、${gaps}` : `Everything works, with ${gaps}`] };
	return { kind: 'title', icon: '🩺', line: [ja ? 'すべて正常です' : 'All is well'] };
}

const said = ({ what, found }: Checkup, lang: 'en' | 'ja'): Line => [
	{ bold: what },
	lang === 'ja' ? '： ' : ': ',
	...withCode(clip(mask(found[lang]), 600)),
];
