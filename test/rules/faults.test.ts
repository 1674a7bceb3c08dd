import { expect, test } from '@jest/globals';
import { rules } from '../../src/rules/index.ts';
import { FAULTS, faultsOf, knownFault } from '../../src/rules/version-or-build-known-bad/faults.ts';
import { environment } from '../evidence/values.ts';

test.each([
	['composer-1.20.12-airflow-1.10.15', ['out of support']],
	['composer-2.0.32-airflow-2.3.4', ['out of support']],
	['composer-2.1.0-airflow-2.3.4', ['may mark tasks']],
	['composer-2.6.3-airflow-2.6.3', ['may mark tasks', 'restarts its schedulers']],
	['composer-2.6.5-airflow-2.6.3', []],
	['composer-2.6.5-airflow-2.7.3', ['loops on cron']],
	['composer-2.12.2-airflow-2.10.2', ['leaked ephemeral storage']],
	['composer-2.15.4-airflow-2.10.5', ['gaps in its metrics']],
	['composer-2.16.1-airflow-2.10.5', ['google-api-core', 'airflow-monitoring']],
	['composer-2.16.10-airflow-2.11.1', ['google-api-core']],
	['composer-2.16.9-airflow-2.11.1', []],
	['composer-2.16.11-airflow-2.10.5', []],
	['composer-2.17.0-airflow-2.10.5', []],
	['composer-3-airflow-2.9.1-build.6', ['more than 15 minutes']],
	['composer-3-airflow-2.9.1-build.7', []],
	['composer-3-airflow-2.10.5-build.22', ['google-api-core']],
	['composer-3-airflow-2.10.5-build.34', []],
	['composer-3-airflow-3.1.0-build.10', ['google-api-core']],
	['composer-3-airflow-3.1.7-build.0', ['google-api-core']],
	['composer-3-airflow-3.1.7-build.5', ['google-api-core', 'no way to the metadata database']],
	['composer-3-airflow-3.1.7-build.9', ['no way to the metadata database']],
	['composer-3-airflow-3.1.8-build.1', ['no way to the metadata database']],
	[undefined, []],
])('%s', (image, expected) => {
	const found = faultsOf(image).map(({ what }) => what.en);
	expect(found.map((text, i) => text.includes(expected[i] ?? '?') || text)).toEqual(expected.map(() => true));
});

test('health tells only what meets everybody', () => {
	expect(knownFault('composer-2.16.1-airflow-2.10.5')?.en).toContain('google-api-core');
	expect(knownFault('composer-2.12.2-airflow-2.10.2')).toBeUndefined();
	expect(knownFault('composer-2.0.1-airflow-2.3.4')?.ja).toContain('サポートが終了');
});

test('what a fault makes happen is a cause of the catalogue', () => {
	const ids = rules.map(({ id }) => id);
	expect(FAULTS.flatMap(({ causes }) => causes).filter((id) => !ids.includes(id))).toEqual([]);
});

test.each([
	['composer-3-airflow-3.1.7-build.3', 'composer-3-airflow-3.1.7-build.7'],
	['composer-2.16.4-airflow-2.10.5', 'composer-2.17.0-airflow-2.10.5'],
])('the fix upgrades %s to the first version without the fault', (imageVersion, target) => {
	const rule = rules.find(({ id }) => id === 'version-or-build-known-bad');
	const env = environment(imageVersion.startsWith('composer-3') ? 'composer-3' : 'composer-2', { imageVersion });
	const codes = (rule?.fix({ env, facts: {}, lang: 'en' }) ?? []).map(({ code }) => code ?? '').join('\n');
	expect(codes).toContain(`--image-version=${target}`);
	expect(codes).toContain("--update-pypi-package='google-api-core>=2.30.3'");
});
