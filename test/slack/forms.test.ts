import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { readConf } from '../../commands/_parts/conf.ts';
import { route } from '../../commands/route.ts';
import { splitWords, takeEnv, takeOptions } from '../../commands/_parts/words.ts';
import type { DagDetails, DagParam, DagSummary } from '../../src/domain/airflow.ts';
import { problemOf } from '../../src/domain/params.ts';
import type { Lang } from '../../src/domain/text.ts';
import { blockProblems, optionProblems } from '../../src/sandbox/slack/blocks.ts';
import { contractDags } from '../../src/sandbox/airflow/index.ts';
import { chosen, placedElements, stateOf } from '../../src/sandbox/slack/elements.ts';
import {
	dagOfOption,
	dagOptions,
	dagPickerView,
	paramsView,
	pickedOption,
	readMemory,
	wordsFromSubmission,
	type FormMemory,
	type View,
} from '../../src/slack/forms.ts';
import { access, asker, typed } from '../commands/house.ts';

const memory: FormMemory = { channel: 'C0DATA', env: 'prod', nameEnv: false };
const dag = (params: readonly DagParam[], more: Partial<DagDetails> = {}): DagDetails => ({
	id: 'cm_params',
	paused: false,
	owners: ['data'],
	tags: [],
	hasImportErrors: false,
	params,
	...more,
});

const contractParams: DagParam[] = Object.entries(contractDags.find(({ id }) => id === 'cm_params')?.params ?? {}).map(
	([name, param]) => ({ name, ...param }),
);

const json = (value: unknown) => JSON.parse(JSON.stringify(value));
const blocksOf = (view: View) => json(view.blocks);

/** The form filled in by label, everything else untouched. */
function filled(view: View, values: Readonly<Record<string, string | number | null>> = {}) {
	const blocks = blocksOf(view);
	const state = json(stateOf(blocks, {}));
	for (const { block, blockId, element, actionId } of placedElements(blocks)) {
		const label = String(json(block)['label']?.text);
		if (Object.hasOwn(values, label)) state[blockId] = { [actionId]: chosen(element, values[label] ?? null) };
	}
	return state;
}

const errorsByLabel = (view: View, errors: Readonly<Record<string, string>>) =>
	Object.fromEntries(
		Object.entries(errors).map(([block, text]) => [
			blocksOf(view).find((one: { block_id?: string }) => one.block_id === block)?.label.text,
			text,
		]),
	);

/** What the words would have meant, had they been typed. */
function meant(words: string) {
	const { words: rest, env } = takeEnv(words);
	const { rest: own, values } = takeOptions(splitWords(rest), { values: ['date', 'note'] });
	const [verb, id, ...conf] = own;
	return { verb: verb?.text, dag: id?.text, conf: readConf(conf).json ?? {}, ...Object.fromEntries(values), env };
}

function submit(
	details: DagDetails,
	values: Readonly<Record<string, string | number | null>>,
	kept = memory,
	lang: Lang = 'en',
) {
	const view = paramsView(details, kept, lang);
	const got = wordsFromSubmission(filled(view, values), details, kept, lang);
	return 'words' in got ? meant(got.words) : errorsByLabel(view, got.errors);
}

describe('the DAG picker', () => {
	test('a view that Slack takes, in both languages, and remembers', () => {
		for (const lang of ['en', 'ja'] as const) {
			const view = dagPickerView({ ...memory, nameEnv: true, thread: '1.2' }, lang);
			expect(blockProblems(blocksOf(view), 'modal')).toEqual([]);
			expect(readMemory(view.private_metadata)).toEqual({ ...memory, nameEnv: true, thread: '1.2' });
		}
		expect(readMemory('{"channel": 1}')).toBeUndefined();
		expect(readMemory(undefined)).toBeUndefined();
	});

	test('options: any id, its tail shown, its state in front', async () => {
		const kept = new Map<string, string>();
		const keep = async (words: string) => {
			kept.set(`k${kept.size}`, words);
			return `k${kept.size - 1}`;
		};
		const long = `${'a'.repeat(240)}_tail`;
		const dags: DagSummary[] = [
			{ id: 'etl', paused: false, owners: ['x'], tags: [], hasImportErrors: false },
			{ id: long, paused: true, owners: [], tags: [], hasImportErrors: false, description: 'd'.repeat(300) },
			{ id: 'torn', paused: false, owners: [], tags: [], hasImportErrors: true },
			...Array.from({ length: 200 }, (_, i) => ({
				id: `d${i}`,
				paused: false,
				owners: [],
				tags: [],
				hasImportErrors: false,
			})),
		];
		const { options } = json(await dagOptions(dags, 'en', keep));
		expect(optionProblems(options)).toEqual([]);
		expect(options).toHaveLength(100);
		expect(options[1].text.text).toMatch(/^⏸️ …a+_tail$/);
		expect(options[2].text.text).toBe('💥 torn');
		const back = await Promise.all(
			options
				.slice(0, 3)
				.map((option: { value: string }) => dagOfOption(option.value, async (short) => kept.get(short))),
		);
		expect(back).toEqual(['etl', long, 'torn']);
	});

	test('what was picked', () => {
		const view = dagPickerView(memory, 'en');
		expect(pickedOption(filled(view, { DAG: 'etl' }))).toBe('etl');
		expect(pickedOption(filled(view))).toBeUndefined();
		expect(pickedOption('nonsense')).toBeUndefined();
	});
});

describe('the params', () => {
	test('one input each: type, default, choices, required, help', () => {
		const blocks = blocksOf(paramsView(dag(contractParams), memory, 'en'));
		expect(blockProblems(blocks, 'modal')).toEqual([]);
		const inputs = blocks.filter((block: { type: string }) => block.type === 'input');
		expect(
			inputs.map(({ label, element, optional, hint }: ReturnType<typeof json>) => [
				label.text,
				element.type,
				optional,
				element.initial_value ?? element.initial_option?.text.text,
				hint?.text,
			]),
		).toEqual([
			['Table', 'plain_text_input', false, undefined, 'Table to load, without its dataset. · table'],
			['rows', 'number_input', true, '1000', 'How many rows at most.'],
			['ratio', 'number_input', true, '0.5', undefined],
			['Full reload', 'radio_buttons', true, 'No (false)', 'full'],
			['region', 'static_select', true, 'eu', 'Where the data lives.'],
			['day', 'datepicker', true, undefined, undefined],
			['tags', 'plain_text_input', true, 'daily', 'One a line.'],
			['options', 'plain_text_input', true, '{\n "dry": true\n}', 'JSON.'],
			['plain', 'plain_text_input', true, 'as it is', undefined],
			['Logical date', 'plain_text_input', true, undefined, 'Empty: none. Without a zone it is UTC.'],
			['Note', 'plain_text_input', true, undefined, 'Kept with the run in Airflow, with your name.'],
		]);
	});

	test('untouched, but for what is required: only that is said', () => {
		expect(submit(dag(contractParams), { Table: 'orders' })).toEqual({
			verb: 'trigger',
			dag: 'cm_params',
			conf: { table: 'orders' },
			env: undefined,
		});
	});

	test('everything filled in keeps its type', () => {
		const view = paramsView(dag(contractParams), memory, 'en');
		const option = (label: string, text: string) =>
			blocksOf(view)
				.find((block: ReturnType<typeof json>) => block.label?.text === label)
				.element.options.find((one: ReturnType<typeof json>) => one.text.text === text).value;
		expect(
			submit(
				dag(contractParams),
				{
					Table: 'orders',
					rows: '12',
					ratio: '0.25',
					'Full reload': 'true',
					region: option('region', 'us'),
					day: '2026-11-20',
					tags: 'a b\n\n c',
					options: '{"x": 12345678901234567890}',
					plain: 'it’s “fine” <!channel> & so',
					'Logical date': '2026-11-20T09:30',
					Note: 'after "the" fix --env lab',
				},
				{ ...memory, env: 'lab 1', nameEnv: true },
			),
		).toMatchObject({
			verb: 'trigger',
			conf: {
				table: 'orders',
				rows: 12,
				ratio: 0.25,
				full: true,
				region: 'us',
				day: '2026-11-20',
				tags: ['a b', 'c'],
				plain: 'it’s “fine” <!channel> & so',
			},
			date: '2026-11-20T09:30',
			note: 'after "the" fix --env lab',
			env: 'lab 1',
		});
	});

	test('what is wrong stands under its field', () => {
		const wrong = { Table: 'x', rows: '0', ratio: '2', options: '{"x"', 'Logical date': 'yesterday' };
		expect(submit(dag(contractParams), wrong)).toEqual({
			rows: 'must be 1 or more',
			ratio: 'must be 1 or less',
			options: 'must be a JSON object',
			'Logical date': '“yesterday” is not a date.',
		});
		expect(submit(dag(contractParams), { rows: '1.5' }, memory, 'ja')).toEqual({
			Table: '値が必要です',
			rows: '整数を指定してください',
		});
	});

	test('emptied fields: null where the param takes it, empty text where it is text, else the default', () => {
		const params: DagParam[] = [
			{ name: 'n', value: 5, schema: { type: ['null', 'integer'] } },
			{ name: 'm', value: 5, schema: { type: 'integer' } },
			{ name: 's', value: 'x', schema: { type: 'string' } },
			{ name: 'd', value: '2026-01-01', schema: { type: ['string', 'null'], format: 'date' } },
		];
		expect(submit(dag(params), { n: null, m: null, s: null, d: null })).toMatchObject({
			conf: { n: null, s: '', d: null },
		});
		expect(submit(dag(params), {})).toMatchObject({ conf: {} });
	});

	test('choices of any type, with their shown names, and one that went away', () => {
		const params: DagParam[] = [
			{
				name: 'size',
				value: 10,
				schema: { enum: [null, 10, 20, { big: true }], values_display: { '10': 'ten', '20': 'twenty' } },
			},
		];
		const view = paramsView(dag(params), memory, 'en');
		const options = blocksOf(view)[1].element.options;
		expect(options.map((one: ReturnType<typeof json>) => one.text.text)).toEqual(['ten', 'twenty', '{"big":true}']);
		expect(submit(dag(params), { size: options[2].value })).toMatchObject({ conf: { size: { big: true } } });
		const state = filled(view, { size: options[2].value });
		const now = dag([{ name: 'size', value: 10, schema: { enum: [10, 20] } }]);
		const got = wordsFromSubmission(state, now, memory, 'en');
		expect('errors' in got && Object.values(got.errors)).toEqual([
			'The DAG has changed meanwhile: please open the form again.',
		]);
	});

	test('values never reach another param, whatever became of the DAG meanwhile', () => {
		const view = paramsView(dag([{ name: 'a', value: null, schema: { type: 'string' } }]), memory, 'en');
		const state = filled(view, { a: 'for a' });
		const now = dag([
			{ name: 'b', value: 'b', schema: { type: 'string' } },
			{ name: 'a', value: 'a', schema: { type: 'string' } },
		]);
		const got = wordsFromSubmission(state, now, memory, 'en');
		expect('words' in got && meant(got.words).conf).toEqual({ a: 'for a' });
	});

	test('a paused or broken DAG says so and has nothing to send off', () => {
		for (const more of [{ paused: true }, { hasImportErrors: true }])
			for (const lang of ['en', 'ja'] as const) {
				const view = paramsView(dag(contractParams, more), memory, lang);
				expect(blockProblems(blocksOf(view), 'modal')).toEqual([]);
				expect(view.submit).toBeUndefined();
				expect(JSON.stringify(view)).toMatch(lang === 'ja' ? /実行できません|一時停止中/ : /cannot be started|paused/);
			}
	});

	test('more params than a modal holds: the rest as JSON', () => {
		const params = Array.from({ length: 120 }, (_, i): DagParam => ({ name: `p${i}`, value: i, schema: {} }));
		expect(blockProblems(blocksOf(paramsView(dag(params), memory, 'en')), 'modal')).toEqual([]);
		expect(submit(dag(params), { 'Further params (JSON)': '{"p100": 7}' })).toMatchObject({ conf: { p100: 7 } });
		expect(submit(dag(params), { 'Further params (JSON)': '[1]' })).toEqual({
			'Further params (JSON)': 'must be a JSON object',
		});
	});
});

/** What Slack's pickers refuse beyond lengths and counts. */
function pickerProblem(element: ReturnType<typeof json>): string | undefined {
	const values = (element.options ?? []).map(({ value }: { value: string }) => value);
	if (new Set(values).size < values.length) return 'an option twice';
	const { initial_date, initial_time, initial_date_time, initial_value, min_value, max_value } = element;
	if (initial_date && Number.isNaN(Date.parse(`${initial_date}T00:00:00Z`))) return `date ${initial_date}`;
	if (initial_time && !/^([01]\d|2[0-3]):[0-5]\d$/.test(initial_time)) return `time ${initial_time}`;
	if (initial_date_time !== undefined && String(initial_date_time).length !== 10) return `at ${initial_date_time}`;
	if (element.type === 'number_input' && initial_value !== undefined) {
		if (!/^-?\d+(\.\d+)?$/.test(initial_value)) return `number ${initial_value}`;
		if (Number(initial_value) < Number(min_value ?? initial_value)) return 'below its least';
		if (Number(initial_value) > Number(max_value ?? initial_value)) return 'above its most';
	}
	return undefined;
}

describe('any DAG', () => {
	const text = fc.oneof(
		fc.string({ unit: 'binary', maxLength: 30 }),
		fc.constantFrom('<!channel>', 'x'.repeat(4000), '', '売上', '__proto__'),
	);
	const type = fc.constantFrom('string', 'integer', 'number', 'boolean', 'array', 'object', 'null', 'nonsense', 7);
	const schema = fc.record(
		{
			type: fc.oneof(type, fc.array(type, { maxLength: 3 })),
			enum: fc.array(fc.oneof(text, fc.integer(), fc.constant(null), fc.boolean()), { maxLength: 120 }),
			format: fc.constantFrom('date', 'date-time', 'time', 'multiline', 'x'),
			title: text,
			examples: fc.array(text, { maxLength: 3 }),
			values_display: fc.dictionary(text, text, { maxKeys: 3 }),
			items: fc.constantFrom({ type: 'string' }, { type: 'integer' }, {}),
			minimum: fc.integer(),
			maximum: fc.integer(),
			minLength: fc.nat(5),
			const: fc.integer(),
		},
		{ requiredKeys: [] },
	);
	const param: fc.Arbitrary<DagParam> = fc.record({
		name: text,
		value: fc.oneof(
			fc.constant(null),
			text,
			fc.integer(),
			fc.double(),
			fc.boolean(),
			fc.jsonValue(),
			fc.constant('2026-11-20'),
		),
		description: fc.option(text, { nil: undefined }),
		schema,
	});
	const params = fc.uniqueArray(param, { maxLength: 20, selector: ({ name }) => name });

	test('gives a form that Slack takes, and words that mean what was sent off', () => {
		fc.assert(
			fc.property(params, text, fc.constantFrom<Lang>('en', 'ja'), text, (all, description, lang, note) => {
				const details = dag(all, { description });
				const view = paramsView(details, memory, lang);
				expect(blockProblems(blocksOf(view), 'modal')).toEqual([]);
				for (const { element } of placedElements(blocksOf(view))) expect(pickerProblem(element)).toBeUndefined();
				const got = wordsFromSubmission(
					filled(view, { [lang === 'ja' ? 'メモ' : 'Note']: note }),
					details,
					memory,
					lang,
				);
				if ('errors' in got) {
					const ids = blocksOf(view).map((block: { block_id?: string }) => block.block_id);
					for (const block of Object.keys(got.errors)) expect(ids).toContain(block);
					return;
				}
				const { conf, dag: id } = meant(got.words);
				expect(id).toBe('cm_params');
				// An untouched form says nothing of a param whose default fits.
				for (const one of all)
					if (Object.hasOwn(conf, one.name)) expect(problemOf(one, conf[one.name])).toBeUndefined();
				expect(route(typed(got.words, { via: 'form' }), asker(), access('operator')).kind).toBe('accept');
			}),
			{ numRuns: 500 },
		);
	}, 60_000);
});
