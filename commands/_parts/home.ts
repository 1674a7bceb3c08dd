import type { Deps } from '../../src/deps.ts';
import type { Environment } from '../../src/domain/environment.ts';
import { Trouble } from '../../src/domain/errors.ts';
import type { Gap } from '../../src/domain/evidence.ts';

const WITHIN_MS = 8000;

type Home = { env: Environment; gaps: readonly Gap[] };

/** What a fix must know of where the environment lives. Composer that cannot be asked, or not soon, is a gap, not an end. */
export async function homeOf(env: string, deps: Deps): Promise<Home> {
	const late = Promise.withResolvers<undefined>();
	const timer = setTimeout(() => late.resolve(undefined), WITHIN_MS);
	try {
		return (
			(await Promise.race([ask(env, deps), late.promise])) ?? {
				env: { name: env },
				gaps: [gap('timeout', { en: 'no answer in time', ja: '時間内に応答がありませんでした' })],
			}
		);
	} finally {
		clearTimeout(timer);
	}
}

async function ask(env: string, deps: Deps): Promise<Home> {
	const composer = deps.composer(env);
	const version = deps
		.airflow(env)
		.version()
		.then(
			(answer) => answer.version,
			(error: unknown) => {
				if (error instanceof Trouble) return undefined;
				throw error;
			},
		);
	if (!composer) return { env: { name: env, generation: 'airflow', airflowVersion: await version }, gaps: [] };
	try {
		const { environment } = await composer.describe();
		return { env: { ...environment, name: env }, gaps: [] };
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		const { kind, message, ja } = error;
		return {
			env: { name: env, airflowVersion: await version },
			gaps: [gap(kind === 'denied' ? 'denied' : 'unavailable', { en: message, ja: ja?.message ?? message })],
		};
	}
}

const gap = (because: Gap['because'], say: Gap['say']): Gap => ({
	source: 'environment',
	because,
	say,
	permission: 'composer.environments.get',
	role: 'roles/composer.user',
});
