import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Checkup } from '../../src/deps.ts';
import { seeded } from '../../src/sandbox/slack/random.ts';
import { breakages, pairs, type Breakage } from './breakages.ts';
import { openHouse, type Ground, type House } from './house.ts';

jest.setTimeout(30_000);

let house: House;
beforeAll(async () => {
	house = await openHouse();
}, 30_000);
afterAll(() => house.close());

const amiss = (checks: readonly Checkup[]) => checks.filter(({ ok, partly }) => !ok || partly);

/** Each expected line is there once, nothing else is, and each says whom to ask or what to type, in both languages. */
function expectSaid(checks: readonly Checkup[], ground: Ground, broken: readonly Breakage[]): void {
	const said = amiss(checks).map(({ what, found }) => `${what}: ${found.en}`);
	const expected = broken.flatMap((one) => one.says(ground));
	const left = [...said];
	for (const [what, line] of expected) {
		const at = left.findIndex((each) => each.startsWith(`${what}: `) && line.test(each));
		if (at < 0)
			throw new Error(
				`${broken.map(({ name }) => name).join(' + ')}: nobody says ${what} ${String(line)}\n${said.join('\n')}`,
			);
		left.splice(at, 1);
	}
	expect(left).toEqual([]);
	for (const { found } of amiss(checks)) expect(found.ja).toMatch(/[぀-ヿ一-鿿]/);
	expect(amiss(checks).some(({ ok }) => !ok)).toBe(broken.some(({ fatal }) => fatal === true));
}

test('a healthy set-up is quiet: one line each', async () => {
	const { checks } = await house.examine(() => undefined);
	expect(amiss(checks).map(({ what, found }) => `${what}: ${found.en}`)).toEqual([]);
	expect(checks.map(({ what }) => what)).toEqual([
		'Slack',
		'Redis',
		'Airflow lab',
		'Airflow prod',
		'Google Cloud prod',
	]);
});

test('and so is one with the roles that domain/needs.ts names, no more', async () => {
	const { checks } = await house.examine(() => undefined, 'predefined');
	expect(amiss(checks).map(({ what, found }) => `${what}: ${found.en}`)).toEqual([]);
});

describe('one thing broken at a time', () => {
	test.each(breakages.map((one) => [one.name, one] as const))('%s', async (_, one) => {
		const { checks, ground } = await house.examine(one.breakIt);
		expectSaid(checks, ground, [one]);
	});
});

test('a role that lacks: the command that grants it, to whom and where', async () => {
	const { checks } = await house.examine(
		breakages.find(({ name }) => name.includes('monitoring.timeSeries.list'))?.breakIt ?? (() => undefined),
	);
	expect(amiss(checks)[0]?.mend?.en).toBe(
		'`gcloud projects add-iam-policy-binding acme-data-prod --member=serviceAccount:BOT_ACCOUNT --role=roles/monitoring.viewer --condition=None`',
	);
});

describe('pairs', () => {
	const random = seeded(1);
	const sample = pairs
		.map((pair) => ({ ...pair, at: random() }))
		.toSorted((a, b) => a.at - b.at)
		.slice(0, 25);

	test.each(sample.map((pair) => [`${pair.one.name} + ${pair.two.name}`, pair] as const))('%s', async (_, pair) => {
		const { one, two, samePart } = pair;
		const { checks, ground } = await house.examine(async (it) => {
			await one.breakIt(it);
			await two.breakIt(it);
		});
		if (!samePart) return expectSaid(checks, ground, [one, two]);
		const said = amiss(checks).flatMap(({ found, mend }) => [found.en, mend?.en ?? '']);
		for (const name of [one, two].flatMap((each) => each.names?.(ground) ?? []))
			expect(said).toContainEqual(expect.stringMatching(name));
	});
});
