import type { Choice, InputValues, Json, JsonObject } from './types.ts';
import { isList, isObject, numberOf, objectsOf, stringsOf, textOf } from './json.ts';
import { letters } from './random.ts';

/** An element a person can act on, with the block it stands in. */
export type Placed = { block: JsonObject; blockId: string; element: JsonObject; actionId: string; input: boolean };

/** Values by block id and action id, in the form of Slack's `view.state.values`. */
export type State = { readonly [blockId: string]: { readonly [actionId: string]: JsonObject } };

/** Slack gives an id to every block and every acting element that came without one. */
export function withIds(blocks: readonly JsonObject[], random: () => number): JsonObject[] {
	const element = (item: Json | undefined): Json | undefined =>
		isObject(item) && item['action_id'] === undefined && item['type'] !== 'image'
			? { ...item, action_id: letters(random, 5) }
			: item;
	const every = (items: Json | undefined): Json | undefined =>
		isList(items) ? items.map((item) => element(item) ?? item) : items;
	return blocks.map((block) => {
		const own: JsonObject = block['block_id'] === undefined ? { ...block, block_id: letters(random, 5) } : block;
		switch (own['type']) {
			case 'actions':
			case 'context_actions':
				return { ...own, elements: every(own['elements']) };
			case 'section':
				return own['accessory'] === undefined ? own : { ...own, accessory: element(own['accessory']) };
			case 'input':
				return { ...own, element: element(own['element']) };
			case 'card':
				return own['actions'] === undefined ? own : { ...own, actions: every(own['actions']) };
			case 'carousel':
				return { ...own, elements: withIds(objectsOf(own['elements']), random) };
			case 'container':
				return { ...own, child_blocks: withIds(objectsOf(own['child_blocks']), random) };
			default:
				return own;
		}
	});
}

export function placedElements(blocks: readonly JsonObject[]): Placed[] {
	const found: Placed[] = [];
	const add = (block: JsonObject, item: Json | undefined, input = false): void => {
		if (!isObject(item) || item['type'] === 'image') return;
		found.push({
			block,
			blockId: textOf(block['block_id']),
			element: item,
			actionId: textOf(item['action_id']),
			input,
		});
	};
	for (const block of blocks) {
		const type = block['type'];
		if (type === 'actions' || type === 'context_actions')
			for (const item of objectsOf(block['elements'])) add(block, item);
		else if (type === 'section') add(block, block['accessory']);
		else if (type === 'input') add(block, block['element'], true);
		else if (type === 'card') for (const item of objectsOf(block['actions'])) add(block, item);
		else if (type === 'carousel') found.push(...placedElements(objectsOf(block['elements'])));
		else if (type === 'container') found.push(...placedElements(objectsOf(block['child_blocks'])));
	}
	return found;
}

export function findElement(blocks: readonly JsonObject[], actionId: string, blockId?: string): Placed {
	const all = placedElements(blocks);
	const found = all.find((one) => one.actionId === actionId && (blockId === undefined || one.blockId === blockId));
	if (found !== undefined) return found;
	throw new Error(`No element ${actionId}; there are: ${all.map((one) => one.actionId).join(', ') || 'none'}`);
}

export function optionsOf(element: JsonObject): readonly JsonObject[] {
	return [
		...objectsOf(element['options']),
		...objectsOf(element['option_groups']).flatMap((group) => objectsOf(group['options'])),
	];
}

export function choicesOf(options: readonly JsonObject[]): Choice[] {
	return options.map((option) => {
		const text = isObject(option['text']) ? textOf(option['text']['text']) : '';
		const description = isObject(option['description']) ? textOf(option['description']['text']) : undefined;
		return { text, value: textOf(option['value']), ...(description === undefined ? {} : { description }) };
	});
}

/** What the element holds before anybody touched it. */
function initialOf(element: JsonObject): JsonObject {
	const type = textOf(element['type']);
	if (TEXTS.has(type)) return { type, value: textOf(element['initial_value']) || null };
	if (type === 'datepicker') return { type, selected_date: element['initial_date'] ?? null };
	if (type === 'timepicker') return { type, selected_time: element['initial_time'] ?? null };
	if (type === 'datetimepicker') return { type, selected_date_time: element['initial_date_time'] ?? null };
	if (type === 'checkboxes' || type === 'multi_static_select' || type === 'multi_external_select')
		return { type, selected_options: element['initial_options'] ?? [] };
	const many = MANY_IDS[type];
	if (many !== undefined) return { type, [many]: element[many.replace('selected', 'initial')] ?? [] };
	const one = ONE_ID[type];
	if (one !== undefined) return { type, [one]: element[one.replace('selected', 'initial')] ?? null };
	return { type, selected_option: element['initial_option'] ?? null };
}

const TEXTS = new Set(['plain_text_input', 'email_text_input', 'url_text_input', 'number_input']);
const ONE_ID: Readonly<Record<string, string>> = {
	users_select: 'selected_user',
	channels_select: 'selected_channel',
	conversations_select: 'selected_conversation',
};
const MANY_IDS: Readonly<Record<string, string>> = {
	multi_users_select: 'selected_users',
	multi_channels_select: 'selected_channels',
	multi_conversations_select: 'selected_conversations',
};

/** The state of an element after a person put `value` there. Options unknown to the element are looked for in `offered`. */
export function chosen(
	element: JsonObject,
	value: string | number | readonly string[] | null,
	offered: readonly JsonObject[] = [],
): JsonObject {
	const type = textOf(element['type']);
	const single = Array.isArray(value) ? (value[0] ?? null) : (value as string | number | null);
	const several = Array.isArray(value) ? stringsOf(value) : value === null || value === '' ? [] : [String(value)];
	const empty = single === null || single === '';
	if (TEXTS.has(type)) return { type, value: empty ? null : String(single) };
	if (type === 'datepicker') return { type, selected_date: empty ? null : String(single) };
	if (type === 'timepicker') return { type, selected_time: empty ? null : String(single) };
	if (type === 'datetimepicker') return { type, selected_date_time: empty ? null : (numberOf(single) ?? null) };
	const pick = (wanted: string): JsonObject => {
		const option = [...optionsOf(element), ...offered].find((one) => textOf(one['value']) === wanted);
		if (option !== undefined) return option;
		if (type.endsWith('external_select')) return { text: { type: 'plain_text', text: wanted }, value: wanted };
		throw new Error(`The ${type} ${textOf(element['action_id'])} has no option ${wanted}`);
	};
	if (type === 'checkboxes' || type === 'multi_static_select' || type === 'multi_external_select')
		return { type, selected_options: several.map((one) => pick(one)) };
	const many = MANY_IDS[type];
	if (many !== undefined) return { type, [many]: several };
	const one = ONE_ID[type];
	if (one !== undefined) return { type, [one]: empty ? null : String(single) };
	return { type, selected_option: empty ? null : pick(String(single)) };
}

/** State of every stateful element: what is given, else what was there before, else its initial value. */
export function stateOf(
	blocks: readonly JsonObject[],
	before: State,
	values: InputValues = {},
	offered: (placed: Placed) => readonly JsonObject[] = () => [],
): State {
	const state: Record<string, Record<string, JsonObject>> = {};
	for (const placed of placedElements(blocks)) {
		const type = textOf(placed.element['type']);
		if (STATELESS.has(type)) continue;
		const given = valueFor(values, placed);
		const kept = before[placed.blockId]?.[placed.actionId];
		const now =
			given !== undefined
				? chosen(placed.element, given, offered(placed))
				: kept !== undefined && kept['type'] === type
					? kept
					: initialOf(placed.element);
		(state[placed.blockId] ??= {})[placed.actionId] = now;
	}
	return state;
}

const STATELESS = new Set(['button', 'workflow_button', 'overflow', 'image', 'feedback_buttons', 'icon_button']);

function valueFor(values: InputValues, placed: Placed): InputValues[string] | undefined {
	for (const key of [`${placed.blockId}/${placed.actionId}`, placed.blockId, placed.actionId])
		if (Object.hasOwn(values, key)) return values[key];
	return undefined;
}

/** What Slack's own client finds wrong before it sends a form: errors by block id. */
export function formErrors(blocks: readonly JsonObject[], state: State): Record<string, string> {
	const errors: Record<string, string> = {};
	for (const { block, blockId, element, actionId, input } of placedElements(blocks)) {
		if (!input) continue;
		const held = state[blockId]?.[actionId] ?? {};
		const content = Object.entries(held).find(([key]) => key !== 'type')?.[1];
		const empty =
			content === undefined || content === null || content === '' || (isList(content) && content.length === 0);
		if (empty) {
			if (block['optional'] !== true) errors[blockId] = 'Please complete this required field.';
			continue;
		}
		const problem = contentProblem(element, textOf(held['value']));
		if (problem !== undefined) errors[blockId] = problem;
	}
	return errors;
}

function contentProblem(element: JsonObject, value: string): string | undefined {
	switch (element['type']) {
		case 'plain_text_input': {
			const least = numberOf(element['min_length']);
			const most = numberOf(element['max_length']) ?? 3000;
			if (least !== undefined && value.length < least) return `Please enter at least ${least} characters.`;
			return value.length > most ? `Please enter at most ${most} characters.` : undefined;
		}
		case 'number_input': {
			const number = numberOf(value);
			if (number === undefined) return 'Please enter a number.';
			if (element['is_decimal_allowed'] !== true && !Number.isInteger(number)) return 'Please enter a whole number.';
			const least = numberOf(element['min_value']);
			const most = numberOf(element['max_value']);
			if (least !== undefined && number < least) return `Please enter a number of at least ${least}.`;
			return most !== undefined && number > most ? `Please enter a number of at most ${most}.` : undefined;
		}
		case 'email_text_input':
			return /^[^@\s]+@[^@\s]+$/.test(value) ? undefined : 'Please enter an email address.';
		case 'url_text_input':
			return URL.canParse(value) ? undefined : 'Please enter a URL.';
		default:
			return undefined;
	}
}
