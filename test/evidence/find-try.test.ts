import { describe, expect, test } from '@jest/globals';
import { findTry } from '../../commands/_parts/find-try.ts';
import type { DagRun, TaskInstance } from '../../src/domain/airflow.ts';
import { Trouble } from '../../src/domain/errors.ts';
import { fakeAirflow } from '../commands/house.ts';

const run: DagRun = { dag: 'd', run: 'r', state: 'failed', runType: 'manual', logicalDate: null, conf: {}, note: null };

/** `'a:failed@3'`: task a, failed in minute 3. */
const instances = (text: string): TaskInstance[] =>
	text.split(' ').map((one) => {
		const [, task = '', state = '', minute] = /^(\w+):(\w+)(?:@(\d))?$/.exec(one) ?? [];
		return {
			dag: 'd',
			run: 'r',
			task,
			mapIndex: -1,
			tryNumber: 1,
			maxTries: 0,
			state,
			...(minute === undefined ? {} : { endedAt: `2026-11-24T10:0${minute}:00Z` }),
		};
	});

/** `'a>b,c b>d'` */
const edges = (text: string): ReadonlyMap<string, readonly string[]> =>
	new Map(
		text.split(' ').map((one) => {
			const [from = '', to = ''] = one.split('>');
			return [from, to.split(',')] as const;
		}),
	);

async function find(task: string, tasks: string, dependencies: string | Trouble | undefined) {
	let calls = 0;
	const airflow = fakeAirflow({
		run: async () => run,
		taskInstances: async () => instances(tasks),
		async dependencies() {
			calls++;
			if (dependencies instanceof Trouble) throw dependencies;
			return dependencies === undefined ? undefined : edges(dependencies);
		},
	});
	const found = await findTry({ dag: 'd', run: 'r', task }, airflow, 'failed');
	return found.kind === 'try' ? { task: found.task.task, from: found.walkedFrom, calls } : { kind: found.kind, calls };
}

describe('from a task that only waited', () => {
	test.each([
		[
			'to the one it depends on, though another failed before',
			'e',
			'x:failed@1 a:success b:failed@3 e:upstream_failed',
			'a>b b>e x>y',
			'b',
		],
		[
			'through others that waited',
			'e',
			'x:failed@1 b:failed@3 c:upstream_failed d:upstream_failed e:upstream_failed',
			'b>c c>d d>e x>y',
			'b',
		],
		['to the first of several', 'e', 'a:failed@4 b:failed@2 e:upstream_failed', 'a>e b>e', 'b'],
		['not past one that went well', 'e', 'x:failed@1 a:success b:failed@3 e:upstream_failed', 'x>a a>e b>e', 'b'],
		[
			'in a DAG whose edges no longer lead anywhere: the first that failed',
			'e',
			'x:failed@1 b:failed@3 e:upstream_failed',
			'x>y',
			'x',
		],
		['round a ring that cannot be', 'e', 'b:failed@3 c:upstream_failed e:upstream_failed', 'c>e e>c b>c', 'b'],
	])('%s', async (_, task, tasks, dependencies, expected) => {
		expect(await find(task, tasks, dependencies)).toEqual({ task: expected, from: task, calls: 1 });
	});

	test.each([[new Trouble('denied', 'no', 'no')], [undefined]])(
		'the edges cannot be read: the first that failed',
		async (edgesOf) => {
			expect(await find('e', 'x:failed@1 b:failed@3 e:upstream_failed', edgesOf)).toEqual({
				task: 'x',
				from: 'e',
				calls: 1,
			});
		},
	);

	test('nothing is asked for one that failed by itself', async () => {
		expect(await find('b', 'x:failed@1 b:failed@3', 'x>b')).toEqual({ task: 'b', from: undefined, calls: 0 });
	});
});
