import { fileURLToPath } from 'node:url';
import type { Chart } from './reply.ts';

const WIDTH = 900;
const HEIGHT = 260;
const [LEFT, RIGHT, TOP, BOTTOM] = [70, 50, 56, 40];
/** Told apart by people who do not see red and green apart, and by their dashes in print. Source: Okabe and Ito's palette. */
const COLOURS = ['#d55e00', '#0072b2', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const DASHES = ['', ' stroke-dasharray="7 4"', ' stroke-dasharray="2 3"'];

/** The regular face of BIZ UDPGothic: Latin and Japanese in one TrueType file (resvg draws nothing with woff). */
export const FONT = fileURLToPath(
	import.meta.resolve('@expo-google-fonts/biz-udpgothic/400Regular/BIZUDPGothic_400Regular.ttf'),
);

/** For workspaces without Slack's chart block. The fonts of the machine play no part, so it looks alike everywhere. */
export async function chartPng(chart: Chart): Promise<Uint8Array> {
	// Loaded here only: most messages are never drawn.
	const { renderAsync } = await import('@resvg/resvg-js');
	const image = await renderAsync(chartSvg(chart), {
		font: { fontFiles: [FONT], loadSystemFonts: false, defaultFontFamily: 'BIZ UDPGothic' },
	});
	return image.asPng();
}

export function chartSvg({ title, categories, series }: Chart): string {
	const most = niceTop(Math.max(1, ...series.flatMap(({ values }) => values)));
	const x = (i: number): number => LEFT + (i * (WIDTH - LEFT - RIGHT)) / Math.max(1, categories.length - 1);
	const y = (value: number): number => TOP + (1 - value / most) * (HEIGHT - TOP - BOTTOM);
	const text = (tx: number, ty: number, words: string, more = ''): string =>
		`<text x="${tx.toFixed(1)}" y="${ty.toFixed(1)}" fill="#333333"${more}>${escaped(words)}</text>`;
	const parts = [text(LEFT, 24, title, ' font-size="16"')];
	for (const share of [0, 0.5, 1]) {
		const at = y(most * share).toFixed(1);
		parts.push(`<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}" stroke="#dddddd"/>`);
		parts.push(text(LEFT - 8, Number(at) + 4, String(most * share), ' text-anchor="end"'));
	}
	const every = Math.ceil(categories.length / 7);
	categories.forEach((label, i) => {
		if (i % every === 0) parts.push(text(x(i), HEIGHT - 14, label, ' text-anchor="middle" font-size="11"'));
	});
	series.forEach(({ name, values }, i) => {
		const stroke = `stroke="${COLOURS[i % COLOURS.length]}" stroke-width="2.5"${DASHES[i % DASHES.length]}`;
		const kx = WIDTH - RIGHT - 160 * (series.length - i);
		parts.push(`<line x1="${kx}" x2="${kx + 26}" y1="40" y2="40" ${stroke}/>`);
		parts.push(text(kx + 32, 45, name));
		const points = values.map((value, at) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
		parts.push(`<polyline fill="none" ${stroke} points="${points}"/>`);
	});
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="BIZ UDPGothic" font-size="13">`,
		`<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
		...parts,
		'</svg>',
	].join('');
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (mark) => ENTITIES[mark] ?? mark);

/** 1, 2 or 5 times a power of ten, not below the value. */
function niceTop(value: number): number {
	const power = 10 ** Math.floor(Math.log10(value));
	return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}
