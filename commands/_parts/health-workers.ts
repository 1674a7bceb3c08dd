import type { Monitoring } from '../../src/clients/monitoring.ts';
import type { MetricName } from '../../src/clients/monitoring/metrics.ts';
import type { Composer } from '../../src/clients/composer.ts';
import { orTrouble, Trouble } from '../../src/domain/errors.ts';
import type { Series, Workload } from '../../src/domain/evidence.ts';
import { quote } from '../../src/domain/quote.ts';
import type { Line } from '../../src/domain/reply.ts';
import { clip, type Lang } from '../../src/domain/text.ts';

const HOUR = 3600_000;
/** Google's own threshold for worker memory. */
const FULL = 0.8;
/** A queue is long when it does not empty for so many minutes while no worker can be added. */
const MINUTES = 10;

export type Workers = {
	fields: readonly (readonly [string, Line])[];
	problems: readonly Line[];
	/** What could not be read, once each. */
	unread: readonly Trouble[];
};

/** Workers, their memory and the queue in the last hour, and every part of the environment that is not well. Seven calls at once. */
export async function workersOf(
	{ composer, monitoring, now }: { composer: Composer; monitoring: Monitoring; now: number },
	lang: Lang,
): Promise<Workers> {
	const window = { from: now - HOUR, to: now };
	const series = (name: MetricName, more = {}) => orTrouble(monitoring.series(name, { ...window, ...more }));
	const ofWorkers = { of: 'CELERY_WORKER' as const };
	const [parts, workers, most, queue, memory, quota, evictions] = await Promise.all([
		orTrouble(composer.workloads()),
		series('workers', { reducer: 'max' }),
		series('maxWorkers', { reducer: 'max' }),
		series('queueLength', { reducer: 'max' }),
		series('memory', ofWorkers),
		series('memoryQuota', ofWorkers),
		series('evictions', { reducer: 'sum' }),
	]);
	const ja = lang === 'ja';
	const fields: (readonly [string, Line])[] = [];
	const problems: Line[] = [];

	const [running, limit, waiting] = [workers, most, queue].map(latest);
	const share = fullest(memory, quota);
	if (running !== undefined) {
		const of = limit === undefined ? '' : ja ? `／最大 ${limit}` : ` of at most ${limit}`;
		const full = share === undefined ? '' : ja ? ` · メモリ ${percent(share)}` : ` · memory ${percent(share)}`;
		fields.push([ja ? 'ワーカー' : 'Workers', [`${running}${of}${full}`]]);
	}
	if (waiting !== undefined)
		fields.push([ja ? 'キュー' : 'Queue', [ja ? `待機中のタスク ${waiting} 件` : `${waiting} tasks wait`]]);
	if (share !== undefined && share >= FULL)
		problems.push([
			ja
				? `ワーカーのメモリ使用率がこの 1 時間で ${percent(share)} に達しました（目安は 80% まで）`
				: `Worker memory reached ${percent(share)} in the last hour (80 % is the limit to stay below)`,
		]);
	if (running !== undefined && running === limit && stays(queue, MINUTES))
		problems.push([
			ja
				? `ワーカーが上限の ${limit} 台で、キューが ${MINUTES} 分以上空になっていません。\`/dag scale\` をご覧ください`
				: `All ${limit} workers run and the queue has not been empty for ${MINUTES} minutes: see /dag scale`,
		]);
	const evicted = evictions instanceof Trouble ? 0 : sum(evictions);
	if (evicted > 0)
		problems.push([
			ja
				? `この 1 時間にワーカー Pod が ${evicted} 回退避されました`
				: `${evicted} worker pods were evicted in the last hour`,
		]);
	if (!(parts instanceof Trouble))
		for (const part of parts.filter(isUnwell).slice(0, 5)) problems.push(unwell(part, ja));
	const all = [parts, workers, most, queue, memory, quota, evictions].filter((got) => got instanceof Trouble);
	return { fields, problems, unread: [...new Map(all.map((one) => [one.message, one])).values()] };
}

const percent = (share: number): string => `${Math.round(100 * share)}%`;

const isUnwell = ({ state }: Workload): boolean => state === 'ERROR' || state === 'WARNING' || state === 'FAILED';

function unwell({ name, type, state, message }: Workload, ja: boolean): Line {
	const said = message === '' ? '' : `: ${clip(quote(message), 200)}`;
	return [
		{ code: clip(quote(name), 80) },
		ja ? `（${type}）は ${state} です${said}` : ` (${type}) is in ${state}${said}`,
	];
}

function latest(got: readonly Series[] | Trouble): number | undefined {
	return got instanceof Trouble ? undefined : got[0]?.points.at(-1)?.value;
}

const sum = (all: readonly Series[]): number =>
	all.reduce((total, { points }) => total + points.reduce((all, { value }) => all + value, 0), 0);

/** The fullest worker at its fullest minute. */
function fullest(used: readonly Series[] | Trouble, quota: readonly Series[] | Trouble): number | undefined {
	if (used instanceof Trouble || quota instanceof Trouble) return undefined;
	const shares = used.flatMap(({ of, points }) => {
		const limit = quota.find((one) => one.of === of)?.points.at(-1)?.value;
		return limit === undefined || limit <= 0 ? [] : points.map(({ value }) => value / limit);
	});
	return shares.length === 0 ? undefined : shares.reduce((most, share) => Math.max(most, share), 0);
}

function stays(queue: readonly Series[] | Trouble, minutes: number): boolean {
	const points = queue instanceof Trouble ? [] : (queue[0]?.points ?? []);
	return points.length >= minutes && points.slice(-minutes).every(({ value }) => value > 0);
}
