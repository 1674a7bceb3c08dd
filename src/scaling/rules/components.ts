import { durationText } from '../../domain/duration.ts';
import type { Text } from '../../domain/text.ts';
import {
	grown,
	legal,
	p95,
	percent,
	roomier,
	round,
	rule,
	seldomerParsed,
	shareAbove,
	shrunk,
	values,
	type Found,
	type Other,
	type Rule,
} from '../finding.ts';
import type { SeriesName } from '../history.ts';

const BUSY = { busy: 0.8, timeShare: 0.05 };

/** Scheduler, DAG processor, triggerer and web server. None of them scales by itself. Sources: "Optimize environment performance and costs", gcpdiag. */
export const componentRules: readonly Rule[] = [
	rule({
		id: 'scheduler-cpu',
		thresholds: BUSY,
		look(facts, { busy, timeShare }) {
			const above = shareAbove(values(facts, 'schedulerCpuShare'), busy);
			if (above <= timeShare) return undefined;
			return {
				weight: 'act',
				seen: above,
				threshold: timeShare,
				text: {
					en: `The scheduler is above ${percent(busy)} CPU for ${percent(above)} of the time: first longer intervals between parsing, then more CPU; more than two schedulers rarely help.`,
					ja: `スケジューラの CPU が ${percent(busy)} を超える時間が ${percent(above)} あります。まず解析の間隔を延ばし、次に CPU を増やしてください。3 台以上のスケジューラが有効なことはまれです。`,
				},
				fix: seldomerParsed(facts) ?? grown(facts.history, 'scheduler'),
			};
		},
	}),
	rule({
		id: 'scheduler-idle',
		thresholds: { idle: 0.35 },
		look(facts, { idle }) {
			const cpu = values(facts, 'schedulerCpuShare');
			const { scheduler } = facts.history.environment;
			if (cpu.length === 0 || p95(cpu) >= idle || !scheduler) return undefined;
			const fix = shrunk(facts.history, 'scheduler');
			if (!fix) return undefined;
			return {
				weight: 'save',
				seen: p95(cpu),
				threshold: idle,
				text: {
					en: `The scheduler stays below ${percent(idle)} CPU (p95 ${percent(p95(cpu))}): fewer or smaller schedulers are enough.`,
					ja: `スケジューラの CPU は ${percent(idle)} 未満です（p95 ${percent(p95(cpu))}）。台数または CPU を減らせます。`,
				},
				fix,
			};
		},
	}),
	memoryRule('scheduler', 'schedulerMemoryShare', { en: "The scheduler's", ja: 'スケジューラ' }),
	rule({
		id: 'schedulers-many',
		thresholds: { count: 2 },
		look({ history: { environment } }, { count }) {
			const { generation, scheduler } = environment;
			if (!scheduler || scheduler.count <= count) return undefined;
			return {
				weight: 'check',
				seen: scheduler.count,
				threshold: count,
				text: {
					en: `${scheduler.count} schedulers: more than ${count} rarely help and load the database.`,
					ja: `スケジューラが ${scheduler.count} 台あります。${count} 台を超えても効果はまれで、データベースの負荷が増えます。`,
				},
				fix: legal(generation, 'scheduler', scheduler, { ...scheduler, count: scheduler.count - 1 }),
			};
		},
	}),
	rule({
		id: 'scheduler-heartbeat',
		thresholds: { silentSamples: 3 },
		look(facts, { silentSamples }) {
			const silent = values(facts, 'schedulerHeartbeats').filter((beats) => beats === 0).length;
			if (silent < silentSamples) return undefined;
			return {
				weight: 'act',
				seen: silent,
				threshold: silentSamples,
				text: {
					en: `No scheduler heartbeat in ${silent} samples: the scheduler was down or starved.`,
					ja: `${silent} 回の測定でスケジューラのハートビートがありませんでした（停止またはリソース不足）。`,
				},
				fix: shareAbove(values(facts, 'schedulerCpuShare'), 0.8) > 0 ? grown(facts.history, 'scheduler') : undefined,
			};
		},
	}),
	rule({
		id: 'task-gap',
		thresholds: { seconds: 20 },
		look({ load }, { seconds: limit }) {
			if (load.lagMs < limit * 1000) return undefined;
			return {
				weight: 'act',
				seen: load.lagMs / 1000,
				threshold: limit,
				text: {
					en: `Between a task and the one after it lie ${durationText(load.lagMs, 'en')} (2.5 to 3.5 s are fine): an overloaded scheduler, or limits.`,
					ja: `タスクから次のタスクまでの間隔が ${durationText(load.lagMs, 'ja')} あります（2.5～3.5 秒が正常）。スケジューラの過負荷か、各種の上限が原因です。`,
				},
			};
		},
	}),
	rule({
		id: 'parse-time',
		thresholds: { seconds: 10 },
		look(facts, { seconds: limit }) {
			const seen = p95(values(facts, 'parseSeconds'));
			if (!(seen > limit)) return undefined;
			const three = facts.history.environment.generation === 'composer-3';
			const parser = three ? 'dagProcessor' : 'scheduler';
			return {
				weight: 'check',
				seen,
				threshold: limit,
				text: {
					en: `Parsing all DAG files takes ${round(seen)} s (p95, ${limit} s is fine): lighter top-level code, .airflowignore, longer intervals, more CPU for the ${three ? 'DAG processor' : 'scheduler'}. Paused DAGs are parsed too.`,
					ja: `DAG ファイル全体の解析に ${round(seen)} 秒かかっています（p95、目安は ${limit} 秒）。トップレベルの処理の軽量化、.airflowignore、間隔の延長、${three ? 'DAG プロセッサ' : 'スケジューラ'}の CPU 増加を検討してください。一時停止中の DAG も解析されます。`,
				},
				fix: seldomerParsed(facts) ?? grown(facts.history, parser),
			};
		},
	}),
	cpuRule('dagProcessor', 'dagProcessorCpuShare', { en: 'The DAG processor', ja: 'DAG プロセッサ' }),
	memoryRule('dagProcessor', 'dagProcessorMemoryShare', { en: "The DAG processor's", ja: 'DAG プロセッサ' }),
	cpuRule('triggerer', 'triggererCpuShare', { en: 'The triggerer', ja: 'トリガラー' }),
	memoryRule('triggerer', 'triggererMemoryShare', { en: "The triggerer's", ja: 'トリガラー' }),
	cpuRule('webServer', 'webServerCpuShare', {
		en: 'The web server (DAG runs do not depend on it)',
		ja: 'ウェブサーバー（DAG 実行には影響しません）',
	}),
	memoryRule('webServer', 'webServerMemoryShare', { en: "The web server's", ja: 'ウェブサーバー' }),
];

function kebab(name: string): string {
	return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function cpuRule(component: Other, series: SeriesName, called: Text): Rule {
	return rule({
		id: `${kebab(component)}-cpu`,
		thresholds: BUSY,
		look(facts, { busy, timeShare }): Found | undefined {
			const above = shareAbove(values(facts, series), busy);
			if (above <= timeShare) return undefined;
			return {
				weight: component === 'webServer' ? 'check' : 'act',
				seen: above,
				threshold: timeShare,
				text: {
					en: `${called.en} is above ${percent(busy)} CPU for ${percent(above)} of the time.`,
					ja: `${called.ja}の CPU が ${percent(busy)} を超える時間が ${percent(above)} あります。`,
				},
				fix: grown(facts.history, component),
			};
		},
	});
}

function memoryRule(component: Other, series: SeriesName, called: Text): Rule {
	return rule({
		id: `${kebab(component)}-memory`,
		thresholds: BUSY,
		look(facts, { busy, timeShare }): Found | undefined {
			const above = shareAbove(values(facts, series), busy);
			if (above <= timeShare) return undefined;
			return {
				weight: component === 'webServer' ? 'check' : 'act',
				seen: above,
				threshold: timeShare,
				text: {
					en: `${called.en} memory is above ${percent(busy)} for ${percent(above)} of the time: more memory.`,
					ja: `${called.ja}のメモリが ${percent(busy)} を超える時間が ${percent(above)} あります。メモリを増やしてください。`,
				},
				fix: roomier(facts.history, component),
			};
		},
	});
}
