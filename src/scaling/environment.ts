import type { Environment } from '../domain/environment.ts';
import type { Head } from './history.ts';

/** What the Composer API told of an environment, as a history has it. `workers`: how many were seen where nobody tells (plain Airflow). */
export function environmentOf(environment: Environment, name: string, workers = 1): Head['environment'] {
	const { generation, worker, scheduler, dagProcessor, triggerer, webServer } = environment;
	const known = worker && worker.cpu > 0 && worker.memoryGb > 0 ? worker : undefined;
	const { project, location, airflowVersion, imageVersion, size, overrides, workerConcurrency } = environment;
	return {
		generation: known && generation ? generation : 'airflow',
		name: environment.environment ?? name,
		project,
		location,
		airflowVersion,
		imageVersion,
		size,
		worker: known
			? {
					min: known.minCount,
					max: Math.max(1, known.maxCount),
					cpu: known.cpu,
					memoryGb: known.memoryGb,
					storageGb: known.storageGb,
				}
			: // Those that were seen, which do not scale by themselves.
				{ min: Math.max(1, workers), max: Math.max(1, workers) },
		...(scheduler && { scheduler }),
		...(dagProcessor && { dagProcessor }),
		...(triggerer && { triggerer }),
		...(webServer && { webServer }),
		overrides: { ...overrides },
		workerConcurrency,
	};
}
