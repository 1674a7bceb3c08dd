import type { Lang } from '../domain/text.ts';
import type { Head } from './history.ts';
import type { Change } from './plan.ts';
import { kindOf } from './updates.ts';

/**
 * What a change costs the tasks that run. Replaced are worker pods by sizes of workers and by every Airflow setting; which updates do that is
 * Google's list, which leaves the number of workers and the environment size out. Source: "Update environments", updates that restart.
 */
export function risks(changes: readonly Change[], { generation }: Head['environment'], lang: Lang): string[] {
	const t = (en: string, ja: string): string => (lang === 'ja' ? ja : en);
	const found: string[] = [];
	const updates = new Set(changes.filter(replacesWorkers).map(kindOf)).size;
	if (generation !== 'airflow' && updates > 0)
		found.push(
			updates > 1
				? t(
						`Risk: these are ${updates} updates, one after the other, and each replaces the workers; running tasks get 3600 s to end. Do it in the maintenance window or outside business runs.`,
						`リスク: ${updates} 回の更新を順に行い、そのたびにワーカーが入れ替わります。実行中のタスクには 3600 秒の猶予が与えられます。メンテナンスの時間帯か業務の実行時間外に行ってください。`,
					)
				: t(
						'Risk: this update replaces the workers; running tasks get 3600 s to end. Do it in the maintenance window or outside business runs. Only one update runs at a time.',
						'リスク: この更新ではワーカーが入れ替わり、実行中のタスクには 3600 秒の猶予が与えられます。メンテナンスの時間帯か業務の実行時間外に行ってください。更新は同時に 1 つだけです。',
					),
		);
	else if (generation !== 'airflow' && changes.some((change) => kindOf(change) !== undefined))
		found.push(
			t(
				"Risk: this update is not in Google's list of those that replace the workers. Only one update runs at a time.",
				'リスク: この更新は、ワーカーが入れ替わる更新として Google が挙げているものではありません。更新は同時に 1 つだけです。',
			),
		);
	if (changes.some(({ what }) => what === 'pool'))
		found.push(
			t(
				'Risk: a pool often protects what is behind it (a database, an API quota). Ask its owner first.',
				'リスク: プールは背後のシステム（データベースや API の割り当て）を守っていることがあります。先に管理者へ確認してください。',
			),
		);
	return found;
}

export function replacesWorkers(change: Change): boolean {
	if (change.what === 'concurrency' || change.what === 'override') return true;
	return (
		change.what === 'worker' &&
		(change.from.cpu !== change.to.cpu ||
			change.from.memoryGb !== change.to.memoryGb ||
			change.from.storageGb !== change.to.storageGb)
	);
}
