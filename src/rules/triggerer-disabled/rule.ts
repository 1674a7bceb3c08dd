import { defineRule, line } from '../../domain/rule.ts';
import { hcl, forGeneration, inLang, python, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';
import { sober } from '../_parts/own.ts';
import { confirmed, ruledOut } from '../_parts/said.ts';

export default defineRule({
	id: 'triggerer-disabled',
	category: 'scheduling',
	title: {
		en: 'A deferrable operator, and the environment has no triggerer',
		ja: 'deferrable オペレーターを使用していますが、環境にトリガラーがありません',
	},
	looks: {
		en: 'The task fails with "This Composer environment does not have Airflow triggerer running".',
		ja: 'タスクが "This Composer environment does not have Airflow triggerer running" で失敗します。',
	},
	confused: {
		en: 'A triggerer that runs and is slow or unhealthy is triggerer-overloaded: the task waits in state deferred and does not fail at once.',
		ja: 'トリガラーが動いていて遅い・異常な場合は triggerer-overloaded です。その場合、タスクはすぐには失敗せず deferred のまま待ちます。',
	},
	signatures: [
		line(
			'environment does not have Airflow triggerer running',
			/This Composer environment does not have Airflow triggerer running/,
			'proof',
		),
		// Upstream only warns; the task then stays deferred.
		line('triggerer does not appear to be running', /The triggerer does not appear to be running/),
	],
	weigh: (hits, scene) => sober(strongest(hits), hits, scene),
	reads: ['airflowHealth', 'environment'],
	// Composer's settings say it; elsewhere only Airflow's own health does.
	decides: ({ env }) => (env.generation?.startsWith('composer') ? ['environment'] : ['airflowHealth']),
	suspects: ({ state }) => state === 'deferred',
	verify({ airflowHealth, environment }, { failed, told }) {
		const count = environment?.triggerer?.count;
		if (count === 0)
			return confirmed('environment', 'the environment has 0 triggerers.', '環境のトリガラーは 0 台です。');
		if (count !== undefined)
			return told === undefined
				? undefined
				: ruledOut(
						'environment',
						`the environment has ${count} triggerer${count === 1 ? '' : 's'} now.`,
						`環境には現在トリガラーが ${count} 台あります。`,
					);
		if (failed.state !== 'deferred' || !airflowHealth || airflowHealth.triggerer) return undefined;
		return confirmed(
			'airflowHealth',
			'the task is deferred, and Airflow knows of no triggerer.',
			'タスクは deferred ですが、Airflow にトリガラーがありません。',
		);
	},
	fix(context) {
		const { env, lang } = context;
		const t = inLang(lang);
		const composer = () => [
			sh(
				updateEnvironment(env, '--triggerer-count=1', '--triggerer-cpu=0.5', '--triggerer-memory=1GB'),
				t(
					'Switch one triggerer on (Composer 2.0.31 and later, Airflow 2.2.5 and later):',
					'トリガラーを 1 台有効にします (Composer 2.0.31 以降、Airflow 2.2.5 以降):',
				),
			),
			hcl(
				[
					'# google_composer_environment > config > workloads_config',
					'triggerer {',
					'  cpu       = 0.5',
					'  memory_gb = 1',
					'  count     = 1',
					'}',
				],
				t('The same in Terraform:', 'Terraform では次のとおりです:'),
			),
		];
		return [
			...forGeneration(context, {
				'composer-2': composer,
				'composer-3': composer,
				airflow: () => [
					sh(
						'airflow triggerer',
						t('Start a triggerer, as a service of its own:', 'トリガラーを独立したサービスとして起動します:'),
					),
				],
			}),
			python(
				'SomeOperator(..., deferrable=False)',
				t('Or let the operator wait in the worker:', 'または、オペレーターをワーカーで待機させます:'),
			),
			say(t('Rerun the task when the update is done.', '更新が完了したら、タスクを再実行してください。')),
		];
	},
	docs: 'https://cloud.google.com/composer/docs/composer-3/use-deferrable-operators',
});
