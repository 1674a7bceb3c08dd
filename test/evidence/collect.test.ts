import { describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { collect, type Sources } from '../../src/collect.ts';
import { Trouble } from '../../src/domain/errors.ts';
import { failed } from './failed.ts';

describe('one round of evidence', () => {
	test('reads what was asked for, once, all at the same time; nothing else', async () => {
		const asked: string[] = [];
		const slowly = <T>(name: string, answer: T) => ({
			async read() {
				asked.push(name);
				await sleep(60);
				return answer;
			},
		});
		const sources: Sources = {
			pools: slowly('pools', []),
			importErrors: slowly('importErrors', []),
			eventLog: slowly('eventLog', []),
		};
		const begin = performance.now();
		const { seen, gaps } = await collect(new Set(['pools', 'importErrors']), sources, failed());
		expect(performance.now() - begin).toBeLessThan(110);
		expect(asked.sort()).toEqual(['importErrors', 'pools']);
		expect(seen).toEqual({ pools: [], importErrors: [] });
		expect(gaps).toEqual([]);
	});

	test('what cannot be read is a gap that names the reason, and delays nothing', async () => {
		const sources: Sources = {
			eventLog: {
				permission: 'can_read on Audit Logs',
				read: async () => {
					throw new Trouble('denied', 'x', 'May not.', {
						hint: 'Ask an Admin.',
						ja: { message: '権限がありません。' },
					});
				},
			},
			pools: {
				read: async () => {
					throw new Trouble('upstream', 'x', 'Away.');
				},
			},
			importErrors: { withinMs: 30, read: () => sleep(5000, [], { ref: false }) },
			dag: {
				read: async () => {
					throw new TypeError('a bug with a secret in its message');
				},
			},
		};
		const { seen, gaps } = await collect(
			new Set(['eventLog', 'pools', 'importErrors', 'dag', 'kubernetesEvents']),
			sources,
			failed(),
		);
		expect(seen).toEqual({});
		expect(Object.fromEntries(gaps.map(({ source, because, say }) => [source, [because, say.en]]))).toEqual({
			eventLog: ['denied', 'May not. Ask an Admin.'],
			pools: ['unavailable', 'Away.'],
			importErrors: ['timeout', 'no answer in time'],
			dag: ['unavailable', 'could not be read'],
			kubernetesEvents: ['absent', 'not read in this environment'],
		});
		expect(gaps.find(({ source }) => source === 'eventLog')?.permission).toBe('can_read on Audit Logs');
	});
});
