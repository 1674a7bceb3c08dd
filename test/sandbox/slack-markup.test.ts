import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { markupElements } from '../../src/sandbox/slack/page/markup.ts';

/** Slack's markup, as the page shows it. */

const section = (...elements: object[]): object[] => [{ type: 'rich_text_section', elements }];
const text = (words: string, ...styles: string[]): object => ({
	type: 'text',
	text: words,
	...(styles.length === 0 ? {} : { style: Object.fromEntries(styles.map((one) => [one, true])) }),
});

describe('markupElements', () => {
	test.each([
		['*bold* and _italic_', section(text('bold', 'bold'), text(' and '), text('italic', 'italic'))],
		['*all _of_ it*', section(text('all ', 'bold'), text('of', 'bold', 'italic'), text(' it', 'bold'))],
		['a_b_c 5 * 3 * 2 __init__.py', section(text('a_b_c 5 * 3 * 2 __init__.py'))],
		['manual__2026-11-24T09:14:00+00:00', section(text('manual__2026-11-24T09:14:00+00:00'))],
		['`a *b* &lt;`', section(text('a *b* <', 'code'))],
		['（*太字*）', section(text('（'), text('太字', 'bold'), text('）'))],
		[':tada: done', section({ type: 'emoji', name: 'tada' }, text(' done'))],
		[
			'<@U1> &amp; <!here>',
			section({ type: 'user', user_id: 'U1' }, text(' & '), { type: 'broadcast', range: 'here' }),
		],
		['<https://a.example/x?a=1&amp;b=2|go>', section({ type: 'link', url: 'https://a.example/x?a=1&b=2', text: 'go' })],
		['<javascript:alert(1)|go>', section(text('<javascript:alert(1)|go>'))],
		['&lt;!channel&gt;', section(text('<!channel>'))],
		[
			'<!date^1795000000^{date_short} {time}|then>',
			section({ type: 'date', timestamp: 1795000000, format: '{date_short} {time}', fallback: 'then' }),
		],
		[
			'see:\n```*a*\nb```',
			[...section(text('see:\n')), { type: 'rich_text_preformatted', elements: [text('*a*\nb')] }],
		],
		['&gt; said\nnot', [{ type: 'rich_text_quote', elements: [text('said')] }, ...section(text('not'))]],
	])('%s', (markup, expected) => {
		expect(markupElements(markup)).toEqual(expected);
	});

	test('escaped text is shown as it is, whatever it holds', () => {
		fc.assert(
			fc.property(fc.string({ unit: fc.constantFrom('<', '>', '&', '!', '@', '|', 'a', ' ', '#') }), (raw) => {
				const escaped = raw.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
				const shown = markupElements(`x${escaped}`);
				expect(shown).toEqual(section(text(`x${raw}`)));
			}),
		);
	});
});
