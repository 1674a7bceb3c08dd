import type { Json, JsonObject } from './types.ts';
import { isList, isObject, objectsOf, textOf } from './json.ts';

/**
 * Slack's checks of Block Kit, as far as they are documented: counts, lengths, types, required fields. Limits as in Slack's
 * reference and in the types of @slack/types 3.2; where sources differ, the smaller number.
 */
export type Surface = 'message' | 'modal' | 'home';

/** What Slack puts into `response_metadata.messages`; empty when the blocks are fine. */
export function blockProblems(blocks: Json | undefined, surface: Surface, at = '/blocks'): string[] {
	if (!isList(blocks)) return [`[ERROR] must be an array [json-pointer:${at}]`];
	const problems: string[] = [];
	const most = surface === 'message' ? 50 : 100;
	if (blocks.length > most) problems.push(`[ERROR] no more than ${most} items allowed [json-pointer:${at}]`);
	const ids = new Set<string>();
	let tables = 0;
	let charts = 0;
	blocks.forEach((block, i) => {
		const here = `${at}/${i}`;
		if (!isObject(block)) {
			problems.push(`[ERROR] must be an object [json-pointer:${here}]`);
			return;
		}
		const id = block['block_id'];
		if (id !== undefined) {
			length(problems, id, 255, `${here}/block_id`);
			if (ids.has(textOf(id))) problems.push(`[ERROR] block_id already exists [json-pointer:${here}/block_id]`);
			ids.add(textOf(id));
		}
		if (block['type'] === 'table') tables += 1;
		if (block['type'] === 'data_visualization') charts += 1;
		checkBlock(problems, block, surface, here);
	});
	if (tables > 1) problems.push(`[ERROR] only_one_table_allowed [json-pointer:${at}]`);
	if (charts > 2) problems.push(`[ERROR] no more than 2 data_visualization blocks allowed [json-pointer:${at}]`);
	return problems;
}

// Undocumented, measured by others: chat.postMessage fails with msg_blocks_too_long at about this sum (bolt-js #2509).
export const BLOCK_TEXT_BUDGET = 13_200;

/** Sum of the characters of every text in the blocks. */
export function blockTextLength(blocks: Json | undefined): number {
	if (isList(blocks)) return blocks.reduce<number>((sum, item) => sum + blockTextLength(item), 0);
	if (!isObject(blocks)) return 0;
	let sum = 0;
	for (const [key, value] of Object.entries(blocks)) {
		if (key === 'text' && typeof value === 'string') sum += [...value].length;
		else sum += blockTextLength(value);
	}
	return sum;
}

type Check = (problems: string[], block: JsonObject, at: string, surface: Surface) => void;

const BUTTONS = ['button', 'workflow_button'];
const SELECTS = ['static', 'external', 'users', 'conversations', 'channels'].flatMap((kind) => [
	`${kind}_select`,
	`multi_${kind}_select`,
]);
const PICKERS = ['datepicker', 'timepicker', 'datetimepicker', 'radio_buttons', 'checkboxes'];
const TEXT_INPUTS = ['plain_text_input', 'email_text_input', 'url_text_input', 'number_input'];
const ACCESSORIES = [...BUTTONS, ...SELECTS, ...PICKERS, 'overflow', 'image'];
const IN_ACTIONS = [...BUTTONS, ...SELECTS, ...PICKERS, 'overflow'];
const IN_INPUT = [...SELECTS, ...PICKERS, ...TEXT_INPUTS, 'file_input', 'rich_text_input'];

const BLOCKS: Readonly<Record<string, Check>> = {
	section(problems, block, at) {
		const { text, fields, accessory } = block;
		if (text === undefined && fields === undefined)
			problems.push(`[ERROR] missing required field: text [json-pointer:${at}]`);
		if (text !== undefined) textObject(problems, text, 3000, `${at}/text`);
		if (fields !== undefined) {
			few(problems, fields, 1, 10, `${at}/fields`);
			each(fields, (field, i) => textObject(problems, field, 2000, `${at}/fields/${i}`));
		}
		if (accessory !== undefined) element(problems, accessory, ACCESSORIES, `${at}/accessory`);
	},
	header(problems, block, at) {
		textObject(problems, block['text'], 150, `${at}/text`, true);
	},
	divider() {},
	context(problems, block, at) {
		few(problems, block['elements'], 1, 10, `${at}/elements`);
		each(block['elements'], (item, i) => {
			const here = `${at}/elements/${i}`;
			if (isObject(item) && item['type'] === 'image') image(problems, item, here);
			else textObject(problems, item, 3000, here);
		});
	},
	actions(problems, block, at) {
		few(problems, block['elements'], 1, 25, `${at}/elements`);
		elements(problems, block['elements'], IN_ACTIONS, `${at}/elements`);
	},
	context_actions(problems, block, at, surface) {
		only(problems, surface, ['message'], at);
		few(problems, block['elements'], 1, 5, `${at}/elements`);
		elements(problems, block['elements'], ['feedback_buttons', 'icon_button'], `${at}/elements`);
	},
	input(problems, block, at) {
		textObject(problems, block['label'], 2000, `${at}/label`, true);
		if (block['hint'] !== undefined) textObject(problems, block['hint'], 2000, `${at}/hint`, true);
		element(problems, block['element'], IN_INPUT, `${at}/element`);
	},
	image(problems, block, at) {
		image(problems, block, at);
		if (block['title'] !== undefined) textObject(problems, block['title'], 2000, `${at}/title`, true);
	},
	video(problems, block, at) {
		textObject(problems, block['title'], 200, `${at}/title`, true);
		length(problems, block['author_name'], 50, `${at}/author_name`);
	},
	file(problems, block, at) {
		required(problems, block, ['external_id', 'source'], at);
	},
	markdown(problems, block, at) {
		required(problems, block, ['text'], at);
		length(problems, block['text'], 12_000, `${at}/text`);
	},
	rich_text(problems, block, at) {
		const known = ['rich_text_section', 'rich_text_list', 'rich_text_preformatted', 'rich_text_quote'];
		if (!isList(block['elements'])) problems.push(`[ERROR] missing required field: elements [json-pointer:${at}]`);
		each(block['elements'], (item, i) => {
			richText(problems, item, known, `${at}/elements/${i}`);
		});
	},
	table(problems, block, at) {
		few(problems, block['rows'], 1, 100, `${at}/rows`);
		each(block['rows'], (row, i) => {
			few(problems, row, 1, 20, `${at}/rows/${i}`);
			each(row, (cell, j) =>
				cellProblems(problems, cell, ['raw_text', 'raw_number', 'rich_text'], `${at}/rows/${i}/${j}`),
			);
		});
		if (blockTextLength(block['rows']) > 10_000)
			problems.push(`[ERROR] table text must be less than 10001 characters [json-pointer:${at}/rows]`);
	},
	data_table(problems, block, at) {
		few(problems, block['rows'], 2, 101, `${at}/rows`);
		each(block['rows'], (row, i) => {
			few(problems, row, 1, 20, `${at}/rows/${i}`);
			const kinds = i === 0 ? ['raw_text'] : ['raw_text', 'raw_number', 'rich_text'];
			each(row, (cell, j) => cellProblems(problems, cell, kinds, `${at}/rows/${i}/${j}`));
		});
	},
	data_visualization(problems, block, at) {
		length(problems, block['title'], 50, `${at}/title`);
		const chart = block['chart'];
		if (!isObject(chart) || !['line', 'bar', 'area', 'pie'].includes(textOf(chart['type'])))
			problems.push(`[ERROR] unsupported chart [json-pointer:${at}/chart]`);
	},
	alert(problems, block, at) {
		textObject(problems, block['text'], 3000, `${at}/text`);
		const level = textOf(block['level']);
		if (level !== '' && !['default', 'info', 'warning', 'error', 'success'].includes(level))
			problems.push(`[ERROR] unsupported level [json-pointer:${at}/level]`);
	},
	card(problems, block, at) {
		for (const [key, most] of [
			['title', 150],
			['subtitle', 150],
			['body', 200],
		] as const)
			if (block[key] !== undefined) textObject(problems, block[key], most, `${at}/${key}`);
		if (block['actions'] !== undefined) elements(problems, block['actions'], BUTTONS, `${at}/actions`);
	},
	carousel(problems, block, at, surface) {
		few(problems, block['elements'], 1, 10, `${at}/elements`);
		nested(problems, block['elements'], ['card'], surface, `${at}/elements`);
	},
	container(problems, block, at, surface) {
		if (block['title'] !== undefined) textObject(problems, block['title'], 150, `${at}/title`);
		if (block['subtitle'] !== undefined) textObject(problems, block['subtitle'], 150, `${at}/subtitle`);
		few(problems, block['child_blocks'], 1, 10, `${at}/child_blocks`);
		nested(problems, block['child_blocks'], undefined, surface, `${at}/child_blocks`);
	},
	plan(problems, block, at, surface) {
		only(problems, surface, ['message'], at);
		required(problems, block, ['title'], at);
	},
	task_card(problems, block, at, surface) {
		only(problems, surface, ['message'], at);
		required(problems, block, ['task_id', 'title'], at);
	},
};

function checkBlock(problems: string[], block: JsonObject, surface: Surface, at: string): void {
	const type = textOf(block['type']);
	const check = Object.hasOwn(BLOCKS, type) ? BLOCKS[type] : undefined;
	if (check === undefined) problems.push(`[ERROR] unsupported type: ${type} [json-pointer:${at}/type]`);
	else check(problems, block, at, surface);
}

function nested(
	problems: string[],
	blocks: Json | undefined,
	types: readonly string[] | undefined,
	surface: Surface,
	at: string,
): void {
	each(blocks, (block, i) => {
		if (!isObject(block)) problems.push(`[ERROR] must be an object [json-pointer:${at}/${i}]`);
		else if (types !== undefined && !types.includes(textOf(block['type'])))
			problems.push(`[ERROR] unsupported type: ${textOf(block['type'])} [json-pointer:${at}/${i}/type]`);
		else checkBlock(problems, block, surface, `${at}/${i}`);
	});
}

const ELEMENTS: Readonly<Record<string, (problems: string[], item: JsonObject, at: string) => void>> = {
	button(problems, item, at) {
		textObject(problems, item['text'], 75, `${at}/text`, true);
		length(problems, item['value'], 2000, `${at}/value`);
		length(problems, item['url'], 3000, `${at}/url`);
		length(problems, item['accessibility_label'], 75, `${at}/accessibility_label`);
		const style = item['style'];
		if (style !== undefined && style !== 'primary' && style !== 'danger')
			problems.push(`[ERROR] must be one of: primary, danger [json-pointer:${at}/style]`);
	},
	image,
	overflow(problems, item, at) {
		options(problems, item['options'], 1, 5, `${at}/options`);
	},
	radio_buttons(problems, item, at) {
		options(problems, item['options'], 1, 10, `${at}/options`);
	},
	checkboxes(problems, item, at) {
		options(problems, item['options'], 1, 10, `${at}/options`);
	},
	static_select: staticSelect,
	multi_static_select: staticSelect,
	plain_text_input(problems, item, at) {
		for (const key of ['min_length', 'max_length'] as const) {
			const value = item[key];
			if (typeof value === 'number' && (value < 0 || value > 3000))
				problems.push(`[ERROR] must be less than 3001 [json-pointer:${at}/${key}]`);
		}
		length(problems, item['initial_value'], 3000, `${at}/initial_value`);
	},
	number_input(problems, item, at) {
		required(problems, item, ['is_decimal_allowed'], at);
	},
	file_input(problems, item, at) {
		const most = item['max_files'];
		if (typeof most === 'number' && (most < 1 || most > 10))
			problems.push(`[ERROR] must be between 1 and 10 [json-pointer:${at}/max_files]`);
	},
	icon_button(problems, item, at) {
		required(problems, item, ['icon', 'text'], at);
	},
	feedback_buttons(problems, item, at) {
		required(problems, item, ['positive_button', 'negative_button'], at);
	},
};

function staticSelect(problems: string[], item: JsonObject, at: string): void {
	if (item['option_groups'] !== undefined) {
		few(problems, item['option_groups'], 1, 100, `${at}/option_groups`);
		objectsOf(item['option_groups']).forEach((group, i) => {
			textObject(problems, group['label'], 75, `${at}/option_groups/${i}/label`, true);
			options(problems, group['options'], 1, 100, `${at}/option_groups/${i}/options`);
		});
	} else options(problems, item['options'], 1, 100, `${at}/options`);
}

function elements(problems: string[], items: Json | undefined, types: readonly string[], at: string): void {
	const ids = new Set<string>();
	each(items, (item, i) => {
		element(problems, item, types, `${at}/${i}`);
		const id = isObject(item) ? textOf(item['action_id']) : '';
		if (id === '') return;
		if (ids.has(id)) problems.push(`[ERROR] \`action_id\` "${id}" already exists [json-pointer:${at}/${i}/action_id]`);
		ids.add(id);
	});
}

function element(problems: string[], item: Json | undefined, types: readonly string[], at: string): void {
	if (!isObject(item)) {
		problems.push(`[ERROR] must be an object [json-pointer:${at}]`);
		return;
	}
	const type = textOf(item['type']);
	if (!types.includes(type)) {
		problems.push(`[ERROR] unsupported type: ${type} [json-pointer:${at}/type]`);
		return;
	}
	length(problems, item['action_id'], 255, `${at}/action_id`);
	if (item['placeholder'] !== undefined) textObject(problems, item['placeholder'], 150, `${at}/placeholder`, true);
	if (item['confirm'] !== undefined) confirm(problems, item['confirm'], `${at}/confirm`);
	ELEMENTS[type]?.(problems, item, at);
}

function confirm(problems: string[], value: Json, at: string): void {
	if (!isObject(value)) {
		problems.push(`[ERROR] must be an object [json-pointer:${at}]`);
		return;
	}
	textObject(problems, value['title'], 100, `${at}/title`, true);
	textObject(problems, value['text'], 300, `${at}/text`);
	textObject(problems, value['confirm'], 30, `${at}/confirm`, true);
	textObject(problems, value['deny'], 30, `${at}/deny`, true);
}

export function optionProblems(value: Json | undefined, at = '/options'): string[] {
	const problems: string[] = [];
	options(problems, value, 0, 100, at);
	return problems;
}

function options(problems: string[], value: Json | undefined, least: number, most: number, at: string): void {
	few(problems, value, least, most, at);
	each(value, (option, i) => {
		if (!isObject(option)) {
			problems.push(`[ERROR] must be an object [json-pointer:${at}/${i}]`);
			return;
		}
		textObject(problems, option['text'], 75, `${at}/${i}/text`);
		required(problems, option, ['value'], `${at}/${i}`);
		// The reference has said 150 since 2025; the smaller, older number is still met in practice.
		length(problems, option['value'], 75, `${at}/${i}/value`);
		if (option['description'] !== undefined) textObject(problems, option['description'], 75, `${at}/${i}/description`);
	});
}

const RICH = ['text', 'link', 'user', 'usergroup', 'channel', 'broadcast', 'emoji', 'date', 'color', 'team'];

function richText(problems: string[], item: Json, types: readonly string[], at: string): void {
	if (!isObject(item) || !types.includes(textOf(item['type']))) {
		const type = isObject(item) ? textOf(item['type']) : typeof item;
		problems.push(`[ERROR] unsupported type: ${type} [json-pointer:${at}/type]`);
		return;
	}
	if (!isList(item['elements'])) {
		problems.push(`[ERROR] missing required field: elements [json-pointer:${at}]`);
		return;
	}
	each(item['elements'], (part, i) => {
		const here = `${at}/elements/${i}`;
		if (item['type'] === 'rich_text_list') richText(problems, part, ['rich_text_section'], here);
		else if (!isObject(part) || !RICH.includes(textOf(part['type'])))
			problems.push(`[ERROR] unsupported type [json-pointer:${here}/type]`);
		else if (part['type'] === 'text' && textOf(part['text']) === '')
			problems.push(`[ERROR] must be more than 0 characters [json-pointer:${here}/text]`);
		else if (part['type'] === 'link' && textOf(part['url']) === '')
			problems.push(`[ERROR] missing required field: url [json-pointer:${here}]`);
	});
}

function cellProblems(problems: string[], cell: Json, kinds: readonly string[], at: string): void {
	if (!isObject(cell) || !kinds.includes(textOf(cell['type']))) {
		problems.push(`[ERROR] unsupported type [json-pointer:${at}/type]`);
		return;
	}
	if (cell['type'] === 'rich_text') {
		BLOCKS['rich_text']?.(problems, cell, at, 'message');
	} else if (cell['type'] === 'raw_text' && textOf(cell['text']) === '') {
		problems.push(`[ERROR] must be more than 0 characters [json-pointer:${at}/text]`);
	}
}

function textObject(problems: string[], value: Json | undefined, most: number, at: string, plain = false): void {
	if (!isObject(value)) {
		problems.push(`[ERROR] missing required field: ${at.split('/').at(-1) ?? 'text'} [json-pointer:${at}]`);
		return;
	}
	const type = value['type'];
	if (type !== 'plain_text' && (plain || type !== 'mrkdwn')) {
		problems.push(`[ERROR] unsupported type: ${textOf(type)} [json-pointer:${at}/type]`);
		return;
	}
	if (textOf(value['text']) === '') problems.push(`[ERROR] must be more than 0 characters [json-pointer:${at}/text]`);
	length(problems, value['text'], most, `${at}/text`);
}

function image(problems: string[], value: JsonObject, at: string): void {
	if (value['image_url'] === undefined && value['slack_file'] === undefined)
		problems.push(`[ERROR] missing required field: image_url [json-pointer:${at}]`);
	required(problems, value, ['alt_text'], at);
	length(problems, value['alt_text'], 2000, `${at}/alt_text`);
	length(problems, value['image_url'], 3000, `${at}/image_url`);
}

function required(problems: string[], value: JsonObject, keys: readonly string[], at: string): void {
	for (const key of keys)
		if (value[key] === undefined || value[key] === '')
			problems.push(`[ERROR] missing required field: ${key} [json-pointer:${at}]`);
}

function length(problems: string[], value: Json | undefined, most: number, at: string): void {
	if (typeof value === 'string' && [...value].length > most)
		problems.push(`[ERROR] must be less than ${most + 1} characters [json-pointer:${at}]`);
}

function few(problems: string[], value: Json | undefined, least: number, most: number, at: string): void {
	if (!isList(value)) problems.push(`[ERROR] must be an array [json-pointer:${at}]`);
	else if (value.length < least) problems.push(`[ERROR] no fewer than ${least} items allowed [json-pointer:${at}]`);
	else if (value.length > most) problems.push(`[ERROR] no more than ${most} items allowed [json-pointer:${at}]`);
}

function only(problems: string[], surface: Surface, surfaces: readonly Surface[], at: string): void {
	if (!surfaces.includes(surface)) problems.push(`[ERROR] unsupported on this surface [json-pointer:${at}/type]`);
}

function each(value: Json | undefined, see: (item: Json, index: number) => void): void {
	if (isList(value)) value.forEach(see);
}
