import type { Environment } from '../domain/environment.ts';
import type { Failed } from '../domain/evidence.ts';
import { quote } from '../domain/quote.ts';
import type { Diagnosis, Facts } from '../domain/rule.ts';

const ACCOUNT = /^[\w.+%-]{1,100}@[\w.-]{1,100}\.gserviceaccount\.com$/;
const BUCKET = /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/;
const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** What the log names and sources can be asked about. Out of a log: only what has the shape of such a name. */
export function subjectOf(
	{ findings, pod }: Diagnosis,
	env: Environment,
): Pick<Failed, 'pod' | 'namespace' | 'account' | 'bucket'> {
	const first = (names: readonly string[], fits: (value: string) => boolean): string | undefined =>
		findings.flatMap(({ facts }) => names.flatMap((name) => namedIn(facts, name))).find(fits);
	return {
		pod: first(['pod'], (value) => NAME.test(value)) ?? (pod === undefined ? undefined : quote(pod, 253)),
		namespace: first(['namespace'], (value) => NAME.test(value)),
		account: first(
			['target', 'actAs', 'serviceAccount', 'account', 'principal'],
			(value) => ACCOUNT.test(value) && value !== env.serviceAccount,
		),
		bucket: first(['bucket'], (value) => BUCKET.test(value)),
	};
}

function namedIn(facts: Facts, name: string): string[] {
	const value = facts[name];
	return value === undefined ? [] : [value];
}
