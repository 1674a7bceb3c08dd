import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import * as filters from '../../src/clients/logging/filters.ts';
import { parseFilter, type Filter } from '../../src/sandbox/google/filter.ts';

const FRAME = { from: '2026-11-24T09:45:00.000Z', to: '2026-11-24T10:20:00.000Z' };

/** Every filter there is, with one foreign text wherever a foreign text can stand. */
function all(hostile: string): Record<string, string> {
	const place = { project: 'acme-data-prod', location: 'europe-west1', name: 'prod', cluster: hostile };
	const one = { dag: hostile, run: hostile, task: hostile, mapIndex: 3, tryNumber: 2, logicalDate: hostile };
	return {
		taskEntries: filters.taskEntries(place, one, FRAME),
		workerLines: filters.workerLines(place, hostile, FRAME),
		schedulerLines: filters.schedulerLines(place, one, FRAME),
		triggererLines: filters.triggererLines(place, one, FRAME),
		dagProcessorLines: filters.dagProcessorLines(place, one, FRAME),
		agentLines: filters.agentLines({ ...place, name: hostile }, FRAME),
		kubernetesEvents: filters.kubernetesEvents(place, { pod: hostile, host: hostile, namespace: hostile }, FRAME),
		autoscalerLines: filters.autoscalerLines(place, FRAME),
		policyEntries: filters.policyEntries(hostile, FRAME.from),
		auditEntries: filters.auditEntries(place, hostile, FRAME.from, FRAME),
		failureLines: filters.failureLines({ ...place, name: hostile }),
	};
}

/** The filter without what its values are: fields, operators and how they are joined. */
function shapeOf(filter: Filter): unknown {
	return JSON.parse(JSON.stringify(filter, (key, value: unknown) => (key === 'value' ? '…' : value)));
}

function valuesOf(filter: unknown): string[] {
	if (Array.isArray(filter)) return filter.flatMap(valuesOf);
	if (typeof filter !== 'object' || filter === null) return [];
	return Object.entries(filter).flatMap(([key, value]) =>
		key === 'value' && typeof value === 'string' ? [value] : valuesOf(value),
	);
}

// What a DAG id, a run id or a host name of a hostile Airflow may hold: quotes, backslashes, operators, line ends, any Unicode.
const hostile = fc.oneof(
	fc.string({ unit: 'binary', maxLength: 60 }),
	fc
		.array(
			fc.constantFrom(
				'"',
				'\\',
				'\n',
				'\r',
				'\u2028',
				' OR ',
				'NOT ',
				'(',
				')',
				'--',
				':*',
				'=~',
				'/',
				'a',
				'\u0000',
				'\\u0022',
			),
			{
				maxLength: 20,
			},
		)
		.map((parts) => parts.join('')),
);

describe('filters of Cloud Logging', () => {
	test('a foreign text never leaves its quotes, and is asked for as it is', () => {
		const shapes = Object.fromEntries(
			Object.entries(all('plain')).map(([name, one]) => [name, shapeOf(parseFilter(one))]),
		);
		fc.assert(
			fc.property(hostile, (text) => {
				for (const [name, filter] of Object.entries(all(text))) {
					const parsed = parseFilter(filter);
					expect([name, shapeOf(parsed)]).toEqual([name, shapes[name]]);
					if (/cluster|Entries|Lines|Events/.test(name)) expect(valuesOf(parsed)).toContain(text);
				}
			}),
			{ numRuns: 60 },
		);
	});

	test('fits into what Google takes, however long the ids are', () => {
		for (const filter of Object.values(all('"'.repeat(250)))) expect(filter.length).toBeLessThan(20_000);
	});

	test.each<[string, string, string | null | undefined, string[]]>([
		['scheduled', 'scheduled__2026-11-24T00:00:00+00:00', undefined, ['2026-11-24T00:00:00+00:00']],
		['named by Airflow, as JSON writes it', 'x', '2026-11-24T00:00:00Z', ['2026-11-24T00:00:00+00:00']],
		['with microseconds', 'x', '2026-11-24T00:00:00.120000Z', ['2026-11-24T00:00:00.120000+00:00']],
		['an Airflow 3 run without a date', 'asset_triggered__1', null, []],
	])('the older label names a run by its logical date: %s', (_, run, date, dates) => {
		expect(filters.executionDates(run, date)).toEqual(dates);
	});
});
