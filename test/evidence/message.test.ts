import { describe, expect, test } from '@jest/globals';
import { SOURCE_NAMES } from '../../src/diagnosis/source-names.ts';
import { verdictParts } from '../../src/diagnosis/verdict-message.ts';
import type { Judged, Verdict } from '../../src/diagnosis/verify.ts';
import type { Gap } from '../../src/domain/evidence.ts';
import type { Lang } from '../../src/domain/text.ts';
import { blockProblems, blockTextLength } from '../../src/sandbox/slack/blocks.ts';
import { render } from '../../src/slack/render.ts';
import { shown } from '../commands/house.ts';
import { at } from './values.ts';

const text = (en: string) => ({ en, ja: `${en} です` });

const judged = (more: Partial<Judged> = {}): Judged => ({
	cause: 'worker-oom-task-sigkill',
	title: text('The task was killed'),
	status: 'likely',
	evidence: [
		{ line: 41, text: 'Task exited with return code -9' },
		{ line: 3, text: 'Errno 107', source: 'workerLog', at: at('10:04') },
	],
	because: {
		because: text('`worker-1` used 3.9 of 4 GB'),
		source: 'workerMemory',
		at: at('10:04'),
		verified: 'confirmed',
	},
	gaps: [],
	lowered: ['workerMemory'],
	facts: {},
	fix: [{ say: 'Fewer tasks at once:' }, { code: 'gcloud composer environments update etl', lang: 'sh' }],
	docs: 'https://example.com/docs',
	...more,
});

const denied = (source: Gap['source']): Gap => ({
	source,
	because: 'denied',
	say: text('may not be read'),
	permission: 'monitoring.timeSeries.list',
	role: 'roles/monitoring.viewer',
});

const verdict = (more: Partial<Verdict> = {}): Verdict => ({
	verdict: 'worker-oom-task-sigkill',
	status: 'likely',
	findings: [judged(), judged({ title: text('A zombie'), status: 'possible' })],
	ruledOut: [{ cause: 'x', title: text('A person stopped it'), because: text('nobody did'), source: 'eventLog' }],
	beside: [{ cause: 'y', because: text('an update ran meanwhile') }],
	gaps: [
		denied('workerMemory'),
		denied('restarts'),
		{ source: 'kubernetesEvents', because: 'absent', say: text('not here') },
	],
	notes: [],
	lastException: undefined,
	tail: [],
	...more,
});

const said = (it: Verdict, full: boolean, lang: Lang = 'en') =>
	shown({ parts: verdictParts(it, { lang, full }).parts, to: 'asker' });

test('cause, evidence with its source and time, fix, the others, what was ruled out and by what, what could not be read', () => {
	expect(said(verdict(), false)).toEqual([
		'🔎 *The task was killed* (likely)',
		'`worker-1` used 3.9 of 4 GB (Cloud Monitoring: worker memory, {2026-11-24T10:04})',
		'Line 41 of the task log:',
		'| Task exited with return code -9',
		'(Not sure, because I could not read Cloud Monitoring: worker memory.)',
		'*Fix*',
		'Fewer tasks at once:',
		'| gcloud composer environments update etl',
		'*Also possible*',
		'- A zombie (possible)',
		'*Ruled out*',
		"- A person stopped it: nobody did (Airflow's event log)",
		'(ℹ️ an update ran meanwhile)',
		'*What I could not read*',
		'- Cloud Monitoring: worker memory, Cloud Monitoring: restarts: may not be read (needs monitoring.timeSeries.list, role roles/monitoring.viewer)',
	]);
});

test('all of it: every line that decides, and what such an environment has not', () => {
	const all = said(verdict(), true).join('\n');
	expect(all).toContain('The worker log, {2026-11-24T10:04}:\n| Errno 107');
	expect(all).toContain('(Not there in this kind of environment: Kubernetes events.)');
	expect(all).toContain('Documentation');
	const ja = said(verdict(), true, 'ja').join('\n');
	expect(ja).toContain('ワーカーのログ、{2026-11-24T10:04}:');
	expect(ja).toContain(
		'（確定ではありません: Cloud Monitoring: ワーカーのメモリを読み取れませんでした。）'.slice(1, -1),
	);
	expect(ja).toContain('*読み取れなかったもの*');
});

describe.each([true, false])('too much of everything, full: %s', (full) => {
	test.each(['en', 'ja'] as const)('%s fits one message, and what could not be read is in it', async (lang) => {
		const long = 'あ'.repeat(3000);
		const it = verdict({
			findings: Array.from({ length: 5 }, () =>
				judged({
					title: text(long.slice(0, 200)),
					because: { because: text(long), source: 'workerMemory', verified: 'likely', at: at('10:04') },
					evidence: Array.from({ length: 8 }, () => ({
						line: 1,
						text: long,
						source: 'workerLog' as const,
						at: at('10:04'),
					})),
					fix: Array.from({ length: 40 }, () => ({ say: long, code: long, lang: 'sh' as const })),
				}),
			),
			ruledOut: Array.from({ length: 30 }, () => ({
				cause: 'x',
				title: text('t'),
				because: text(long),
				source: 'eventLog' as const,
			})),
			beside: Array.from({ length: 30 }, () => ({ cause: 'x', because: text(long) })),
			gaps: Array.from({ length: 30 }, (_, i) => ({
				...denied('restarts'),
				say: text(long),
				permission: `permission.${i}`,
			})),
			notes: Array.from({ length: 30 }, () => long),
		});
		const { parts, cut } = verdictParts(it, { lang, full });
		const { blocks } = await render({ parts, to: 'asker' }, lang, async () => 'f'.repeat(24));
		const json = JSON.parse(JSON.stringify(blocks));
		expect(blockProblems(json, 'message')).toEqual([]);
		expect(blockTextLength(json)).toBeLessThan(13_000);
		expect(cut).toBe(true);
		const told = lang === 'ja' ? '読み取れなかったもの' : 'What I could not read';
		expect(JSON.stringify(blocks).includes(told)).toBe(true);
	});
});

test('nothing known: the last exception, or the end of the log', () => {
	const none = { findings: [], verdict: 'unknown', status: 'unknown', ruledOut: [], beside: [], gaps: [] } as const;
	expect(said(verdict({ ...none, lastException: 'KeyError: x' }), false)).toEqual([
		'❔ *Cause unknown*',
		'Last exception:',
		'| KeyError: x',
	]);
	expect(said(verdict({ ...none, tail: ['a', 'b'] }), false)).toEqual([
		'❔ *Cause unknown*',
		'End of the log:',
		'| a',
		'| b',
	]);
});

test.each(['en', 'ja'] as const)('names every source it could not read, however many rights lack (%s)', (lang) => {
	const names = Object.keys(SOURCE_NAMES) as (keyof typeof SOURCE_NAMES)[];
	const it = verdict({ gaps: names.map((name) => ({ ...denied('restarts'), source: name, permission: name })) });
	const said = JSON.stringify(verdictParts(it, { lang, full: false }).parts);
	expect(names.filter((name) => !said.includes(SOURCE_NAMES[name][lang]))).toEqual([]);
});
