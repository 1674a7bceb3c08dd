import { describe, expect, test } from '@jest/globals';
import { sourceName } from '../../src/diagnosis/source-names.ts';
import { verdictParts } from '../../src/diagnosis/verdict-message.ts';
import type { Judged, Verdict } from '../../src/diagnosis/verify.ts';
import type { Gap, SourceName } from '../../src/domain/evidence.ts';
import type { FixStep, Status } from '../../src/domain/rule.ts';
import { rules } from '../../src/rules/index.ts';
import type { Scenario } from '../../src/sandbox/scenarios/index.ts';
import { applyFix, type FillIn } from '../../src/sandbox/scenarios/repair.ts';
import { isComposer, type Place, type Stage } from '../../src/sandbox/scenarios/stage.ts';
import { botOn, noting, refused } from './bot.ts';
import { at, expected, type Expected } from './expected.ts';
import { ask, tell, type Told } from './tell.ts';

const ORDER: Readonly<Record<Status, number>> = { unknown: 0, possible: 1, likely: 2, confirmed: 3 };

/** Each story in each place: what the bot says of it, what it says when it may not look, and what comes of its fix. */
export function describeStories(stories: readonly Scenario[]): void {
	describe.each(stories.flatMap((scenario) => scenario.places.map((place) => ({ id: scenario.id, place, scenario }))))(
		'$id on $place',
		({ scenario, place }) => {
			const wanted = expected[scenario.id];
			if (!wanted) throw new Error(`nothing is expected of ${scenario.id}`);

			test('is told as it is, and mended by its own fix alone', async () => {
				const stage = await tell(scenario, place);
				try {
					const told = await ask(scenario, botOn(stage));
					const first = expectVerdict(told, wanted, place);
					// An older Airflow on Composer 3 is told the same way, and its fixes are those of Composer 3.
					if (place === 'composer-3-airflow-2') return;
					if (first) await expectSameWithoutLog(scenario, stage, first);
					if (first) await expectLessWithoutAnyLog(scenario, stage, told, first);
					if (first) await expectGaps(scenario, stage, told, wanted);
					await expectRepair(scenario, stage, told, wanted);
				} finally {
					await stage.close();
				}
			}, 120_000);
		},
	);
}

function expectVerdict(told: Told, wanted: Expected, place: Place): Judged | undefined {
	const verdict = at(wanted.verdict, place);
	if (told.kind === 'file') {
		// A message, since a file that does not import has no try.
		expect(JSON.stringify(told.parts)).toContain('does not import');
		return undefined;
	}
	if (told.kind !== 'verdict') {
		expect(told.kind).toBe(verdict);
		return undefined;
	}
	const [first] = told.verdict.findings;
	const said = first ? `${first.cause} ${first.status}` : 'unknown';
	expect(`${said}${others(told)}`).toBe(`${verdict} ${at(wanted.status, place)}${others(told)}`);
	if (!first) return undefined;
	const line = at(wanted.line, place);
	if (line) expect(first.evidence.map(({ text }) => text).join('\n')).toMatch(line);
	const because = at(wanted.because, place);
	if (because && isComposer(place)) {
		expect(first.because?.because.en ?? '').toMatch(because);
		// The same in Japanese, with the same names in it.
		expect(first.because?.because.ja ?? '').not.toBe('');
	}
	const fix = textOf(first.fix);
	for (const step of at(wanted.fix, place) ?? []) expect(fix).toMatch(step);
	for (const step of at(wanted.not, place) ?? []) expect(fix).not.toMatch(step);
	return first;
}

/** For the reader of a failed test: what else was found. */
function others(told: Told): string {
	if (told.kind !== 'verdict') return '';
	const { findings, ruledOut } = told.verdict;
	return ` (then ${
		findings
			.slice(1)
			.map(({ cause, status }) => `${cause} ${status}`)
			.join(', ') || 'nothing'
	}; not ${ruledOut.map(({ cause }) => cause).join(', ') || 'nothing'})`;
}

/**
 * Each source that its cause reads is refused once: that is said, and it is less sure, unless a fact says why not. Then all of them,
 * then what others asked for. No other cause is made sure of in its place.
 */
async function expectGaps(scenario: Scenario, stage: Stage, told: Told, wanted: Expected): Promise<void> {
	if (told.kind !== 'verdict') return;
	const [first] = told.verdict.findings;
	const cause = rules.find(({ id }) => id === first?.cause);
	if (!first || !cause) throw new Error('no verdict');
	const asked = new Set<SourceName>();
	await ask(scenario, botOn(stage, noting(asked)));
	const answered = [...asked].filter((name) => !told.verdict.gaps.some(({ source }) => source === name));
	const mine = answered.filter((name) => cause.reads?.includes(name));
	const theirs = answered.filter((name) => !mine.includes(name));
	const stays = at(wanted.stays, stage.place) ?? {};
	const sure = first.status === 'confirmed';
	const judged: Partial<Record<SourceName, string>> = {};
	for (const name of mine) {
		const left = await without([name], told.verdict, scenario, stage);
		if (sure) judged[name] = left === first.status ? 'stays' : 'lower';
		else expect(`without ${name}: ${ORDER[left] <= ORDER[first.status]}`).toBe(`without ${name}: true`);
	}
	if (sure) expect(judged).toEqual(Object.fromEntries(mine.map((name) => [name, name in stays ? 'stays' : 'lower'])));
	// A reason for what is not read would be none.
	expect(Object.keys(stays).filter((name) => !mine.some((one) => one === name))).toEqual([]);
	if (mine.length > 1) {
		const left = await without(mine, told.verdict, scenario, stage);
		if (sure) expect(`without all of it: ${left}`).not.toBe('without all of it: confirmed');
	}
	if (theirs.length > 0) await without(theirs, told.verdict, scenario, stage);
}

/** How sure the first cause still is. */
async function without(
	names: readonly SourceName[],
	whole: Verdict,
	scenario: Scenario,
	stage: Stage,
): Promise<Status> {
	const told = await ask(scenario, botOn(stage, refused(...names)));
	if (told.kind !== 'verdict') throw new Error(`${told.kind} without ${names.join()}`);
	return less(told.verdict, whole, names);
}

/** It is said what could not be read, and nothing else is surer for it. How sure the first cause still is. */
function less(verdict: Verdict, whole: Verdict, names: readonly Gap['source'][]): Status {
	const label = `without ${names.join()}: `;
	for (const lang of ['en', 'ja'] as const) {
		const said = JSON.stringify(verdictParts(verdict, { lang, full: false }).parts);
		const unsaid = verdict.gaps
			.filter(({ because }) => because !== 'absent')
			.filter(({ source }) => !said.includes(JSON.stringify(sourceName(source, lang)).slice(1, -1)));
		expect(`${label}${unsaid.map(({ source }) => source).join()}`).toBe(label);
	}
	for (const name of names) expect(verdict.gaps.map(({ source }) => source)).toContain(name);
	const known = new Map(whole.findings.map(({ cause, status }) => [cause, status]));
	const surer = verdict.findings.filter(({ cause, status }) => status === 'confirmed' && known.get(cause) !== status);
	expect(`${label}${surer.map(({ cause }) => cause).join()}`).toBe(label);
	return verdict.findings.find(({ cause }) => cause === whole.verdict)?.status ?? 'unknown';
}

/** Nobody gives the log: that is said, and what only the log told is not sure. */
async function expectLessWithoutAnyLog(scenario: Scenario, stage: Stage, told: Told, first: Judged): Promise<void> {
	if (scenario.asks !== undefined || told.kind !== 'verdict') return;
	const mend = stage.airflow.faults({ op: 'log', kind: '500' });
	const blind = await ask(scenario, botOn(stage, isComposer(stage.place) ? refused('taskEntries') : undefined));
	mend();
	if (blind.kind !== 'verdict') throw new Error('no verdict without any log');
	const left = less(blind.verdict, told.verdict, ['taskLog']);
	if (!first.because) expect(`without any log: ${left}`).not.toBe('without any log: confirmed');
}

/** Airflow does not give the log: Cloud Logging has it as well, and says the same. */
async function expectSameWithoutLog(scenario: Scenario, stage: Stage, first: Judged): Promise<void> {
	if (!isComposer(stage.place) || scenario.asks !== undefined) return;
	const mend = stage.airflow.faults({ op: 'log', kind: '500' });
	const told = await ask(scenario, botOn(stage));
	mend();
	if (told.kind !== 'verdict') throw new Error('no verdict without the task log');
	const { verdict, status, gaps } = told.verdict;
	expect(`without the task log: ${verdict} ${status}`).toBe(`without the task log: ${first.cause} ${first.status}`);
	expect(gaps.map(({ source }) => source)).toContain('taskLog');
}

async function expectRepair(scenario: Scenario, stage: Stage, told: Told, wanted: Expected): Promise<void> {
	const { repair } = wanted;
	if (!repair || !(repair.places ?? scenario.places).includes(stage.place)) return;
	if (told.kind !== 'verdict' && told.kind !== 'file') return;
	const fix = told.kind === 'file' ? stepsOf(told.parts) : (told.verdict.findings[0]?.fix ?? []);
	const again = repair.again ?? (scenario.asks === 'file' ? importsAgain : runsAgain);
	// Where nothing can be updated a wrong update is refused as well.
	await applyFix(stage, anotherFix(stage, fix)).catch((error: unknown) =>
		expect(String(error)).toContain('Error updating'),
	);
	expect(`after another's fix: ${await again(stage, scenario)}`).toBe("after another's fix: false");
	if (repair.hand) repair.hand(stage);
	const done = await applyFix(stage, fix, { fillIn: { ...knownOf(stage), ...repair.fillIn }, dag: scenario.dag });
	if (!repair.hand) expect(done.length).toBeGreaterThan(0);
	expect(`after its own fix: ${await again(stage, scenario)}`).toBe('after its own fix: true');
}

async function importsAgain(stage: Stage, scenario: Scenario): Promise<boolean> {
	await stage.pass(120_000);
	return (await ask(scenario, botOn(stage))).kind === 'nothing failed' && (await runsAgain(stage, scenario));
}

async function runsAgain(stage: Stage, { dag }: Scenario): Promise<boolean> {
	return (await stage.run(dag)).state === 'success';
}

/** What nobody tells the bot of an Airflow of one's own, and everybody there knows. */
function knownOf({ place, environment, world }: Stage): FillIn {
	return isComposer(place)
		? {}
		: { ENVIRONMENT_SERVICE_ACCOUNT: environment.serviceAccount, PROJECT: world.project.id };
}

/** What is posted for something else: memory where a right is missing, a right where memory is. */
function anotherFix({ place, environment, world }: Stage, fix: readonly FixStep[]): FixStep[] {
	if (!isComposer(place)) return [{ lang: 'ini', code: 'AIRFLOW__CORE__PARALLELISM=64' }];
	const at = `${environment.name} --location=${environment.location} --project=${world.project.id}`;
	const sizes =
		/--worker-|--update-pypi|--max-workers|--environment-size|worker_concurrency|heartbeat_timeout|zombie_task/.test(
			textOf(fix),
		);
	const code = sizes
		? `gcloud projects add-iam-policy-binding ${world.project.id} --member=serviceAccount:${environment.serviceAccount} --role=roles/bigquery.dataViewer --condition=None`
		: `gcloud composer environments update ${at} --scheduler-cpu=1 --scheduler-memory=4GB`;
	return [{ lang: 'sh', code }];
}

const textOf = (fix: readonly FixStep[]): string =>
	fix.map(({ say, code }) => `${say ?? ''}\n${code ?? ''}`).join('\n');

const stepsOf = (parts: readonly { kind: string; text?: string }[]): FixStep[] =>
	parts.flatMap((part): FixStep[] =>
		part.kind === 'code' && part.text?.startsWith('gcloud ') ? [{ lang: 'sh', code: part.text }] : [],
	);
