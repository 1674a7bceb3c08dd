import { describe, expect, test } from '@jest/globals';
import { dirname, join, normalize } from 'node:path';
import { sources, type Source } from './sources.ts';

/**
 * The floors of the house, lowest first: a file may import from its own floor (unless `alone`) and from lower ones.
 * The first pattern that fits a path decides.
 */
const FLOORS: readonly { floor: number; name: string; fits: RegExp; alone?: boolean }[] = [
	{ floor: 0, name: 'ground: pure', fits: /^src\/(domain|rules|diagnosis|alerts|scaling|access)\// },
	{ floor: 1, name: 'what the clients share', fits: /^src\/clients\/base\// },
	{ floor: 2, name: 'clients', fits: /^src\/clients\//, alone: true },
	{
		floor: 3,
		name: 'settings and the bundle of clients',
		fits: /^src\/((config|deps|build-deps|collect)\.ts$|(sources|checkups)\/)/,
	},
	{ floor: 4, name: 'commands', fits: /^commands\// },
	{ floor: 5, name: 'worker', fits: /^worker\// },
	{ floor: 6, name: 'the doors', fits: /^src\/(slack|http)\// },
	{ floor: 7, name: 'sandbox', fits: /^src\/sandbox\// },
	{ floor: 8, name: 'roof', fits: /^src\/(main|run|bot|voice|demo|doctor|gen)\.ts$/ },
];

const floorOf = (path: string) => FLOORS.find(({ fits }) => fits.test(path));

/** `src/clients/airflow/v1.ts` and `src/clients/airflow.ts` are one client. */
const clientOf = (path: string): string => path.replace(/^src\/clients\//, '').replace(/(\.ts|\/.*)$/, '');

function problems(file: Source): string[] {
	const mine = floorOf(file.path);
	if (!mine) return [`${file.path} stands on no floor: move it, or name its floor in test/guardians/floors.test.ts`];
	return file.imports.flatMap((specifier) => {
		if (!specifier.startsWith('.')) return [];
		const target = normalize(join(dirname(file.path), specifier));
		const theirs = floorOf(target);
		if (!theirs) return [`${file.path} imports ${target}, which stands on no floor`];
		if (theirs.floor > mine.floor) return [`${file.path} (${mine.name}) reaches up to ${target} (${theirs.name})`];
		if (mine.alone && theirs === mine && clientOf(target) !== clientOf(file.path))
			return [`${file.path} reaches sideways to ${target}: clients do not know each other`];
		return [];
	});
}

describe('floors', () => {
	test('imports point down, never sideways between clients', () => {
		expect(sources().flatMap(problems)).toEqual([]);
	});

	test('the check sees a file that reaches up, one that reaches sideways and one without a floor', () => {
		const found = [
			{ path: 'src/domain/x.ts', imports: ['../clients/slack.ts'], text: '' },
			{ path: 'src/clients/slack.ts', imports: ['./queue.ts'], text: '' },
			{ path: 'src/clients/airflow.ts', imports: ['./airflow/v1.ts'], text: '' },
			{ path: 'lib/x.ts', imports: [], text: '' },
		].map((file) => problems(file).length);
		expect(found).toEqual([1, 1, 0, 1]);
	});
});
