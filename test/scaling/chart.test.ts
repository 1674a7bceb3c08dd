import { describe, expect, test } from '@jest/globals';
import { Resvg } from '@resvg/resvg-js';
import { writeFileSync } from 'node:fs';
import { chartPng, chartSvg, FONT } from '../../src/domain/picture.ts';
import { advise } from '../../src/scaling/advise.ts';
import { chartAlt, charts } from '../../src/scaling/chart.ts';
import { readHistory } from '../../src/scaling/history.ts';
import { buildLoad } from '../../src/scaling/load.ts';
import { overTime, type OverTime } from '../../src/scaling/over-time.ts';
import { render } from '../../src/slack/render.ts';
import { makeHistory, PLANTED } from './make-histories.ts';

function planted(): OverTime {
	const history = readHistory(makeHistory({ ...PLANTED['pool-bottleneck'], days: 2 }));
	const { suggestion } = advise(history);
	if (!suggestion) throw new Error('nothing suggested');
	const pools = Object.fromEntries(history.pools.map(({ name, slots }) => [name, slots]));
	return overTime(history, buildLoad(history), { ...suggestion.plan, pools }, suggestion.plan);
}
const over = planted();
const both = charts(over, 'ja');

/** What the font draws for one character. */
function pixels(char: string): string {
	const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><text x="4" y="30" font-size="28" font-family="BIZ UDPGothic">${char}</text></svg>`;
	const image = new Resvg(svg, { font: { fontFiles: [FONT], loadSystemFonts: false } }).render();
	return Buffer.from(image.pixels).toString('base64');
}

describe('the chart', () => {
	test('shows a shorter wait after the change', () => {
		expect(Math.max(...over.waitSeconds.after)).toBeLessThan(Math.max(...over.waitSeconds.before));
	});

	test('keeps within what Slack takes', async () => {
		for (const lang of ['en', 'ja'] as const) {
			const parts = charts(over, lang).map((chart) => ({ kind: 'chart' as const, chart }));
			const { blocks } = await render({ parts: [...parts, ...parts], to: 'channel' }, lang, async (words) => words);
			expect(blocks.map(({ type }) => type)).toEqual(['data_visualization', 'data_visualization']);
			for (const { title, categories, series } of charts(over, lang)) {
				expect(title.length).toBeLessThanOrEqual(50);
				expect(categories.length).toBeLessThanOrEqual(20);
				expect(new Set(categories).size).toBe(categories.length);
				expect(Math.max(...categories.map((each) => each.length))).toBeLessThanOrEqual(20);
				for (const { values } of series) expect(values).toHaveLength(categories.length);
			}
		}
	});

	test('has a glyph for every character of both languages', () => {
		const missing = pixels('\u{13000}');
		const drawn = (['en', 'ja'] as const).flatMap((lang) => charts(over, lang).map(chartSvg));
		const chars = [...drawn.join('').replace(/<[^>]*>/g, ''), ...'0123456789.-: '];
		const lost = [...new Set(chars)].filter(
			(char) => char.trim() !== '' && [missing, pixels(' ')].includes(pixels(char)),
		);
		expect(lost).toEqual([]);
		// The check sees what is missing.
		expect(pixels('\u{13001}')).toBe(missing);
	});

	test('is a PNG of that size, whatever its texts hold', async () => {
		const [chart] = both;
		if (!chart) throw new Error('no chart');
		const hostile = { ...chart, title: '</text><script>"&', series: [{ name: '<x>', values: [1, 2] }] };
		for (const each of [chart, hostile, { ...chart, categories: [], series: [] }]) {
			const png = Buffer.from(await chartPng(each));
			expect(png.subarray(1, 4).toString('latin1')).toBe('PNG');
			expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([900, 260]);
		}
		if (process.env['CHART_TO']) writeFileSync(process.env['CHART_TO'], await chartPng(chart));
	});

	test('can be told in words', () => {
		expect(chartAlt(over, 'en')).toMatch(/Longest p95 wait \d/);
		expect(chartAlt(over, 'ja')).not.toMatch(/NaN|Infinity/);
	});
});
