import { createElement as h, Fragment, type ReactNode } from 'react';
import { Message, type Block } from 'slack-blocks-to-jsx/dist/index.mjs';
import type { Json, JsonObject, SandboxView } from '../types.ts';
import { isList, isObject, isTrue, numberOf, objectsOf, stringsOf, textOf } from '../json.ts';
import { slackDate, type Reader } from './dates.ts';
import { markupElements } from './markup.ts';
import { glyph } from './glyphs.ts';
import { word } from './words.ts';

/**
 * Block Kit as HTML. slack-blocks-to-jsx draws rich text, Markdown, charts, plans and the like; what it lacks or gets
 * wrong is drawn here: everything that acts, forms, tables (it draws no data_table), `plain_text`, which it takes for
 * markup, so that a literal `<!channel>` would look like a live mention, and markup, where it sees bold in `5 * 3 * 2`.
 */
export type Drawing = {
	reader: Reader;
	theme: 'light' | 'dark' | undefined;
	people: readonly { id: string; name: string }[];
	groups: readonly { id: string; name: string }[];
	channels: readonly { id: string; name: string }[];
	/** State and errors of the view that is drawn. */
	view?: Pick<SandboxView, 'state' | 'errors'> | undefined;
};

export function drawBlocks(blocks: readonly JsonObject[], drawing: Drawing): ReactNode {
	return h(
		Fragment,
		null,
		blocks.map((block, i) =>
			h('div', { key: i, className: `block block-${textOf(block['type'])}` }, drawBlock(block, drawing)),
		),
	);
}

/** A text as chat.postMessage takes it when there are no blocks: markup. */
export function drawMarkup(text: string, drawing: Drawing): ReactNode {
	return byLibrary([{ type: 'rich_text', elements: markupElements(text) }], drawing);
}

function drawBlock(block: JsonObject, drawing: Drawing): ReactNode {
	switch (block['type']) {
		case 'header':
			return h('h3', { className: 'header' }, drawText(block['text'], drawing));
		case 'divider':
			return h('hr', null);
		case 'section':
			return drawSection(block, drawing);
		case 'context':
			return h(
				'div',
				{ className: 'context' },
				objectsOf(block['elements']).map((item, i) =>
					h('span', { key: i }, item['type'] === 'image' ? drawImage(item, drawing) : drawText(item, drawing)),
				),
			);
		case 'actions':
		case 'context_actions':
			return h(
				'div',
				{ className: 'actions' },
				objectsOf(block['elements']).map((item, i) => h(Fragment, { key: i }, drawElement(item, block, drawing))),
			);
		case 'input':
			return drawInput(block, drawing);
		case 'image':
			return h(
				'figure',
				null,
				block['title'] === undefined ? null : h('figcaption', null, drawText(block['title'], drawing)),
				drawImage(block, drawing),
			);
		case 'table':
			return drawTable(block, drawing, undefined);
		case 'data_table':
			return drawTable(block, drawing, textOf(block['caption']));
		case 'alert':
			return h(
				'div',
				{ className: `alert alert-${textOf(block['level']) || 'default'}`, role: 'status' },
				drawText(block['text'], drawing),
			);
		case 'container':
			return drawContainer(block, drawing);
		case 'card':
			return h(
				'div',
				{ className: 'card' },
				['title', 'subtitle', 'body'].map((key) =>
					block[key] === undefined ? null : h('div', { key, className: `card-${key}` }, drawText(block[key], drawing)),
				),
				h(
					'div',
					{ className: 'actions' },
					objectsOf(block['actions']).map((item, i) => h(Fragment, { key: i }, drawElement(item, block, drawing))),
				),
			);
		case 'carousel':
			return h('div', { className: 'carousel' }, drawBlocks(objectsOf(block['elements']), drawing));
		default:
			return byLibrary([block], drawing);
	}
}

function drawSection(block: JsonObject, drawing: Drawing): ReactNode {
	const { text, fields, accessory } = block;
	return h(
		'div',
		{ className: 'section' },
		h(
			'div',
			{ className: 'section-text' },
			text === undefined ? null : drawText(text, drawing),
			fields === undefined
				? null
				: h(
						'div',
						{ className: 'fields' },
						objectsOf(fields).map((field, i) => h('div', { key: i }, drawText(field, drawing))),
					),
		),
		isObject(accessory)
			? h(
					'div',
					{ className: 'accessory' },
					accessory['type'] === 'image' ? drawImage(accessory, drawing) : drawElement(accessory, block, drawing),
				)
			: null,
	);
}

function drawContainer(block: JsonObject, drawing: Drawing): ReactNode {
	const title = isObject(block['rich_text_title'])
		? byLibrary([block['rich_text_title']], drawing)
		: drawText(block['title'], drawing);
	const subtitle = block['subtitle'] === undefined ? null : h('small', null, drawText(block['subtitle'], drawing));
	const children = drawBlocks(objectsOf(block['child_blocks']), drawing);
	if (!isTrue(block['is_collapsible']))
		return h(
			'section',
			{ className: 'container' },
			h('div', { className: 'container-title' }, title, subtitle),
			children,
		);
	return h(
		'details',
		{ className: 'container', open: !isTrue(block['default_collapsed']) },
		h('summary', { className: 'container-title' }, title, subtitle),
		children,
	);
}

/** A text object: markup by the library, plain text as it stands but for emoji names. */
export function drawText(value: Json | undefined, drawing: Drawing): ReactNode {
	if (!isObject(value)) return null;
	const text = textOf(value['text']);
	if (text === '') return null;
	if (value['type'] === 'mrkdwn') return drawMarkup(text, drawing);
	const elements = text
		.split(/(:[a-z0-9_+'-]+:)/)
		.filter((part) => part !== '')
		.map((part): JsonObject => {
			const emoji = /^:([a-z0-9_+'-]*[a-z][a-z0-9_+'-]*|[+-]1|100):$/.exec(part)?.[1];
			return emoji === undefined ? { type: 'text', text: part } : { type: 'emoji', name: emoji };
		});
	return byLibrary([{ type: 'rich_text', elements: [{ type: 'rich_text_section', elements }] }], drawing);
}

function byLibrary(blocks: readonly JsonObject[], drawing: Drawing): ReactNode {
	const { reader, theme, people, groups, channels } = drawing;
	return h(Message, {
		// Checked for Block Kit's rules when they came in; the library's type is a union of literals.
		blocks: blocks as Block[],
		logo: '',
		name: '',
		withoutWrapper: true,
		showBlockKitDebug: false,
		...(theme === undefined ? {} : { theme }),
		data: { users: [...people], channels: [...channels], user_groups: [...groups] },
		hooks: {
			user: ({ id, name }) => h('span', { className: 'mention' }, `@${name || id}`),
			channel: ({ id, name }) => h('span', { className: 'mention' }, `#${name || id}`),
			usergroup: ({ id, name }) => h('span', { className: 'mention' }, `@${name || id}`),
			// A name that is no emoji stays as it was typed.
			emoji: (emoji, parse) => {
				const sign = parse(emoji);
				return sign === '' || sign === emoji.name ? `:${emoji.name}:` : sign;
			},
			date: ({ timestamp, format, fallback }) =>
				h('time', null, format === '' ? fallback : slackDate(Number(timestamp), format, reader)),
			link: ({ href, children }) => link(href, children),
		},
	});
}

/** Only web addresses become links. */
function link(href: string, children: ReactNode): ReactNode {
	if (webAddress(href) === undefined) return h('span', null, children);
	return h('a', { href, target: '_blank', rel: 'noopener noreferrer' }, children ?? href);
}

export function webAddress(value: string): string | undefined {
	return URL.canParse(value) && ['http:', 'https:'].includes(new URL(value).protocol) ? value : undefined;
}

function drawImage(value: JsonObject, drawing: Drawing): ReactNode {
	const alt = textOf(value['alt_text']);
	const file = isObject(value['slack_file']) ? textOf(value['slack_file']['id']) : '';
	if (/^F\w+$/.test(file)) return h('img', { src: `/file/${file}`, alt, title: alt });
	// The page loads nothing from elsewhere.
	return h(
		'span',
		{ className: 'no-image' },
		glyph('image'),
		` ${alt} (${word('imageElsewhere', drawing.reader.lang)})`,
	);
}

function drawTable(block: JsonObject, drawing: Drawing, caption: string | undefined): ReactNode {
	const rows = isList(block['rows']) ? block['rows'].filter((row) => isList(row)) : [];
	const settings = objectsOf(block['column_settings']);
	const cell = (value: Json | undefined, at: number, head: boolean): ReactNode => {
		const number = isObject(value) && value['type'] === 'raw_number';
		const align = textOf(settings[at]?.['align']) || (number ? 'right' : 'left');
		const content =
			isObject(value) && value['type'] === 'rich_text'
				? byLibrary([value], drawing)
				: isObject(value)
					? textOf(value['text'] ?? value['value'])
					: '';
		return h(head ? 'th' : 'td', { key: at, style: { textAlign: align } }, content);
	};
	const line = (row: readonly Json[], at: number, head: boolean): ReactNode =>
		h(
			'tr',
			{ key: at },
			row.map((value, i) => cell(value, i, head)),
		);
	const pageSize = caption === undefined ? rows.length : (numberOf(block['page_size']) ?? 5);
	const [head, ...body] = rows;
	return h(
		'div',
		{ className: 'table', 'data-page-size': caption === undefined ? undefined : pageSize },
		h(
			'table',
			null,
			caption === undefined || caption === '' ? null : h('caption', null, caption),
			h('thead', null, head === undefined ? null : line(head, 0, true)),
			h(
				'tbody',
				null,
				body.map((row, i) => line(row, i, false)),
			),
		),
	);
}

// Elements that act -------------------------------------------------------------------------------------------------

/** What the browser script needs to act on an element. */
function wiring(element: JsonObject, block: JsonObject): Record<string, string | undefined> {
	const confirm = element['confirm'];
	return {
		'data-action': textOf(element['action_id']),
		'data-block': textOf(block['block_id']),
		'data-kind': textOf(element['type']),
		'data-confirm': isObject(confirm)
			? JSON.stringify({
					title: labelOf(confirm['title']),
					text: labelOf(confirm['text']),
					yes: labelOf(confirm['confirm']),
					no: labelOf(confirm['deny']),
					danger: confirm['style'] === 'danger',
				})
			: undefined,
		'data-dispatch': block['type'] !== 'input' || isTrue(block['dispatch_action']) ? 'yes' : undefined,
	};
}

function labelOf(value: Json | undefined): string {
	return isObject(value) ? textOf(value['text']) : '';
}

function drawElement(element: JsonObject, block: JsonObject, drawing: Drawing): ReactNode {
	const type = textOf(element['type']);
	const held = drawing.view?.state[textOf(block['block_id'])]?.[textOf(element['action_id'])];
	const wires = wiring(element, block);
	switch (type) {
		case 'button':
		case 'workflow_button': {
			const style = textOf(element['style']);
			const className = `button ${style === '' ? '' : `button-${style}`}`;
			const url = webAddress(textOf(element['url']));
			const label = drawText(element['text'], drawing);
			if (url === undefined) return h('button', { type: 'button', className, ...wires }, label);
			return h('a', { className, href: url, target: '_blank', rel: 'noopener noreferrer', ...wires }, label);
		}
		case 'feedback_buttons':
			return h(
				Fragment,
				null,
				['positive_button', 'negative_button'].map((key) => {
					const one = isObject(element[key]) ? element[key] : {};
					return h(
						'button',
						{ key, type: 'button', className: 'button', value: textOf(one['value']), ...wires },
						drawText(one['text'], drawing),
					);
				}),
			);
		case 'icon_button':
			return h('button', { type: 'button', className: 'button', ...wires }, drawText(element['text'], drawing));
		case 'overflow':
			return h(
				'details',
				{ className: 'overflow' },
				h('summary', { className: 'button', 'aria-label': word('more', drawing.reader.lang) }, '⋯'),
				h(
					'div',
					{ className: 'menu' },
					objectsOf(element['options']).map((option, i) => {
						const url = webAddress(textOf(option['url']));
						const more = { ...wires, value: textOf(option['value']), 'data-value': textOf(option['value']) };
						return url === undefined
							? h('button', { key: i, type: 'button', ...more }, labelOf(option['text']))
							: h(
									'a',
									{ key: i, href: url, target: '_blank', rel: 'noopener noreferrer', ...more },
									labelOf(option['text']),
								);
					}),
				),
			);
		default:
			return drawField(element, wires, held, drawing);
	}
}

function drawInput(block: JsonObject, drawing: Drawing): ReactNode {
	const element = isObject(block['element']) ? block['element'] : {};
	const blockId = textOf(block['block_id']);
	const error = drawing.view?.errors[blockId];
	const id = `field-${blockId}`;
	const many = ['checkboxes', 'radio_buttons'].includes(textOf(element['type']));
	return h(
		many ? 'fieldset' : 'div',
		{ className: error === undefined ? 'input' : 'input has-error' },
		h(
			many ? 'legend' : 'label',
			many ? { className: 'label' } : { className: 'label', htmlFor: id },
			labelOf(block['label']),
			isTrue(block['optional'])
				? h('span', { className: 'optional' }, ` ${word('optional', drawing.reader.lang)}`)
				: null,
		),
		drawField(
			element,
			{ ...wiring(element, block), id, 'aria-describedby': error === undefined ? undefined : `${id}-error` },
			drawing.view?.state[blockId]?.[textOf(element['action_id'])],
			drawing,
		),
		error === undefined ? null : h('p', { className: 'error', id: `${id}-error`, role: 'alert' }, error),
		block['hint'] === undefined ? null : h('div', { className: 'hint' }, drawText(block['hint'], drawing)),
	);
}

function drawField(
	element: JsonObject,
	wires: Record<string, string | undefined>,
	held: JsonObject | undefined,
	drawing: Drawing,
): ReactNode {
	const type = textOf(element['type']);
	const placeholder = labelOf(element['placeholder']);
	const value = textOf(held?.['value'] ?? element['initial_value']);
	const focus = isTrue(element['focus_on_load']) ? { autoFocus: true } : {};
	switch (type) {
		case 'plain_text_input':
			if (isTrue(element['multiline']))
				return h('textarea', { ...wires, ...focus, defaultValue: value, placeholder, rows: 4 });
			return h('input', { ...wires, ...focus, type: 'text', defaultValue: value, placeholder });
		case 'rich_text_input':
			return h('textarea', { ...wires, ...focus, placeholder, rows: 4 });
		case 'number_input':
			return h('input', { ...wires, ...focus, type: 'text', inputMode: 'decimal', defaultValue: value, placeholder });
		case 'email_text_input':
			return h('input', { ...wires, ...focus, type: 'email', defaultValue: value, placeholder });
		case 'url_text_input':
			return h('input', { ...wires, ...focus, type: 'url', defaultValue: value, placeholder });
		case 'datepicker':
			return h('input', {
				...wires,
				type: 'date',
				defaultValue: textOf(held?.['selected_date'] ?? element['initial_date']),
			});
		case 'timepicker':
			return h('input', {
				...wires,
				type: 'time',
				defaultValue: textOf(held?.['selected_time'] ?? element['initial_time']),
			});
		case 'datetimepicker':
			return h('input', {
				...wires,
				type: 'datetime-local',
				'data-epoch': textOf(held?.['selected_date_time'] ?? element['initial_date_time']),
			});
		case 'radio_buttons':
		case 'checkboxes':
			return drawChoices(element, wires, chosenValues(element, held), drawing);
		case 'multi_static_select':
		case 'multi_users_select':
		case 'multi_channels_select':
		case 'multi_conversations_select':
			return drawMany(element, wires, chosenValues(element, held), drawing);
		case 'external_select':
		case 'multi_external_select':
			return drawSearch(element, wires, held, drawing);
		default:
			return drawSelect(element, wires, chosenValues(element, held), drawing);
	}
}

/** Values that are chosen, whatever the kind of element. */
function chosenValues(element: JsonObject, held: JsonObject | undefined): readonly string[] {
	const from = held ?? {
		selected_option: element['initial_option'],
		selected_options: element['initial_options'],
		selected_user: element['initial_user'],
		selected_channel: element['initial_channel'],
		selected_conversation: element['initial_conversation'],
	};
	const values: string[] = [];
	for (const [key, value] of Object.entries(from)) {
		if (key === 'type') continue;
		if (isObject(value)) values.push(textOf(value['value']));
		else if (isList(value)) values.push(...objectsOf(value).map((one) => textOf(one['value'])), ...stringsOf(value));
		else if (typeof value === 'string') values.push(value);
	}
	return values;
}

function drawChoices(
	element: JsonObject,
	wires: Record<string, string | undefined>,
	chosen: readonly string[],
	drawing: Drawing,
): ReactNode {
	const radio = element['type'] === 'radio_buttons';
	const { id, ...rest } = wires;
	return h(
		'div',
		{ className: 'choices', ...rest },
		objectsOf(element['options']).map((option, i) =>
			h(
				'label',
				{ key: i },
				h('input', {
					type: radio ? 'radio' : 'checkbox',
					name: `${id ?? ''}${wires['data-block'] ?? ''}${wires['data-action'] ?? ''}`,
					value: textOf(option['value']),
					defaultChecked: chosen.includes(textOf(option['value'])),
				}),
				h(
					'span',
					null,
					drawText(option['text'], drawing),
					option['description'] === undefined ? null : h('small', null, drawText(option['description'], drawing)),
				),
			),
		),
	);
}

type Group = { label: string | undefined; options: readonly { value: string; text: string }[] };

function groupsOf(element: JsonObject, drawing: Drawing): readonly Group[] {
	const type = textOf(element['type']);
	const named = (list: readonly { id: string; name: string }[], sign: string): Group[] => [
		{ label: undefined, options: list.map(({ id, name }) => ({ value: id, text: sign + name })) },
	];
	if (type.endsWith('users_select')) return named(drawing.people, '@');
	if (type.endsWith('channels_select') || type.endsWith('conversations_select')) return named(drawing.channels, '#');
	const list = (value: Json | undefined): Group['options'] =>
		objectsOf(value).map((option) => ({ value: textOf(option['value']), text: labelOf(option['text']) }));
	const groups = objectsOf(element['option_groups']);
	if (groups.length === 0) return [{ label: undefined, options: list(element['options']) }];
	return groups.map((group) => ({ label: labelOf(group['label']), options: list(group['options']) }));
}

function drawSelect(
	element: JsonObject,
	wires: Record<string, string | undefined>,
	chosen: readonly string[],
	drawing: Drawing,
): ReactNode {
	const options = (group: Group): ReactNode =>
		group.options.map((option, i) => h('option', { key: i, value: option.value }, option.text));
	return h(
		'select',
		{ ...wires, defaultValue: chosen[0] ?? '', 'aria-label': labelOf(element['placeholder']) || undefined },
		h('option', { value: '' }, labelOf(element['placeholder']) || word('choose', drawing.reader.lang)),
		groupsOf(element, drawing).map((group, i) =>
			group.label === undefined
				? h(Fragment, { key: i }, options(group))
				: h('optgroup', { key: i, label: group.label }, options(group)),
		),
	);
}

function drawMany(
	element: JsonObject,
	wires: Record<string, string | undefined>,
	chosen: readonly string[],
	drawing: Drawing,
): ReactNode {
	const { id, ...rest } = wires;
	return h(
		'div',
		{ className: 'choices many', id, tabIndex: -1, ...rest },
		groupsOf(element, drawing).map((group, g) =>
			h(
				Fragment,
				{ key: g },
				group.label === undefined ? null : h('strong', null, group.label),
				group.options.map((option) =>
					h(
						'label',
						{ key: option.value },
						h('input', { type: 'checkbox', value: option.value, defaultChecked: chosen.includes(option.value) }),
						h('span', null, option.text),
					),
				),
			),
		),
	);
}

/** A field that searches: the browser asks the app for options as one types. */
function drawSearch(
	element: JsonObject,
	wires: Record<string, string | undefined>,
	held: JsonObject | undefined,
	drawing: Drawing,
): ReactNode {
	const { id, ...rest } = wires;
	const one = held?.['selected_option'] ?? element['initial_option'];
	const several = objectsOf(held?.['selected_options'] ?? element['initial_options']);
	const chosen = (isObject(one) ? [one] : several).map((option) => ({
		value: textOf(option['value']),
		text: labelOf(option['text']),
	}));
	const many = element['type'] === 'multi_external_select';
	return h(
		'div',
		{
			className: 'search',
			...rest,
			'data-chosen': JSON.stringify(chosen),
			'data-min': String(numberOf(element['min_query_length']) ?? 3),
		},
		h('div', { className: 'tags' }),
		h('input', {
			id,
			type: 'text',
			role: 'combobox',
			autoComplete: 'off',
			'aria-expanded': 'false',
			'aria-autocomplete': 'list',
			'aria-describedby': wires['aria-describedby'],
			defaultValue: many ? '' : (chosen[0]?.text ?? ''),
			placeholder: labelOf(element['placeholder']) || word('search', drawing.reader.lang),
		}),
		h('div', { className: 'menu', role: 'listbox', hidden: true }),
	);
}
