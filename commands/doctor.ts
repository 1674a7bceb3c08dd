import type { Checkup } from '../src/deps.ts';
import { mask } from '../src/domain/mask.ts';
import type { Line, Part } from '../src/domain/reply.ts';
import { clip } from '../src/domain/text.ts';
import { defineCommand } from './define.ts';
import { noMore } from './ids.ts';
import { withCode } from '../src/domain/with-code.ts';
import { splitWords, takeOptions } from './words.ts';

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
		const well = checks.filter(({ ok }) => ok);
		const parts: Part[] = [
			{
				kind: 'title',
				icon: ill.length === 0 ? '🩺' : '🤒',
				line: [
					ill.length === 0
						? ja
							? 'すべて正常です'
							: 'All is well'
						: ja
							? `${checks.length} 件中 ${ill.length} 件に問題があります`
							: `${ill.length} of ${checks.length} ${checks.length === 1 ? 'check' : 'checks'} found something`,
				],
			},
		];
		for (const check of ill) {
			parts.push({ kind: 'text', line: ['❌ ', ...said(check, lang)] });
			if (check.mend) parts.push({ kind: 'text', line: ['      → ', ...withCode(clip(mask(check.mend[lang]), 800))] });
		}
		if (well.length > 0) parts.push({ kind: 'list', items: well.map((check) => ['✅ ', ...said(check, lang)]) });
		return { reply: { parts, to: 'asker' } };
	},
});

const said = ({ what, found }: Checkup, lang: 'en' | 'ja'): Line => [
	{ bold: what },
	lang === 'ja' ? '： ' : ': ',
	...withCode(clip(mask(found[lang]), 600)),
];
