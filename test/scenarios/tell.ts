import { brokenFile } from '../../commands/_parts/broken-file.ts';
import { investigateOperation } from '../../commands/_parts/investigate-operation.ts';
import { investigate } from '../../commands/_parts/investigate.ts';
import type { Deps } from '../../src/deps.ts';
import type { Verdict } from '../../src/diagnosis/verify.ts';
import type { Part } from '../../src/domain/reply.ts';
import type { Lang } from '../../src/domain/text.ts';
import type { Scenario } from '../../src/sandbox/scenarios/index.ts';
import { openStage, type Place, type Stage } from '../../src/sandbox/scenarios/stage.ts';

export type Told =
	| { kind: 'verdict'; verdict: Verdict; recovered: boolean; task: string }
	/** Said of a file that does not import: a message, since there is no try. */
	| { kind: 'file'; parts: readonly Part[] }
	| { kind: 'no run' | 'no task' | 'nothing failed' };

/** The story up to the moment in which somebody asks. */
export async function tell(scenario: Scenario, place: Place): Promise<Stage> {
	const stage = await openStage({ place });
	try {
		await scenario.setUp(stage);
		if (scenario.happens) await scenario.happens(stage);
		else await stage.run(scenario.dag);
		return stage;
	} catch (error) {
		await stage.close();
		throw error;
	}
}

/** What the bot answers. */
export async function ask(scenario: Scenario, deps: Deps, lang: Lang = 'en'): Promise<Told> {
	switch (scenario.asks ?? 'task') {
		case 'file': {
			const parts = await brokenFile(scenario.dag, 'prod', lang, deps);
			return parts ? { kind: 'file', parts } : { kind: 'nothing failed' };
		}
		case 'operation': {
			const [last] = (await deps.composer('prod')?.operations(1)) ?? [];
			if (last?.error === undefined) return { kind: 'nothing failed' };
			const verdict = await investigateOperation({ ...last, error: last.error }, 'prod', lang, deps);
			return { kind: 'verdict', verdict, recovered: false, task: '' };
		}
		default: {
			const found = await investigate({ dag: scenario.dag }, 'prod', lang, deps);
			if (found.kind !== 'verdict') return { kind: found.kind };
			return { kind: 'verdict', verdict: found.verdict, recovered: found.recovered, task: found.failed.task };
		}
	}
}
