// npm run -s bench:storm: ten thousand failures of one cause with twenty others among them, then a thousand of many causes in a
// minute: how many cards, how soon the first, how long until all is told, and what it costs.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ending, SimDag } from '../../src/sandbox/airflow/types.ts';
import type { SandboxMessage } from '../../src/sandbox/slack/types.ts';
import { failedTries } from '../chaos/failing.ts';
import { told } from '../chaos/told.ts';
import { openHouse } from '../faults/house.ts';
import type { House } from '../faults/house.ts';
import { people } from '../faults/workspace.ts';

const CHANNEL = 'C0OPEN';
const MANY = Number(process.env['BENCH_FAILURES'] ?? 10_000);
const A_RUN = 100;
const OTHERS = 20;
const CAUSES = Number(process.env['BENCH_CAUSES'] ?? 1000);
const GIVE_UP_MS = 10 * 60_000;

const raises = (type: string, message: string): Ending => ({ raises: { type, message, line: 12, function: 'work' } });
const dag = (id: string, ending: Ending, mapped?: number): SimDag => ({
	id,
	owner: 'bench',
	tags: [],
	file: `${id}.py`,
	maxActiveRuns: 1000,
	tasks: [
		{ id: 'work', operator: 'PythonOperator', ms: 50, endings: [ending], ...(mapped === undefined ? {} : { mapped }) },
	],
});

const lost = raises('OSError', "[Errno 107] Transport endpoint is not connected: '/home/airflow/gcs/data/in.csv'");
const one = Array.from({ length: Math.ceil(MANY / A_RUN) }, (_, n) => dag(`nightly_${n}`, lost, A_RUN));
const others = Array.from({ length: OTHERS }, (_, n) =>
	dag(`other_${n}`, raises('ValueError', `row ${n} is not a number`)),
);
const causes = Array.from({ length: CAUSES }, (_, n) =>
	dag(`cause_${n}`, raises(`Broken${n}Error`, `part ${n} is missing`)),
);

type Storm = {
	failures: number;
	cards: number;
	digests: number;
	messages: number;
	firstMs: number;
	calmS: number;
	lost: number;
	doubled: number;
	slack429: number;
	airflowCalls: number;
	logReads: number;
	peakMb: number;
	cpuS: number;
};

async function storm(start: (house: House) => Promise<void>, dags: readonly SimDag[]): Promise<Storm> {
	const house = await openHouse({
		// Slack's own limits: one message a second for each channel, fifty edits a minute.
		slack: { workspace: people(), rateLimits: { tiers: true } },
		airflow: { api: 2, dags: [...dags], speed: 1 },
		settings: `alerts:\n  channel: ${CHANNEL}\n`,
	});
	try {
		const worker = await house.start('worker', { LOG_LEVEL: 'error' });
		await sleep(3000);
		const began = Date.now();
		let firstFailed = Infinity;
		let first: number | undefined;
		const watching = setInterval(() => {
			if (firstFailed === Infinity && failedTries(house.airflow).length > 0) firstFailed = Date.now();
			first ??= house.slack.messages(CHANNEL).length > 0 ? Date.now() : undefined;
		}, 50);
		await start(house);
		const tries = await untilTold(house, began);
		clearInterval(watching);
		const calmS = (Date.now() - firstFailed) / 1000;
		await sleep(5000);
		const seen = told(house.slack, tries, () => CHANNEL);
		const keys = house.slack.allMessages().map(keyOf);
		const stat = await readFile(`/proc/${worker.pid}/stat`, 'utf8');
		const [, , , , , , , , , , , user = '0', system = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
		const status = await readFile(`/proc/${worker.pid}/status`, 'utf8');
		return {
			failures: tries.length,
			cards: keys.filter((key) => /^i-[0-9a-f]+-[A-Z0-9]+$/.test(key)).length,
			digests: keys.filter((key) => /^s-[0-9a-f]+$/.test(key)).length,
			messages: keys.length,
			firstMs: (first ?? Infinity) - firstFailed,
			calmS: Number(calmS.toFixed(1)),
			lost: seen.lost.length,
			doubled: seen.doubled.length,
			slack429: house.slack.counts().errors['ratelimited'] ?? 0,
			airflowCalls: house.airflow.calls().length,
			logReads: house.airflow.calls('log').length,
			peakMb: Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024),
			cpuS: Number(((Number(user) + Number(system)) / 100).toFixed(1)),
		};
	} finally {
		await house.close();
	}
}

const keyOf = ({ metadata }: SandboxMessage): string => {
	const key = metadata?.event_payload['key'];
	return typeof key === 'string' ? key : '';
};

/** Until every failed try stands in Slack, or nothing more comes. */
async function untilTold(house: House, began: number): Promise<ReturnType<typeof failedTries>> {
	for (;;) {
		await sleep(1000);
		const running = house.airflow.runs().filter(({ state }) => state === 'running' || state === 'queued').length;
		const tries = failedTries(house.airflow);
		const open = told(house.slack, tries, () => CHANNEL).lost.length;
		if (process.env['BENCH_VERBOSE'])
			console.log(
				`${((Date.now() - began) / 1000).toFixed(0)} s: ${running} runs, ${tries.length} failed, ${open} not told`,
			);
		if ((running === 0 && open === 0 && tries.length > 0) || Date.now() - began > GIVE_UP_MS) return tries;
	}
}

const say = (name: string, result: Storm): void => {
	console.log(name);
	for (const [what, value] of Object.entries(result)) console.log(`  ${what.padEnd(14)} ${value}`);
};

const same = await storm(
	async ({ airflow }) => {
		for (const [at, { id }] of one.entries()) {
			airflow.foreignRun({ dag: id, run: `run_${id}` });
			const other = others[Math.floor((at * OTHERS) / one.length)];
			if (other && Math.floor((at * OTHERS) / one.length) !== Math.floor(((at - 1) * OTHERS) / one.length))
				airflow.foreignRun({ dag: other.id, run: `run_${other.id}` });
			await sleep(20);
		}
	},
	[...one, ...others],
);
say(`${MANY} failures of one cause, ${OTHERS} others among them`, same);
const many = await storm(async ({ airflow }) => {
	for (const { id } of causes) {
		airflow.foreignRun({ dag: id, run: `run_${id}` });
		await sleep(45_000 / CAUSES);
	}
}, causes);
say(`${CAUSES} failures of as many causes in less than a minute`, many);
console.log(JSON.stringify({ same, many }));
process.exit(
	same.lost + same.doubled + many.lost + many.doubled + same.slack429 + many.slack429 === 0 && same.cards === 1 + OTHERS
		? 0
		: 1,
);
