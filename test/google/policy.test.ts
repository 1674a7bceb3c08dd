import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Binding } from '../../src/domain/evidence.ts';
import { policyChanges, policyDiff, type PolicyRecord } from '../../src/domain/policy.ts';

const role = fc.constantFrom('roles/iam.workloadIdentityUser', 'roles/editor', 'roles/composer.worker');
const member = fc.constantFrom('user:a@x', 'serviceAccount:b@x', 'serviceAccount:p.svc.id.goog[ns/ksa]', 'group:c@x');
const binding: fc.Arbitrary<Binding> = fc.record(
	{ role, members: fc.uniqueArray(member), condition: fc.constantFrom('until june', 'office') },
	{ requiredKeys: ['role', 'members'] },
);
const policy = fc.array(binding, { maxLength: 5 });

const pairs = (bindings: readonly Binding[]) =>
	new Set(
		bindings.flatMap(({ role, members, condition }) => members.map((one) => `${role} ${condition ?? ''} ${one}`)),
	);

describe('the difference of two policies', () => {
	test('is what one has and the other has not, and nothing for the same', () => {
		fc.assert(
			fc.property(policy, policy, (before, after) => {
				const { added, removed } = policyDiff(before, after);
				const [old, now] = [pairs(before), pairs(after)];
				expect(added).toHaveLength([...now].filter((one) => !old.has(one)).length);
				expect(removed).toHaveLength([...old].filter((one) => !now.has(one)).length);
				expect(policyDiff(after, before)).toEqual({ added: removed, removed: added });
				expect(policyDiff(before, before)).toEqual({ added: [], removed: [] });
			}),
		);
	});

	test('the order of bindings and members, and how a role is spread over bindings, make none', () => {
		const one = [{ role: 'roles/editor', members: ['user:a@x', 'user:b@x'] }];
		const other = [
			{ role: 'roles/editor', members: ['user:b@x'] },
			{ role: 'roles/editor', members: ['user:a@x'] },
		];
		expect(policyDiff(one, other)).toEqual({ added: [], removed: [] });
	});
});

describe('changes out of audit entries', () => {
	const WIU = 'roles/iam.workloadIdentityUser';
	const entry = (at: string, members: string[] | undefined, more: Partial<PolicyRecord> = {}): PolicyRecord => ({
		at: `2026-11-${at}:00Z`,
		actor: 'terraform@acme.iam',
		on: 'serviceAccount',
		target: 'sa@acme',
		after: members && [{ role: WIU, members }],
		...more,
	});

	test('two consecutive entries name who was removed, when and by whom; entries of others do not come between', () => {
		const found = policyChanges(
			[
				entry('24T09:30', ['kpo']),
				entry('24T09:00', ['x'], { target: 'other@acme' }),
				entry('01T08:00', ['system', 'default', 'kpo'], { actor: 'agent' }),
			],
			Date.parse('2026-11-20T00:00:00Z'),
		);
		expect(found).toEqual([
			{
				at: '2026-11-24T09:30:00Z',
				on: 'serviceAccount',
				actor: 'terraform@acme.iam',
				added: [],
				removed: [
					{ role: WIU, member: 'system' },
					{ role: WIU, member: 'default' },
				],
			},
		]);
	});

	test('the first entry has nothing to be compared with: its own word counts, else it is silent', () => {
		const delta = { added: [], removed: [{ role: 'roles/composer.worker', member: 'sa' }] };
		expect(policyChanges([entry('24T09:30', ['kpo'])], 0)).toEqual([]);
		expect(policyChanges([entry('24T09:30', undefined, { on: 'project', target: 'acme', delta })], 0)).toMatchObject([
			{ on: 'project', removed: delta.removed },
		]);
	});

	test('what changed nothing is left out, what is newest stands first', () => {
		const found = policyChanges(
			[
				entry('21T00:00', ['a']),
				entry('22T00:00', ['a', 'b']),
				entry('23T00:00', ['b', 'a']),
				entry('24T00:00', ['a']),
			],
			0,
		);
		expect(found.map(({ at, added, removed }) => [at.slice(8, 10), added.length, removed.length])).toEqual([
			['24', 0, 1],
			['22', 1, 0],
		]);
	});
});
