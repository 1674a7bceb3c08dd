import type { RealAirflow } from '../../src/sandbox/real-airflow.ts';
import { contractSuite } from '../contract/suite.ts';
import { causes } from './causes.ts';
import { mainLoop } from './main-loop.ts';
import { watch } from './watch.ts';

/** Everything that is proven on a real Airflow, in this order, on one that stays up. Another suite is another line. */
export function realSuites(airflow: () => RealAirflow): void {
	contractSuite('the contract', () => {
		const it = airflow();
		return Promise.resolve({
			api: it.generation === 2 ? (1 as const) : (2 as const),
			version: it.version,
			url: it.url,
			users: it.users,
			patienceMs: 90_000,
			close: () => Promise.resolve(),
		});
	});
	causes(airflow);
	watch(airflow);
	mainLoop(airflow);
}
