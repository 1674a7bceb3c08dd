import type { Content } from '../clients/store.ts';
import type { Button, Cell, Chart, Line, Part, Reply, Span } from '../domain/reply.ts';
import { clip, visible, type Lang, type Text } from '../domain/text.ts';

/** Keeps words that fit no button and answers with a short key for them (`store.keepWords`). */
export type Keep = (words: string) => Promise<string>;

type Json = Record<string, unknown>;
type RichElement = { type: string; style?: string; elements: Json[] };

/**
 * Slack's limits. Blocks: 50 a message. Text: chat.postMessage fails at about 13,200 characters over all blocks, which is
 * documented nowhere (bolt-js #2509). Table: 100 × 20 and 10,000 characters. Buttons: 25 in one block. Charts: two a message.
 */
const MOST = {
	blocks: 50,
	text: 12_000,
	element: 3000,
	rows: 100,
	columns: 20,
	table: 9000,
	cell: 300,
	buttons: 25,
	items: 100,
	charts: 2,
	chartTitle: 50,
	series: 6,
	categories: 20,
	label: 20,
};
/** Of the budget, what buttons and the last remark may take. */
const RESERVE = 1000;
const FALLBACK = 1000;

const CUT: Text = {
	en: '… the rest does not fit into one message.',
	ja: '… 1 件のメッセージに収まらないため省略しました。',
};

/** Every button that stands for words has an action id that begins so; links have another. */
export const ACTION = 'dag';
const LINK = 'link';

/**
 * What the bot says as Slack takes it. Foreign text lands only in `plain_text`, `rich_text` and table cells, where nothing is
 * markup; the fallback `text`, which is mrkdwn, is escaped and holds no address and no mention. Stays within every limit,
 * whatever the reply holds.
 */
export async function render(reply: Reply, lang: Lang, keep: Keep): Promise<Content> {
	const buttons = reply.parts.flatMap((part) => (part.kind === 'buttons' ? part.buttons : []));
	const rows = await buttonRows(buttons.slice(0, MOST.buttons), keep);
	const page = newPage(MOST.text - RESERVE - textOf(rows), MOST.blocks - rows.length - 1);
	for (const part of reply.parts) addPart(page, part);
	if (page.cut) page.blocks.push(context(CUT[lang]));
	return { text: fallback(reply), blocks: [...page.blocks, ...rows] };
}

/** The words a button stands for, as typed after `/dag`; undefined: it stands for none, or they were kept too long ago. */
export async function wordsOf(
	action: { action_id: string; value?: string | undefined },
	load: (short: string) => Promise<string | undefined>,
): Promise<string | undefined> {
	if (!action.action_id.startsWith(`${ACTION}:`) || action.value === undefined) return undefined;
	const short = /^kept:([0-9a-f]{8,64})$/.exec(action.value)?.[1];
	return short === undefined ? action.value : load(short);
}

type Page = {
	blocks: Json[];
	/** Elements of the rich text block that is being filled; undefined: none is. */
	open: RichElement[] | undefined;
	left: number;
	blocksLeft: number;
	tables: number;
	charts: number;
	cut: boolean;
};

const newPage = (left: number, blocksLeft: number): Page => ({
	blocks: [],
	open: undefined,
	left,
	blocksLeft,
	tables: 0,
	charts: 0,
	cut: false,
});

function addPart(page: Page, part: Part): void {
	switch (part.kind) {
		case 'title': {
			page.open = undefined;
			const icon = part.icon === undefined ? [] : [`${part.icon}  `];
			addRich(page, section(page, [...icon, ...part.line], { bold: true }));
			page.open = undefined;
			return;
		}
		case 'text':
			return addRich(page, section(page, part.line));
		case 'fields':
			for (const [label, line] of part.fields) addRich(page, section(page, [{ bold: label }, '  ', ...line]));
			return;
		case 'list':
			return addRich(page, list(page, part.items));
		case 'code':
			return addRich(page, preformatted(page, part.text));
		case 'table':
			return addTable(page, part);
		case 'chart':
			return addChart(page, part.chart);
		case 'note':
			return addNote(page, part.line);
		case 'buttons':
			return;
	}
}

/** Puts an element into the rich text block that is open, or opens one. Lines that follow each other are one section. */
function addRich(page: Page, element: RichElement | undefined): void {
	if (!element) return;
	if (page.open) {
		const last = page.open.at(-1);
		if (last?.type === 'rich_text_section' && element.type === 'rich_text_section') {
			last.elements.push({ type: 'text', text: '\n' }, ...element.elements);
			page.left--;
		} else page.open.push(element);
		return;
	}
	const elements = [element];
	if (addBlock(page, { type: 'rich_text', elements })) page.open = elements;
}

function addBlock(page: Page, block: Json): boolean {
	page.open = undefined;
	if (page.blocksLeft <= 0) {
		page.cut = true;
		return false;
	}
	page.blocksLeft--;
	page.blocks.push(block);
	return true;
}

/** As much of a text as still fits. */
function spend(page: Page, text: string, most = MOST.element): string {
	const safe = visible(text);
	if (safe === '') return '';
	if (page.left <= 0) {
		page.cut = true;
		return '';
	}
	const shown = clip(safe, Math.min(most, page.left));
	if (shown !== safe && page.left <= most) page.cut = true;
	page.left -= [...shown].length;
	return shown;
}

function section(page: Page, line: Line, style: { bold?: true } = {}): RichElement | undefined {
	const elements = line.flatMap((span): Json[] => {
		const made = element(page, span, style);
		return made ? [made] : [];
	});
	return elements.length === 0 ? undefined : { type: 'rich_text_section', elements };
}

function element(page: Page, span: Span, style: { bold?: true }): Json | undefined {
	const literal = (text: string, more: { bold?: true; code?: true } = {}): Json | undefined => {
		const shown = spend(page, text);
		if (shown === '') return undefined;
		const own = { ...style, ...more };
		return { type: 'text', text: shown, ...(Object.keys(own).length === 0 ? {} : { style: own }) };
	};
	if (typeof span === 'string') return literal(span);
	if ('bold' in span) return literal(span.bold, { bold: true });
	if ('code' in span) return literal(span.code, { code: true });
	if ('link' in span) {
		const url = webAddress(span.link);
		const label = spend(page, span.label || span.link, 300);
		if (label === '') return undefined;
		return url === undefined ? { type: 'text', text: label } : { type: 'link', url, text: label };
	}
	if ('user' in span) {
		if (span.notify && /^[UW][A-Z0-9]{2,20}$/.test(span.user)) return { type: 'user', user_id: span.user };
		if (span.notify && /^S[A-Z0-9]{2,20}$/.test(span.user)) return { type: 'usergroup', usergroup_id: span.user };
		return literal(`@${span.name ?? span.user}`, { bold: true });
	}
	const at = Date.parse(span.time);
	if (Number.isNaN(at)) return literal(span.time);
	const utc = utcText(at);
	page.left -= utc.length;
	return {
		type: 'date',
		timestamp: Math.floor(at / 1000),
		format: '{date_short_pretty} {time}',
		fallback: utc,
		...(style.bold ? { style } : {}),
	};
}

function list(page: Page, items: readonly Line[]): RichElement | undefined {
	const elements: Json[] = [];
	for (const item of items) {
		if (page.left <= 0 || elements.length === MOST.items) {
			page.cut = true;
			break;
		}
		const made = section(page, item);
		if (made) elements.push(made);
	}
	return elements.length === 0 ? undefined : { type: 'rich_text_list', style: 'bullet', elements };
}

function preformatted(page: Page, text: string): RichElement | undefined {
	const shown = spend(page, text.replace(/\n+$/, ''));
	return shown === '' ? undefined : { type: 'rich_text_preformatted', elements: [{ type: 'text', text: shown }] };
}

function addTable(page: Page, { head, rows }: Extract<Part, { kind: 'table' }>): void {
	const all: Cell[][] = [head, ...rows].map((row) => row.slice(0, MOST.columns));
	if (head.length === 0 || all.length === 1) return;
	// One table a message: further ones are set as text.
	if (page.tables > 0)
		return addRich(page, preformatted(page, all.map((row) => row.map(cellText).join('  ')).join('\n')));
	const budget = Math.min(MOST.table, page.left);
	let used = 0;
	const made: Json[][] = [];
	for (const row of all.slice(0, MOST.rows)) {
		const cells = Array.from({ length: Math.min(head.length, MOST.columns) }, (_, i) => tableCell(row[i] ?? ''));
		const length = cells.reduce((sum, cell) => sum + cell.length, 0);
		if (used + length > budget) break;
		used += length;
		made.push(cells.map(({ json }) => json));
	}
	if (made.length < all.length) page.cut = true;
	if (made.length < 2) return;
	if (!addBlock(page, { type: 'table', rows: made })) return;
	page.tables++;
	page.left -= used;
}

function tableCell(cell: Cell): { json: Json; length: number } {
	if (typeof cell === 'string') {
		// An empty cell is refused.
		const text = clip(visible(cell), MOST.cell) || ' ';
		return { json: { type: 'raw_text', text }, length: [...text].length };
	}
	const own = newPage(MOST.cell, 1);
	const line = section(own, cell);
	if (!line) return tableCell('');
	return { json: { type: 'rich_text', elements: [line] }, length: MOST.cell - own.left };
}

const cellText = (cell: Cell): string => (typeof cell === 'string' ? cell : plain(cell));

/** Slack's own chart, as many as a message may hold. Where Slack does not take it, worker/deliver.ts sends a picture. */
function addChart(page: Page, { title, x, y, categories, series }: Chart): void {
	if (page.charts === MOST.charts || categories.length === 0 || series.length === 0) return;
	const labels = categories.slice(0, MOST.categories).map((label) => clip(visible(label), MOST.label));
	const block = {
		type: 'data_visualization',
		title: clip(visible(title), MOST.chartTitle),
		chart: {
			type: 'line',
			series: series.slice(0, MOST.series).map(({ name, values }) => ({
				name: clip(visible(name), MOST.label),
				data: labels.map((label, i) => ({ label, value: values[i] ?? 0 })),
			})),
			axis_config: {
				categories: labels,
				x_label: clip(visible(x), MOST.chartTitle),
				y_label: clip(visible(y), MOST.chartTitle),
			},
		},
	};
	if (addBlock(page, block)) page.charts++;
}

/** Small print. Context takes no rich text, so that a line with a time or a link is set in the size of the rest. */
function addNote(page: Page, line: Line): void {
	if (line.some((span) => typeof span === 'object' && ('link' in span || 'time' in span || 'user' in span)))
		return addRich(page, section(page, line));
	const text = spend(page, plain(line), 2000);
	if (text !== '') addBlock(page, context(text));
}

// `emoji: false`, because `:name:` would become a picture.
const plainText = (text: string): Json => ({ type: 'plain_text', text, emoji: false });
const context = (text: string): Json => ({ type: 'context', elements: [plainText(text)] });

type AnyButton = Button | { label: string; url: string };

async function buttonRows(buttons: readonly AnyButton[], keep: Keep): Promise<Json[]> {
	const made: Json[] = [];
	for (const [i, button] of buttons.entries()) {
		const text = plainText(clip(visible(button.label), 75).trim() || '…');
		if ('url' in button) {
			const url = webAddress(button.url);
			if (url !== undefined) made.push({ type: 'button', action_id: `${LINK}:${i}`, text, url });
			continue;
		}
		const words = `${button.verb} ${button.words}`.trim();
		const value = words.length <= 2000 && !words.startsWith('kept:') ? words : `kept:${await keep(words)}`;
		made.push({
			type: 'button',
			action_id: `${ACTION}:${i}`,
			text,
			value,
			...(button.style === undefined ? {} : { style: button.style }),
			...(button.confirm === undefined ? {} : { confirm: confirmation(button.confirm) }),
		});
	}
	return made.length === 0 ? [] : [{ type: 'actions', elements: made }];
}

function confirmation({ title, text, yes, no }: NonNullable<Button['confirm']>): Json {
	const fitting = (said: string, most: number) => plainText(clip(visible(said), most) || '…');
	return { title: fitting(title, 100), text: fitting(text, 300), confirm: fitting(yes, 30), deny: fitting(no, 30) };
}

/** An address that may be linked: http or https, as the URL parser writes it, so that nothing in it is markup. */
export function webAddress(text: string): string | undefined {
	const url = URL.parse(text);
	if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.username || url.password) return undefined;
	return url.href.length <= 3000 ? url.href : undefined;
}

function textOf(value: unknown): number {
	if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + textOf(item), 0);
	if (typeof value !== 'object' || value === null) return 0;
	let sum = 0;
	for (const [key, item] of Object.entries(value))
		sum += key === 'text' && typeof item === 'string' ? [...item].length : textOf(item);
	return sum;
}

/** What notifications and screen readers get: the title and the first line after it. */
function fallback(reply: Reply): string {
	const lines = reply.parts.flatMap((part) => {
		if (part.kind === 'title') return [`${part.icon === undefined ? '' : `${part.icon} `}${plain(part.line)}`];
		return part.kind === 'text' || part.kind === 'note' ? [plain(part.line)] : [];
	});
	return escapeMrkdwn(clip(visible(lines.slice(0, 2).join('\n')), FALLBACK)) || 'Concertmaster';
}

/** Text that is literal in mrkdwn: no entity, no address or name that Slack would make live by itself. */
export function escapeMrkdwn(text: string): string {
	return text
		.replaceAll('&', '&amp;')
		.replaceAll('<', '&lt;')
		.replaceAll('>', '&gt;')
		.replace(/(?<=[\w:])(?=\/\/)|(?<=@)(?=\w)|(?<=mailto:|tel:)/gi, '\u2060');
}

function plain(line: Line): string {
	return line
		.map((span) => {
			if (typeof span === 'string') return span;
			if ('bold' in span) return span.bold;
			if ('code' in span) return span.code;
			if ('link' in span) return span.label;
			if ('user' in span) return `@${span.name ?? span.user}`;
			const at = Date.parse(span.time);
			return Number.isNaN(at) ? span.time : utcText(at);
		})
		.join('');
}

const utcText = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
