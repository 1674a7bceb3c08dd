import { fileURLToPath } from 'node:url';
import type { Lang } from '../domain/text.ts';
import type { OverTime } from './over-time.ts';

/** Slack's own chart. Source: its data_visualization block: title 50, series 6, categories 20, label 20 characters; two a message. */
export type ChartBlock = {
	type: 'data_visualization';
	title: string;
	chart: {
		type: 'line';
		series: { name: string; data: { label: string; value: number }[] }[];
		axis_config: { categories: string[]; x_label: string; y_label: string };
	};
};

const WORDS = {
	wait: { en: 'Wait for the start, p95 (s)', ja: '開始待ち時間 p95（秒）' },
	workers: { en: 'Workers', ja: 'ワーカー数' },
	before: { en: 'as it is', ja: '現状' },
	after: { en: 'after the change', ja: '変更後' },
	time: { en: 'Time (UTC)', ja: '日時（UTC）' },
} as const;

type Series = { title: string; before: readonly number[]; after: readonly number[] };

function panels({ waitSeconds, workers }: OverTime, lang: Lang): Series[] {
	return [
		{ title: WORDS.wait[lang], ...waitSeconds },
		{ title: WORDS.workers[lang], ...workers },
	];
}

/** `11-16 08:00`, each only once. */
const label = (ms: number): string => new Date(ms).toISOString().slice(5, 16).replace('T', ' ');

/** Two blocks: queue wait, and workers. */
export function chartBlocks(over: OverTime, lang: Lang): ChartBlock[] {
	const categories = over.at.map(label);
	return panels(over, lang).map(({ title, before, after }) => ({
		type: 'data_visualization',
		title,
		chart: {
			type: 'line',
			series: [
				{ name: WORDS.before[lang], data: points(categories, before) },
				{ name: WORDS.after[lang], data: points(categories, after) },
			],
			axis_config: { categories, x_label: WORDS.time[lang], y_label: title },
		},
	}));
}

const points = (categories: readonly string[], values: readonly number[]): { label: string; value: number }[] =>
	categories.map((category, i) => ({ label: category, value: values[i] ?? 0 }));

const WIDTH = 900;
const PANEL = 230;
const LEFT = 70;
const RIGHT = 50;
const TOP = 56;
const BOTTOM = 40;
/** Told apart by people who do not see red and green apart, and by their dashes in print. */
const COLOURS = { before: '#d55e00', after: '#0072b2' } as const;

/** Both panels as one SVG. Every text in it is ours: no name from outside gets in. */
export function chartSvg(over: OverTime, lang: Lang): string {
	const parts: string[] = [];
	panels(over, lang).forEach((panel, i) => parts.push(drawn(panel, over.at, i * PANEL, lang)));
	const height = 2 * PANEL;
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="BIZ UDPGothic" font-size="13">`,
		`<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
		...parts,
		'</svg>',
	].join('');
}

function drawn({ title, before, after }: Series, at: readonly number[], top: number, lang: Lang): string {
	const most = niceTop(Math.max(1, ...before, ...after));
	const x = (i: number): number => LEFT + (i * (WIDTH - LEFT - RIGHT)) / Math.max(1, at.length - 1);
	const y = (value: number): number => top + TOP + (1 - value / most) * (PANEL - TOP - BOTTOM);
	const line = (values: readonly number[], colour: string, dash: string): string =>
		`<polyline fill="none" stroke="${colour}" stroke-width="2.5"${dash} points="${values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(' ')}"/>`;
	const text = (tx: number, ty: number, words: string, more = ''): string =>
		`<text x="${tx}" y="${ty}" fill="#333333"${more}>${words}</text>`;
	const parts = [text(LEFT, top + 24, title, ' font-size="16"')];
	for (const share of [0, 0.5, 1]) {
		const at = y(most * share).toFixed(1);
		parts.push(`<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}" stroke="#dddddd"/>`);
		parts.push(text(LEFT - 8, Number(at) + 4, String(most * share), ' text-anchor="end"'));
	}
	const every = Math.ceil(at.length / 7);
	at.forEach((ms, i) => {
		if (i % every === 0) parts.push(text(x(i), top + PANEL - 14, label(ms), ' text-anchor="middle" font-size="11"'));
	});
	const keys = [
		[WORDS.before[lang], COLOURS.before, ''],
		[WORDS.after[lang], COLOURS.after, ' stroke-dasharray="7 4"'],
	] as const;
	keys.forEach(([words, colour, dash], i) => {
		const kx = WIDTH - RIGHT - 310 + i * 150;
		parts.push(
			`<line x1="${kx}" x2="${kx + 26}" y1="${top + 19}" y2="${top + 19}" stroke="${colour}" stroke-width="2.5"${dash}/>`,
		);
		parts.push(text(kx + 32, top + 24, words));
	});
	return [...parts, line(before, COLOURS.before, ''), line(after, COLOURS.after, ' stroke-dasharray="7 4"')].join('');
}

/** 1, 2 or 5 times a power of ten, not below the value. */
function niceTop(value: number): number {
	const power = 10 ** Math.floor(Math.log10(value));
	return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

/** The regular face of BIZ UDPGothic: Latin and Japanese in one TrueType file (resvg draws nothing with woff). */
export const FONT = fileURLToPath(
	import.meta.resolve('@expo-google-fonts/biz-udpgothic/400Regular/BIZUDPGothic_400Regular.ttf'),
);

/** For clients and workspaces without Slack's chart block. The fonts of the machine play no part, so it looks alike everywhere. */
export async function chartPng(over: OverTime, lang: Lang): Promise<Uint8Array> {
	// Loaded here only: most of what is advised is never drawn.
	const { renderAsync } = await import('@resvg/resvg-js');
	const image = await renderAsync(chartSvg(over, lang), {
		font: { fontFiles: [FONT], loadSystemFonts: false, defaultFontFamily: 'BIZ UDPGothic' },
	});
	return image.asPng();
}

/** For a screen reader and where neither chart nor picture can be shown. */
export function chartAlt({ waitSeconds, workers }: OverTime, lang: Lang): string {
	const most = (values: readonly number[]): number => Math.max(0, ...values);
	return lang === 'ja'
		? `開始待ち時間 p95 の最大は現状 ${most(waitSeconds.before)} 秒、変更後 ${most(waitSeconds.after)} 秒。ワーカー数の最大は現状 ${most(workers.before)}、変更後 ${most(workers.after)}。`
		: `Longest p95 wait ${most(waitSeconds.before)} s as it is, ${most(waitSeconds.after)} s after the change; at most ${most(workers.before)} workers as it is, ${most(workers.after)} after.`;
}
