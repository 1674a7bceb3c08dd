import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ZodType } from 'zod';
import * as answers from '../../src/clients/airflow/answers.ts';
import { anyAnswer } from './any-answer.ts';

/** What is asked of each generation, and what the answer is read with. Paths as in the documents, less /api/v2. */
const READ: readonly (readonly [method: string, path: string, reads: ZodType, only?: 1 | 2])[] = [
	['get', '/dags', answers.dagsAnswer],
	['get', '/dags/{dag_id}', answers.dagAnswer],
	['patch', '/dags/{dag_id}', answers.dagAnswer],
	['get', '/dags/{dag_id}/details', answers.dagAnswer],
	['get', '/dags/{dag_id}/tasks', answers.dagTasksAnswer],
	['get', '/dags/{dag_id}/dagRuns', answers.runsAnswer],
	['post', '/dags/{dag_id}/dagRuns', answers.runAnswer],
	['get', '/dags/{dag_id}/dagRuns/{dag_run_id}', answers.runAnswer],
	['get', '/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances', answers.tasksAnswer],
	['get', '/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}', answers.taskAnswer],
	['post', '/dags/{dag_id}/clearTaskInstances', answers.clearAnswer, 2],
	['get', '/importErrors', answers.importErrorsAnswer],
	['get', '/eventLogs', answers.eventLogsAnswer],
	['get', '/pools', answers.poolsAnswer],
	['get', '/config', answers.configAnswer],
];

describe.each([1, 2] as const)('what v%d may answer is understood', (api) => {
	const answer = anyAnswer(api);
	test.each(READ.filter(([, , , only]) => only === undefined || only === api))('%s %s', (method, path, reads) => {
		fc.assert(
			fc.property(answer(method, api === 1 ? path : `/api/v2${path}`), (body) => {
				const read = reads.safeParse(body);
				expect(read.error?.issues ?? []).toEqual([]);
			}),
			{ numRuns: 200 },
		);
	});
});
