import type { Composer } from '../../src/clients/composer.ts';

/** A Composer environment of which a test names only what is asked of it. */
export function fakeComposer(answers: Partial<Composer>): Composer {
	const never = (name: string) => async () => {
		throw new Error(`the test did not expect ${name}`);
	};
	return {
		describe: never('describe'),
		whereabouts: never('whereabouts'),
		operations: never('operations'),
		workloads: never('workloads'),
		patch: never('patch'),
		operation: never('operation'),
		...answers,
	};
}
