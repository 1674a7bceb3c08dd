import { describe, expect, test } from '@jest/globals';
import { Resvg } from '@resvg/resvg-js';
import { writeFileSync } from 'node:fs';
import { advise } from '../../src/scaling/advise.ts';
import { chartAlt, chartBlocks, chartPng, chartSvg, FONT } from '../../src/scaling/chart.ts';
import { readHistory } from '../../src/scaling/history.ts';
import { buildLoad } from '../../src/scaling/load.ts';
import { overTime, type OverTime } from '../../src/scaling/over-time.ts';
import { makeHistory, PLANTED } from './make-histories.ts';

function planted(): OverTime {
	const history = readHistory(makeHistory({ ...PLANTED['pool-bottleneck'], days: 2 }));
	const { suggestion } = advise(history);
	if (!suggestion) throw new Error('nothing suggested');
	const pools = Object.fromEntries(history.pools.map(({ name, slots }) => [name, slots]));
	return overTime(history, buildLoad(history), { ...suggestion.plan, pools }, suggestion.plan);
}
const over = planted();

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

	test('keeps within what Slack takes', () => {
		for (const lang of ['en', 'ja'] as const) {
			const blocks = chartBlocks(over, lang);
			expect(blocks).toHaveLength(2);
			for (const { title, chart } of blocks) {
				expect(title.length).toBeLessThanOrEqual(50);
				const { categories } = chart.axis_config;
				expect(categories.length).toBeLessThanOrEqual(20);
				expect(new Set(categories).size).toBe(categories.length);
				expect(Math.max(...categories.map((each) => each.length))).toBeLessThanOrEqual(20);
				for (const { data } of chart.series) expect(data.map(({ label }) => label)).toEqual(categories);
			}
		}
	});

	test('has a glyph for every character of both languages', () => {
		const missing = pixels('\u{13000}');
		const chars = (['en', 'ja'] as const).flatMap((lang) => [...chartSvg(over, lang).replace(/<[^>]*>/g, '')]);
		const lost = [...new Set(chars)].filter(
			(char) => char.trim() !== '' && [missing, pixels(' ')].includes(pixels(char)),
		);
		expect(lost).toEqual([]);
		// The check sees what is missing.
		expect(pixels('\u{13001}')).toBe(missing);
	});

	test('is a PNG of that size', async () => {
		const png = Buffer.from(await chartPng(over, 'ja'));
		expect(png.subarray(1, 4).toString('latin1')).toBe('PNG');
		expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([900, 460]);
		if (process.env['CHART_TO']) writeFileSync(process.env['CHART_TO'], png);
	});

	test('can be told in words', () => {
		expect(chartAlt(over, 'en')).toMatch(/Longest p95 wait \d/);
		expect(chartAlt(over, 'ja')).not.toMatch(/NaN|Infinity/);
	});
});
