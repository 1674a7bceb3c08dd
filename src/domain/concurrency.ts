import type { Generation } from './environment.ts';

/** Composer 3 refuses a `[celery]worker_concurrency` outside 1 to 24. Source: its page of allowed configurations. */
export const mostConcurrency = (generation: Generation): number => (generation === 'composer-3' ? 24 : 512);

/**
 * `[celery]worker_concurrency` where nobody set it. Composer 2: `12 × vCPU` before Airflow 2.3.3, then
 * `min(32, 12 × vCPU, 8 × GB)` (gcpdiag). `certain` is false where Google changed the formula without publishing it: since
 * Airflow 2.6.3 and on Composer 3.
 */
export function computedConcurrency(
	generation: Generation,
	airflowVersion: string | undefined,
	size: { cpu: number; memoryGb: number } | undefined,
): { value: number; certain: boolean } {
	if (generation === 'airflow' || !size) return { value: 16, certain: generation === 'airflow' };
	const [major = 2, minor = 99, patch = 0] = (airflowVersion ?? '').split('.').map(Number);
	const version = major * 10_000 + minor * 100 + patch;
	if (version < 20_303) return { value: Math.max(1, Math.floor(12 * size.cpu)), certain: true };
	const value = Math.max(1, Math.min(32, Math.floor(12 * size.cpu), Math.floor(8 * size.memoryGb)));
	return {
		value: Math.min(value, mostConcurrency(generation)),
		certain: generation === 'composer-2' && airflowVersion !== undefined && version < 20_603,
	};
}
