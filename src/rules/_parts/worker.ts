import type { TaskInstance } from '../../domain/airflow.ts';
import type { Environment } from '../../domain/environment.ts';
import type { Failed, KubernetesEvent, LogLine, Seen, Series, Subject } from '../../domain/evidence.ts';
import type { Text } from '../../domain/text.ts';
import { sameHost } from './audit.ts';
import { aroundEnd, counted, gigabytes, isHost, ofHost, percent, pressure, type Pressure } from './series.ts';

/** Above this share of its memory a worker is short of it; points are a minute apart, so what is read is less than what was. */
export const SHORT = 0.8;

/**
 * How full the memory of the worker was when the try ended; of all workers where its host is not known. Without the quota the
 * size in the environment's settings counts.
 */
export function memoryOf(
	{ workerMemory, workerMemoryQuota }: Seen<'workerMemory' | 'workerMemoryQuota'>,
	failed: Failed,
	{ worker }: Environment,
): Pressure | undefined {
	if (!workerMemory) return undefined;
	const mine = ofHost(workerMemory, failed.hostname);
	const quota =
		workerMemoryQuota ??
		(worker === undefined
			? []
			: mine.map(({ of, points }) => ({
					of,
					points: points.map(({ at }) => ({ at, value: worker.memoryGb * 1024 ** 3 })),
				})));
	return pressure(mine, quota, aroundEnd(failed));
}

/** `worker-1` used 3.9 of 4 GB (97 %) */
export function memoryText({ of, usedBytes, quotaBytes, share }: Pressure): Text {
	return {
		en: `\`${of}\` used ${gigabytes(usedBytes)} of ${gigabytes(quotaBytes)} GB of memory (${percent(share)})`,
		ja: `\`${of}\` のメモリ使用量は ${gigabytes(quotaBytes)} GB 中 ${gigabytes(usedBytes)} GB (${percent(share)})`,
	};
}

/** How often the worker's containers were started anew around the end; only where its host is known. */
export function restartsOf(restarts: readonly Series[] | undefined, failed: Failed) {
	if (!restarts || failed.hostname === undefined) return undefined;
	return counted(ofHost(restarts, failed.hostname), aroundEnd(failed));
}

/** Evicted pods of workers around the end, whichever. */
export function evictions(podEvictions: readonly Series[] | undefined, failed: Failed) {
	return podEvictions && counted(podEvictions, aroundEnd(failed));
}

/** The first event about a worker pod (of that host where it is known) around the end that fits. */
export function workerEvent(
	events: readonly KubernetesEvent[] | undefined,
	failed: Failed,
	fits: (event: KubernetesEvent) => boolean,
): KubernetesEvent | undefined {
	const { from, to } = aroundEnd(failed, 10);
	return events?.find((event) => {
		const pod = event.object.split('/').at(-1) ?? '';
		const at = Date.parse(event.at);
		const worker = failed.hostname === undefined ? pod.includes('airflow-worker') : isHost(pod, failed.hostname);
		return worker && at >= from && at <= to && fits(event);
	});
}

/** `; 3 other tasks failed there within a minute`. */
export function othersText(failures: readonly TaskInstance[] | undefined, failed: Failed): Text & { count: number } {
	const count = sameHost(failures, failed);
	if (count === 0) return { count, en: '', ja: '' };
	return {
		count,
		en: `; ${count} other task${count === 1 ? '' : 's'} failed there within a minute`,
		ja: `。前後 1 分にそこで他に ${count} 件のタスクが失敗しています`,
	};
}

// Both generations print a dictionary; the host is that of the worker.
const LOST =
	/(?:Detected zombie job|Detected a task instance without a heartbeat)[^\n]{0,4000}'Hostname': '(?<host>[^'\n]{1,253})'/;

/** The worker that the scheduler's line about this run names, where Airflow itself has none. */
export function hostInScheduler(lines: readonly LogLine[] | undefined, failed: Failed): Subject | undefined {
	if (failed.hostname !== undefined) return undefined;
	for (const { text } of lines ?? []) {
		if (!text.includes(failed.run) || !text.includes(failed.task)) continue;
		const host = LOST.exec(text)?.groups?.['host'];
		if (host !== undefined) return { hostname: host };
	}
	return undefined;
}
