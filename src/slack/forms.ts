import { createHash } from 'node:crypto';
import { z } from 'zod';
import { readDate } from '../../commands/_parts/dates.ts';
import { asTrouble } from '../../commands/_parts/trouble.ts';
import { quoteWord } from '../../commands/_parts/words.ts';
import type { DagDetails, DagParam, DagSummary } from '../domain/airflow.ts';
import { isRecord } from '../domain/json.ts';
import { mask } from '../domain/mask.ts';
import { choicesOf, isRequired, labelOf, problemOf, readParam, typesOf } from '../domain/params.ts';
import { clip, clipHead, visible, type Lang, type Text } from '../domain/text.ts';
import type { Keep } from './render.ts';

/**
 * The form of `/dag trigger`, in two steps of one modal: pick a DAG, then fill in its params. Data to views and back; what
 * comes out are words as they could have been typed after `/dag`. One modal is one run: the key of the command is made from
 * the view's id, which stays the same through both steps and every correction.
 */
export const PICKER = 'cm_pick_dag';
export const PARAMS = 'cm_fill_params';
/** Of the DAG picker, whose options are asked for as somebody types. */
export const DAG_OPTIONS = 'cm_dag';

const MOST = { text: 3000, options: 100, option: 75, radio: 10, label: 2000, params: 80, note: 500 };

/** What the form must not forget between its steps; lies in `private_metadata`. */
export type FormMemory = {
	channel: string;
	env: string;
	/** With several environments, so that the words name theirs. */
	nameEnv: boolean;
	thread?: string | undefined;
	dag?: string | undefined;
};
const memory = z.object({
	channel: z.string(),
	env: z.string(),
	nameEnv: z.boolean(),
	thread: z.string().optional(),
	dag: z.string().optional(),
});

/** Undefined: not one of ours. */
export function readMemory(privateMetadata: string | undefined): FormMemory | undefined {
	try {
		const read = memory.safeParse(JSON.parse(privateMetadata ?? ''));
		return read.success ? read.data : undefined;
	} catch {
		return undefined;
	}
}

type Json = Record<string, unknown>;
type Block = Json & { type: string };
/** Fits the types of Bolt's ack and of `views.open`. */
export type View = {
	type: 'modal';
	callback_id: string;
	private_metadata: string;
	title: PlainText;
	close: PlainText;
	submit?: PlainText;
	blocks: Block[];
};

type PlainText = { type: 'plain_text'; text: string; emoji: boolean };
export type DagOption = { text: PlainText; value: string; description?: PlainText };

const plain = (text: string, most: number): PlainText => ({
	type: 'plain_text',
	text: clip(visible(text), most) || '…',
	emoji: false,
});

const TITLE: Text = { en: 'Start a DAG run', ja: 'DAG の実行' };
const CLOSE: Text = { en: 'Cancel', ja: 'キャンセル' };

function modal(callbackId: string, blocks: Block[], kept: FormMemory, submit: Text | undefined, lang: Lang): View {
	return {
		type: 'modal',
		callback_id: callbackId,
		private_metadata: JSON.stringify(kept),
		title: plain(TITLE[lang], 24),
		close: plain(CLOSE[lang], 24),
		...(submit === undefined ? {} : { submit: plain(submit[lang], 24) }),
		blocks,
	};
}

/** The first step. `problem`: why the step after it could not be shown. */
export function dagPickerView(kept: FormMemory, lang: Lang): View {
	const blocks: Block[] = [
		{
			type: 'input',
			block_id: 'dag',
			label: plain('DAG', 24),
			...(kept.nameEnv ? { hint: plain(lang === 'ja' ? `環境: ${kept.env}` : `In ${kept.env}`, 200) } : {}),
			element: {
				type: 'external_select',
				action_id: DAG_OPTIONS,
				min_query_length: 0,
				placeholder: plain(lang === 'ja' ? 'DAG ID の一部を入力' : 'Type a part of its id', 150),
				focus_on_load: true,
			},
		},
	];
	return modal(PICKER, blocks, kept, { en: 'Next', ja: '次へ' }, lang);
}

/** What an options request is answered with: at most 100 DAGs, whose ids may be longer than an option's value. */
export async function dagOptions(
	dags: readonly DagSummary[],
	lang: Lang,
	keep: Keep,
): Promise<{ options: DagOption[] }> {
	const options = dags.slice(0, MOST.options).map(async (dag): Promise<DagOption> => {
		const state = dag.hasImportErrors ? '💥 ' : dag.paused ? '⏸️ ' : '';
		const about = dag.description ?? (dag.owners.length === 0 ? '' : dag.owners.join(', '));
		const described = about === '' ? {} : { description: plain(mask(about).split('\n')[0] ?? '', MOST.option) };
		return {
			text: plain(state + clipHead(visible(dag.id), MOST.option - state.length), MOST.option),
			value: dag.id.length <= MOST.option && !dag.id.startsWith('kept:') ? dag.id : `kept:${await keep(dag.id)}`,
			...described,
		};
	});
	return { options: await Promise.all(options) };
}

/** The DAG an option stands for; undefined: kept too long ago. */
export async function dagOfOption(
	value: string,
	load: (short: string) => Promise<string | undefined>,
): Promise<string | undefined> {
	const short = /^kept:(\w+)$/.exec(value)?.[1];
	return short === undefined ? value : load(short);
}

/** What was picked in the first step. */
export function pickedOption(values: unknown): string | undefined {
	const picked = elementState(values, 'dag');
	return isRecord(picked) && isRecord(picked['selected_option'])
		? stringOf(picked['selected_option']['value'])
		: undefined;
}

/** The second step: one input for each param of the DAG, then logical date and note. A DAG that cannot start says so instead. */
export function paramsView(dag: DagDetails, kept: FormMemory, lang: Lang): View {
	const ja = lang === 'ja';
	const own: FormMemory = { ...kept, dag: dag.id };
	const head: Block = {
		type: 'rich_text',
		elements: [
			{
				type: 'rich_text_section',
				elements: [
					{ type: 'text', text: clipHead(visible(dag.id), 250), style: { bold: true, code: true } },
					...(kept.nameEnv ? [{ type: 'text', text: ja ? `  環境: ${kept.env}` : `  in ${kept.env}` }] : []),
					...(dag.description ? [{ type: 'text', text: `\n${clip(visible(mask(dag.description)), 300)}` }] : []),
				],
			},
		],
	};
	const cannot = dag.hasImportErrors
		? {
				en: '💥 Its file cannot be imported, so it cannot be started. The import error stands in Airflow.',
				ja: '💥 ファイルがインポートできないため、実行できません。インポートエラーは Airflow で確認できます。',
			}
		: dag.paused
			? {
					en: '⏸️ It is paused: a run would only wait. Unpause it in Airflow first.',
					ja: '⏸️ 一時停止中です。実行しても待機したままになるため、先に Airflow で再開してください。',
				}
			: undefined;
	if (cannot)
		return modal(PARAMS, [head, { type: 'section', text: plain(cannot[lang], MOST.text) }], own, undefined, lang);

	const shown = formParams(dag.params);
	const blocks = [head, ...shown.map((param) => paramBlock(param, lang))];
	if (dag.params.length > shown.length && shown.length === MOST.params)
		blocks.push(
			input('more', ja ? 'その他の params (JSON)' : 'Further params (JSON)', {
				type: 'plain_text_input',
				action_id: 'value',
				multiline: true,
			}),
		);
	blocks.push(
		input(
			'date',
			ja ? '論理日時' : 'Logical date',
			{ type: 'plain_text_input', action_id: 'value', max_length: 40, placeholder: plain('2026-11-20T09:30', 150) },
			ja ? '空欄なら指定なし。タイムゾーンを省略すると UTC です。' : 'Empty: none. Without a zone it is UTC.',
		),
		input(
			'note',
			ja ? 'メモ' : 'Note',
			{ type: 'plain_text_input', action_id: 'value', max_length: MOST.note },
			ja
				? '実行のメモとして、あなたの名前とともに Airflow に残ります。'
				: 'Kept with the run in Airflow, with your name.',
		),
	);
	return modal(PARAMS, blocks, own, { en: 'Start', ja: '実行' }, lang);
}

function input(blockId: string, label: string, element: Json, hint?: string): Block {
	return {
		type: 'input',
		block_id: blockId,
		optional: true,
		label: plain(label, MOST.label),
		...(hint === undefined || hint === '' ? {} : { hint: plain(hint, MOST.label) }),
		element,
	};
}

/** A constant has nothing to ask for. */
const formParams = (params: readonly DagParam[]): readonly DagParam[] =>
	params.filter(({ schema }) => schema['const'] === undefined).slice(0, MOST.params);

// By name, not by place: the DAG may have changed before the form comes back.
const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
const blockOf = ({ name }: DagParam): string => `p:${hash(name)}`;

function paramBlock(param: DagParam, lang: Lang): Block {
	const { schema } = param;
	const title = stringOf(schema['title']);
	const described = param.description ?? stringOf(schema['description']);
	const field = fieldOf(param);
	const hints = [
		...(described ? [clip(mask(described), 1000)] : []),
		...(title !== undefined && title !== param.name ? [param.name] : []),
		...(FIELD_HINT[field] ? [FIELD_HINT[field][lang]] : []),
		...examplesHint(schema, lang),
	];
	return {
		...input(blockOf(param), title ?? param.name, elementOf(param, field, lang), hints.join(' · ')),
		optional: !isRequired(param),
	};
}

type Field = 'choice' | 'yes-no' | 'integer' | 'number' | 'date' | 'date-time' | 'time' | 'lines' | 'json' | 'text';

const FIELD_HINT: Readonly<Partial<Record<Field, Text>>> = {
	lines: { en: 'One a line.', ja: '1 行に 1 つずつ。' },
	json: { en: 'JSON.', ja: 'JSON で入力。' },
};

function fieldOf(param: DagParam): Field {
	const { schema, value } = param;
	const choices = (choicesOf(param) ?? []).filter((choice) => choice !== null);
	if (choices.length > 0 && choices.length <= MOST.options) return 'choice';
	const [type, ...more] = typesOf(param).filter((one) => one !== 'null');
	if (type === undefined || more.length > 0) return 'text';
	switch (type) {
		case 'boolean':
			return 'yes-no';
		case 'integer':
		case 'number':
			// Slack's number input takes plain decimals only, and no default that is out of bounds.
			return isEmpty(value) || (PLAIN_NUMBER.test(labelOf(value)) && !problemOf(param, value)) ? type : 'text';
		case 'array': {
			const items = isRecord(schema['items']) ? schema['items']['type'] : undefined;
			const texts = Array.isArray(value) && value.every((item) => typeof item === 'string' && !item.includes('\n'));
			return items === 'string' && (texts || value === null || value === undefined) ? 'lines' : 'json';
		}
		case 'object':
			return 'json';
		default:
			return textField(schema['format'], value);
	}
}

function textField(format: unknown, value: unknown): Field {
	const shown = labelOf(value);
	// A default that the picker refuses must still be seen: as text.
	if (format === 'date' && (isEmpty(value) || (/^\d{4}-\d\d-\d\d$/.test(shown) && isDate(`${shown}T00:00:00Z`))))
		return 'date';
	if (format === 'date-time' && (isEmpty(value) || isDate(shown))) return 'date-time';
	if (format === 'time' && (isEmpty(value) || /^([01]\d|2[0-3]):[0-5]\d/.test(shown))) return 'time';
	return 'text';
}

const isEmpty = (value: unknown): value is null | undefined => value === null || value === undefined;
const PLAIN_NUMBER = /^-?\d{1,15}(\.\d{1,8})?$/;

/** Within what Slack's pickers take: ten digits of seconds. */
function isDate(text: string): boolean {
	const seconds = Date.parse(text) / 1000;
	return seconds >= 1e9 && seconds < 1e10;
}

function elementOf(param: DagParam, field: Field, lang: Lang): Json {
	const { schema, value } = param;
	const given = !isEmpty(value);
	const action_id = 'value';
	switch (field) {
		case 'choice': {
			const byValue = new Map(
				(choicesOf(param) ?? [])
					.filter((choice) => choice !== null)
					.map((choice) => choiceOption(choice, schema))
					.map((option) => [option['value'], option]),
			);
			const options = [...byValue.values()];
			const initial = given ? options.find((option) => option['value'] === hash(JSON.stringify(value))) : undefined;
			return { type: 'static_select', action_id, options, ...(initial ? { initial_option: initial } : {}) };
		}
		case 'yes-no': {
			const options = [
				{ text: plain(lang === 'ja' ? 'はい (true)' : 'Yes (true)', MOST.option), value: 'true' },
				{ text: plain(lang === 'ja' ? 'いいえ (false)' : 'No (false)', MOST.option), value: 'false' },
			];
			const initial = given ? options[value === true ? 0 : 1] : undefined;
			return { type: 'radio_buttons', action_id, options, ...(initial ? { initial_option: initial } : {}) };
		}
		case 'integer':
		case 'number':
			return {
				type: 'number_input',
				action_id,
				is_decimal_allowed: field === 'number',
				...(given ? { initial_value: labelOf(value) } : {}),
				...limits(schema),
			};
		case 'date':
			return { type: 'datepicker', action_id, ...(given ? { initial_date: labelOf(value) } : {}) };
		case 'date-time':
			return {
				type: 'datetimepicker',
				action_id,
				...(given ? { initial_date_time: Math.floor(Date.parse(labelOf(value)) / 1000) } : {}),
			};
		case 'time':
			return { type: 'timepicker', action_id, ...(given ? { initial_time: labelOf(value).slice(0, 5) } : {}) };
		default: {
			const shown = given ? writtenDefault(value, field) : '';
			const long = field !== 'text' || shown.includes('\n') || shown.length > 80 || schema['format'] === 'multiline';
			return {
				type: 'plain_text_input',
				action_id,
				...(long ? { multiline: true } : {}),
				...(shown === '' || shown.length > MOST.text ? {} : { initial_value: shown }),
			};
		}
	}
}

function writtenDefault(value: unknown, field: Field): string {
	if (field === 'lines' && Array.isArray(value)) return value.map(labelOf).join('\n');
	return field === 'json' ? JSON.stringify(value, null, 1) : labelOf(value);
}

function limits({ minimum, maximum }: DagParam['schema']): Json {
	const shown = (value: unknown) => (PLAIN_NUMBER.test(labelOf(value)) ? labelOf(value) : undefined);
	const [least, most] = [shown(minimum), shown(maximum)];
	if (least !== undefined && most !== undefined && Number(least) > Number(most)) return {};
	return {
		...(least === undefined ? {} : { min_value: least }),
		...(most === undefined ? {} : { max_value: most }),
	};
}

function choiceOption(choice: unknown, schema: DagParam['schema']): Json {
	const names = schema['values_display'];
	const name = isRecord(names) ? stringOf(names[labelOf(choice)]) : undefined;
	return { text: plain(name ?? (labelOf(choice) || '""'), MOST.option), value: hash(JSON.stringify(choice)) };
}

function examplesHint(schema: DagParam['schema'], lang: Lang): string[] {
	const { examples } = schema;
	if (!Array.isArray(examples) || examples.length === 0) return [];
	const shown = examples.slice(0, 5).map((one) => clip(labelOf(one), 40));
	return [lang === 'ja' ? `例: ${shown.join('、')}` : `Such as ${shown.join(', ')}`];
}

/** Under which field what is wrong: what `response_action: errors` takes. */
export type FormErrors = Readonly<Record<string, string>>;

/**
 * The second step sent off: the words that could have been typed, or what is wrong under which field. `values` is the
 * view's `state.values`, `dag` the DAG as it is now.
 */
export function wordsFromSubmission(
	values: unknown,
	dag: DagDetails,
	kept: FormMemory,
	lang: Lang,
): { words: string } | { errors: FormErrors } {
	const errors: Record<string, string> = {};
	const conf: Record<string, unknown> = {};
	const shown = formParams(dag.params);
	for (const param of shown) {
		const block = blockOf(param);
		const read = submittedValue(param, elementState(values, block));
		// A param that came after the form was opened keeps its default.
		if (read.kind === 'absent') continue;
		const problem = read.kind === 'problem' ? read.problem : problemOf(param, read.value);
		if (problem) errors[block] = clip(problem[lang], 300);
		else if (!sameJson(read.kind === 'value' ? read.value : null, param.value ?? null))
			conf[param.name] = valueOf(read);
	}
	const date = stringOf(fieldOfState(values, 'date'))?.trim() ?? '';
	if (date !== '')
		try {
			readDate(date);
		} catch (error) {
			const { message, ja } = asTrouble(error);
			errors['date'] = clip(lang === 'ja' ? (ja?.message ?? message) : message, 300);
		}
	const more = stringOf(fieldOfState(values, 'more'))?.trim() ?? '';
	if (more !== '') {
		const read = readParam({ name: 'more', value: null, schema: { type: 'object' } }, more);
		if ('problem' in read) errors['more'] = read.problem[lang];
		else if (isRecord(read.value)) Object.assign(conf, read.value);
	}
	if (Object.keys(errors).length > 0) return { errors };

	const note = stringOf(fieldOfState(values, 'note'))?.trim() ?? '';
	const words = ['trigger', quoteWord(dag.id)];
	if (Object.keys(conf).length > 0) words.push(JSON.stringify(conf));
	if (date !== '') words.push('--date', quoteWord(date));
	if (note !== '') words.push('--note', quoteWord(note));
	if (kept.nameEnv) words.push('--env', quoteWord(kept.env));
	return { words: words.join(' ') };
}

type Submitted = { kind: 'absent' } | { kind: 'value'; value: unknown } | { kind: 'problem'; problem: Text };
const valueOf = (read: Submitted): unknown => (read.kind === 'value' ? read.value : null);
const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function submittedValue(param: DagParam, state: unknown): Submitted {
	if (!isRecord(state)) return { kind: 'absent' };
	const field = fieldOf(param);
	const option = isRecord(state['selected_option']) ? stringOf(state['selected_option']['value']) : undefined;
	switch (field) {
		case 'choice': {
			if (option === undefined) return empty(param);
			const chosen = (choicesOf(param) ?? []).find((choice) => hash(JSON.stringify(choice)) === option);
			return chosen === undefined ? { kind: 'problem', problem: CHANGED } : { kind: 'value', value: chosen };
		}
		case 'yes-no':
			return option === undefined ? empty(param) : { kind: 'value', value: option === 'true' };
		case 'date':
			return textOr(param, stringOf(state['selected_date']));
		case 'time': {
			const time = stringOf(state['selected_time']);
			// It knows minutes only: an untouched default keeps its own spelling.
			if (time !== undefined && labelOf(param.value).startsWith(time)) return { kind: 'value', value: param.value };
			return textOr(param, time === undefined ? undefined : `${time}:00`);
		}
		case 'date-time': {
			const at = state['selected_date_time'];
			if (typeof at !== 'number') return empty(param);
			const before = Date.parse(labelOf(param.value));
			if (Math.floor(before / 1000) === at) return { kind: 'value', value: param.value };
			return { kind: 'value', value: new Date(at * 1000).toISOString().replace('.000Z', '+00:00') };
		}
		default: {
			const text = stringOf(state['value']) ?? '';
			if (text.trim() === '') return empty(param);
			if (field === 'lines')
				return {
					kind: 'value',
					value: text
						.split('\n')
						.map((item) => item.trim())
						.filter(Boolean),
				};
			const read = readParam(param, text);
			return 'problem' in read ? { kind: 'problem', problem: read.problem } : { kind: 'value', value: read.value };
		}
	}
}

/** A field left empty: null where the param takes it, empty text where that is meant, else its default. */
function empty(param: DagParam): Submitted {
	const types = typesOf(param);
	const none = param.value === null || param.value === undefined;
	if (types.includes('null')) return { kind: 'value', value: null };
	if (isRequired(param)) return { kind: 'value', value: null };
	// What did not fit into the field was never shown, so it was not emptied either.
	const wasShown = !none && writtenDefault(param.value, fieldOf(param)).length <= MOST.text;
	if (types.includes('string') && wasShown && fieldOf(param) === 'text') return { kind: 'value', value: '' };
	return { kind: 'value', value: param.value ?? null };
}

const textOr = (param: DagParam, text: string | undefined): Submitted =>
	text === undefined ? empty(param) : { kind: 'value', value: text };

const CHANGED: Text = {
	en: 'The DAG has changed meanwhile: please open the form again.',
	ja: 'DAG が変更されました。フォームを開き直してください。',
};

const stringOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** The state of the only element in a block. */
function elementState(values: unknown, block: string): unknown {
	const inBlock = isRecord(values) && Object.hasOwn(values, block) ? values[block] : undefined;
	return isRecord(inBlock) ? Object.values(inBlock)[0] : undefined;
}

function fieldOfState(values: unknown, block: string): unknown {
	const state = elementState(values, block);
	return isRecord(state) ? state['value'] : undefined;
}
