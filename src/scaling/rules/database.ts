import { legal, most, p95, percent, round, rule, seldomerParsed, shareAbove, values, type Rule } from '../finding.ts';
import type { Head } from '../history.ts';
import type { Change } from '../plan.ts';
import { PRESETS, type EnvironmentSize } from '../sizes.ts';

/** The metadata database and the environment size, which is its machine. Never judged by the workers. Sources: as for the components; the scale-environments pages. */
export const databaseRules: readonly Rule[] = [
	rule({
		id: 'database-load',
		thresholds: { busy: 0.8, timeShare: 0.05 },
		look(facts, { busy, timeShare }) {
			const cpu = shareAbove(values(facts, 'databaseCpuShare'), busy);
			const memory = shareAbove(values(facts, 'databaseMemoryShare'), busy);
			const above = Math.max(cpu, memory);
			if (above <= timeShare) return undefined;
			const { size, generation } = facts.history.environment;
			const next = size && sizesOf(generation)[sizesOf(generation).indexOf(size) + 1];
			const [en, ja] = cpu >= memory ? ['CPU', ' CPU '] : ['memory', 'メモリ'];
			return {
				weight: 'act',
				seen: above,
				threshold: timeShare,
				text: {
					en: `Database ${en} is above ${percent(busy)} for ${percent(above)} of the time: fewer schedulers, longer intervals, no Variables or XComs in top-level code, trim old rows; then the next environment size.`,
					ja: `データベースの${ja}が ${percent(busy)} を超える時間が ${percent(above)} あります。スケジューラの削減、間隔の延長、トップレベルでの Variable・XCom の廃止、古い行の削除を行い、それでも足りなければ環境サイズを上げてください。`,
				},
				// The cheap things first.
				fix:
					fewerSchedulers(facts.history.environment) ??
					seldomerParsed(facts) ??
					(size && next && [{ what: 'environment size', from: size, to: next }]),
			};
		},
	}),
	rule({
		id: 'environment-size-idle',
		thresholds: { cpu: 0.25, memory: 0.4 },
		look(facts, { cpu: cpuLimit, memory: memoryLimit }) {
			const { size, generation } = facts.history.environment;
			const cpu = p95(values(facts, 'databaseCpuShare'));
			const memory = p95(values(facts, 'databaseMemoryShare'));
			const less = size && sizesOf(generation)[sizesOf(generation).indexOf(size) - 1];
			if (!size || !less || !(cpu < cpuLimit) || !(memory < memoryLimit)) return undefined;
			if (dagsIn(facts.history) > PRESETS[less].dags) return undefined;
			return {
				weight: 'save',
				seen: cpu,
				threshold: cpuLimit,
				text: {
					en: `The database of environment size ${size} stays at ${percent(cpu)} CPU and ${percent(memory)} memory (p95), and ${less} is meant for that many DAGs: the fixed fee of the smaller size would do.`,
					ja: `環境サイズ ${size} のデータベースは CPU ${percent(cpu)}、メモリ ${percent(memory)}（p95）にとどまり、DAG 数も ${less} の目安に収まります。1 段小さいサイズの固定料金で足ります。`,
				},
				fix: [{ what: 'environment size', from: size, to: less }],
			};
		},
	}),
	rule({
		id: 'database-size',
		thresholds: { near: 16, refused: 20 },
		look(facts, { near, refused }) {
			const seen = most(values(facts, 'databaseSizeGb'));
			if (seen <= near) return undefined;
			return {
				weight: seen > refused ? 'act' : 'check',
				seen,
				threshold: seen > refused ? refused : near,
				text: {
					en: `The metadata database has ${round(seen)} GB: above ${refused} GB upgrades and snapshots are refused. Set a retention period or run airflow db clean.`,
					ja: `メタデータ データベースは ${round(seen)} GB です。${refused} GB を超えるとアップグレードとスナップショットが拒否されます。保持期間を設定するか、airflow db clean を実行してください。`,
				},
				// 30 to 730 days; what Google sets for new environments is 60.
				...(facts.history.environment.generation === 'composer-3' && { fix: [{ what: 'retention', days: 60 }] }),
			};
		},
	}),
	rule({
		id: 'preset',
		thresholds: {},
		look(facts) {
			const { size } = facts.history.environment;
			if (!size) return undefined;
			const dags = dagsIn(facts.history);
			if (dags <= PRESETS[size].dags) return undefined;
			return {
				weight: 'check',
				seen: dags,
				threshold: PRESETS[size].dags,
				text: {
					en: `${dags} DAGs, the ${size} preset is meant for ${PRESETS[size].dags}. The environment size (database, Redis, log throughput) and the workload sizes are set separately outside the console: this is no reason to raise the size while the database is calm.`,
					ja: `DAG が ${dags} 個あり、${size} プリセットの目安は ${PRESETS[size].dags} 個です。コンソール以外では、環境サイズ（データベース、Redis、ログのスループット）とワークロードのサイズは別々に設定します。データベースに余裕がある間は、環境サイズを上げる理由にはなりません。`,
				},
			};
		},
	}),
];

/** Extra large came with Composer 3. */
const sizesOf = (generation: 'composer-2' | 'composer-3' | 'airflow'): readonly EnvironmentSize[] =>
	generation === 'composer-3' ? ['small', 'medium', 'large', 'extra-large'] : ['small', 'medium', 'large'];

const dagsIn = ({ dags, tasks }: { dags: readonly unknown[]; tasks: { names: { dags: readonly string[] } } }): number =>
	Math.max(dags.length, tasks.names.dags.length);

function fewerSchedulers({ generation, scheduler }: Head['environment']): readonly Change[] | undefined {
	if (!scheduler || scheduler.count <= 2) return undefined;
	return legal(generation, 'scheduler', scheduler, { ...scheduler, count: scheduler.count - 1 });
}
