import type { Generation } from '../domain/environment.ts';
import type { Size } from './sizes.ts';

/** List prices in US dollars. Real bills differ by region, agreement and discount, so the table can be replaced and carries its date. */
export type Prices = {
	/** The day it was read, and where. */
	readOn: string;
	source: string;
	cpuHour: number;
	memoryGbHour: number;
	storageGbHour: number;
};

/** Composer 2's compute SKUs, probably us-central1. Composer 2 has no committed-use discount. */
export const COMPOSER_2_LIST: Prices = {
	readOn: '2026-10-08',
	source: 'list price, cloud.google.com/composer/pricing',
	cpuHour: 0.045,
	memoryGbHour: 0.005,
	storageGbHour: 0.0002,
};

/** Google's own month: 730 hours. */
export const MONTH_HOURS = 730;

export type Cost =
	/** Dollars a month for the workers alone; the fee of the environment size and the other components are not in it. */
	| { kind: 'dollars'; perMonth: number; prices: Prices }
	/**
	 * Composer 3 bills DCU-hours ($0.06 a DCU-hour), but how many DCU a vCPU or a GB is Google does not publish. Plain Airflow costs
	 * what its machines cost. Only the ratio of two such numbers means something: vCPU and GB weighted as on Composer 2's list.
	 */
	| { kind: 'relative'; units: number };

/** What `workersOnAverage` of that size cost. Size unknown (plain Airflow): every worker counts as one. */
export function workerCost(
	generation: Generation,
	size: Size | undefined,
	workersOnAverage: number,
	prices: Prices | undefined,
): Cost {
	const table = prices ?? (generation === 'composer-2' ? COMPOSER_2_LIST : undefined);
	const weights = table ?? COMPOSER_2_LIST;
	const hour = size
		? size.cpu * weights.cpuHour + size.memoryGb * weights.memoryGbHour + size.storageGb * weights.storageGbHour
		: 1;
	if (table && size) return { kind: 'dollars', perMonth: hour * workersOnAverage * MONTH_HOURS, prices: table };
	return { kind: 'relative', units: hour * workersOnAverage };
}

export const amount = (cost: Cost): number => (cost.kind === 'dollars' ? cost.perMonth : cost.units);
