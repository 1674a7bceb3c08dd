import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { matches, mayDo, reachOf, roleOf, type Access, type Grant } from '../../src/access/roles.ts';

const grants: readonly Grant[] = [
	{ role: 'admin', users: ['UBOSS'] },
	{ role: 'operator', groups: ['SDATA'], environments: ['prod'], dags: ['sales_*', 'reporting'] },
	{ role: 'operator', channels: ['CLAB'], environments: ['lab'] },
	{ role: 'viewer', users: ['UEVE'], groups: ['SSALES'] },
];
const access: Access = { grants, everyone: 'operator', environments: ['prod', 'lab'] };
const somebody = { user: 'UX', groups: [] as string[], outsider: false };

describe('roles', () => {
	test.each([
		['by user, anywhere', { user: 'UBOSS' }, { channel: 'C', env: 'prod', dag: 'x' }, 'admin'],
		['by group, on its DAGs', { groups: ['SDATA'] }, { channel: 'C', env: 'prod', dag: 'sales_eu' }, 'operator'],
		['by group, another DAG', { groups: ['SDATA'] }, { channel: 'C', env: 'prod', dag: 'hr' }, undefined],
		['by group, another environment', { groups: ['SDATA'] }, { channel: 'C', env: 'lab', dag: 'sales_eu' }, undefined],
		['by group, DAG not known yet', { groups: ['SDATA'] }, { channel: 'C', env: 'prod' }, 'operator'],
		['by group, nothing known yet', { groups: ['SDATA'] }, { channel: 'C' }, 'operator'],
		['by channel', {}, { channel: 'CLAB', env: 'lab', dag: 'x' }, 'operator'],
		['by channel, elsewhere', {}, { channel: 'C', env: 'lab', dag: 'x' }, undefined],
		['user or group', { user: 'UEVE' }, { channel: 'C', env: 'prod', dag: 'x' }, 'viewer'],
		['user or group', { groups: ['SSALES'] }, { channel: 'C', env: 'prod', dag: 'x' }, 'viewer'],
		[
			'the widest that fits',
			{ user: 'UEVE', groups: ['SDATA'] },
			{ channel: 'C', env: 'prod', dag: 'sales_x' },
			'operator',
		],
		['an outsider never', { user: 'UBOSS', outsider: true }, { channel: 'CLAB', env: 'lab', dag: 'x' }, undefined],
	] as const)('%s', (_name, person, place, role) => {
		expect(roleOf(access, { ...somebody, ...person }, place)).toBe(role);
	});

	test('everyone is what the settings say only while there are no grants', () => {
		expect(roleOf({ ...access, grants: [] }, somebody, { channel: 'C' })).toBe('operator');
		expect(roleOf(access, somebody, { channel: 'C' })).toBeUndefined();
		expect(roleOf({ ...access, grants: [] }, { ...somebody, outsider: true }, { channel: 'C' })).toBeUndefined();
	});

	test('wider roles include narrower ones', () => {
		const boss = { ...somebody, user: 'UBOSS' };
		expect(
			(['viewer', 'operator', 'admin'] as const).map((role) => mayDo(access, boss, { channel: 'C' }, role)),
		).toEqual([true, true, true]);
		expect(mayDo(access, { ...somebody, user: 'UEVE' }, { channel: 'C' }, 'operator')).toBe(false);
	});

	test.each([
		['admin: everything', { user: 'UBOSS' }, 'prod', 'operator', undefined],
		['by group: its DAGs', { groups: ['SDATA'] }, 'prod', 'operator', ['sales_*', 'reporting']],
		['by group, elsewhere: nothing', { groups: ['SDATA'] }, 'lab', 'viewer', []],
		['by group, but viewers only', { groups: ['SSALES'] }, 'prod', 'operator', []],
		['the wider of two', { user: 'UEVE', groups: ['SDATA'] }, 'prod', 'viewer', undefined],
		['an outsider: nothing', { user: 'UBOSS', outsider: true }, 'prod', 'viewer', []],
	] as const)('reaches, %s', (_name, person, env, needs, reach) => {
		expect(reachOf(access, { ...somebody, ...person }, { channel: 'C', env }, needs)).toEqual(reach);
	});

	test('within its reach one may, beyond it not, whatever the grants', () => {
		const text = fc.constantFrom('a', 'ab', 'b', '*', 'a*', '*b');
		const grant = fc.record({
			role: fc.constantFrom('viewer' as const, 'operator' as const, 'admin' as const),
			users: fc.constantFrom(undefined, ['UX'], ['UY']),
			environments: fc.constantFrom(undefined, ['prod'], ['lab']),
			dags: fc.option(fc.array(text), { nil: undefined }),
		});
		fc.assert(
			fc.property(fc.array(grant), fc.constantFrom('a', 'ab', 'b', 'c'), (some, dag) => {
				const all: Access = { ...access, grants: some, everyone: 'viewer' };
				const reach = reachOf(all, somebody, { channel: 'C', env: 'prod' }, 'operator');
				const within = reach === undefined || reach.some((pattern) => matches(pattern, dag));
				expect(mayDo(all, somebody, { channel: 'C', env: 'prod', dag }, 'operator')).toBe(within);
			}),
		);
	});

	test('a grant that names nobody in its lists gives nothing', () => {
		const none: Access = {
			...access,
			grants: [
				{ role: 'admin', users: [] },
				{ role: 'admin', groups: [], users: [] },
			],
		};
		expect(roleOf(none, somebody, { channel: 'C' })).toBeUndefined();
	});
});

describe('DAG patterns', () => {
	test.each([
		['sales_*', 'sales_eu', true],
		['sales_*', 'sales_', true],
		['sales_*', 'xsales_eu', false],
		['*_eu', 'sales_eu', true],
		['a*b*c', 'a1b2c', true],
		['a*b*c', 'acb', false],
		['ab*ba', 'aba', false],
		['*', '', true],
		['sales.eu', 'salesXeu', false],
		['売上_*', '売上_日次', true],
	])('%s on %s: %s', (pattern, id, fits) => {
		expect(matches(pattern, id)).toBe(fits);
	});

	test('says what a regular expression would', () => {
		const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 });
		const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 8 });
		fc.assert(
			fc.property(pattern, letters, (glob, id) => {
				const regex = new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
				expect(matches(glob, id)).toBe(regex.test(id));
			}),
			{ numRuns: 3000 },
		);
	});
});
