import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { grown } from '../_parts/components.ts';
import { command, hcl, inLang, names, say, sh, updateEnvironment } from '../_parts/steps.ts';
import type { Environment } from '../../domain/environment.ts';
import { confirmed } from '../_parts/said.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';

export default defineRule({
	id: 'webserver-resources-too-small',
	category: 'environment',
	title: {
		en: 'The web server cannot start with its CPU and memory',
		ja: 'Web サーバーの CPU・メモリが足りず起動できません',
	},
	looks: {
		en: 'An update or upgrade fails with error code 9: `Failed to update web server … Updating web server CPU, memory, storage failed.`, or runs very long while the web server stays unhealthy.',
		ja: '更新やアップグレードがエラーコード 9 の `Failed to update web server … Updating web server CPU, memory, storage failed.` で失敗する、または Web サーバーが異常のまま長時間終わりません。',
	},
	confused: {
		en: 'An operation that ends with `No agent response published` lacks rights (env-update-sa-permissions); a failed build is pypi-dependency-conflict; a database that is not reached is env-network-unreachable.',
		ja: '`No agent response published` で終わる場合は権限不足(env-update-sa-permissions)、ビルド失敗は pypi-dependency-conflict、データベースに到達できない場合は env-network-unreachable です。',
	},
	signatures: [
		line('Failed to update web server', /Failed to update web ?server/i),
		line('Updating web server CPU, memory, storage failed', /Updating web server CPU, memory, storage failed/, 'proof'),
	],
	yieldsTo: ['env-update-sa-permissions', 'pypi-dependency-conflict', 'env-network-unreachable'],
	weigh: (hits, scene) => unlessQuoted(strongest(hits), scene),
	reads: ['environment', 'workloads'],
	decides: ['environment'],
	verify({ environment, workloads }, { env }) {
		const server = environment?.webServer;
		const least = leastMemoryGb(env);
		if (server && env.generation === 'composer-3' && (server.cpu < 1 || server.memoryGb < least))
			return confirmed(
				'environment',
				`the web server has ${server.cpu} vCPU and ${server.memoryGb} GB; this image needs at least 1 vCPU and ${least} GB.`,
				`Web サーバーは ${server.cpu} vCPU、${server.memoryGb} GB です。このイメージには 1 vCPU、${least} GB 以上が必要です。`,
			);
		const ill = workloads?.find(
			({ type, state }) => type === 'WEB_SERVER' && (state === 'ERROR' || state === 'WARNING'),
		);
		if (!ill) return undefined;
		return confirmed(
			'workloads',
			`the web server is in state ${ill.state}: ${ill.message}`,
			`Web サーバーの状態は ${ill.state} です: ${ill.message}`,
		);
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-3/scale-environments',
});

function fix({ env, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const more = grown(env, 'webServer', 1);
	return [
		say(
			t(
				'Composer 3 needs at least 1 vCPU and 2 GB for the web server (3 GB from composer-3-airflow-2.11.1-build.7); many custom packages need more.',
				'Composer 3 の Web サーバーには最低 1 vCPU・2 GB(composer-3-airflow-2.11.1-build.7 以降は 3 GB)が必要です。カスタムパッケージが多い場合はさらに必要です。',
			),
		),
		sh(
			command(
				'gcloud',
				'composer',
				'environments',
				'describe',
				...names(env).at,
				'--format=yaml(config.workloadsConfig.webServer)',
			),
			t('What it has now:', '現在の設定:'),
		),
		sh(
			updateEnvironment(env, `--web-server-cpu=${more.cpu}`, `--web-server-memory=${more.memoryGb}GB`),
			t(
				'Give it more, wait for the operation, then repeat what failed:',
				'増やして操作の完了を待ち、失敗した操作をやり直します:',
			),
		),
		hcl([
			'workloads_config {',
			'  web_server {',
			`    cpu        = ${more.cpu}`,
			`    memory_gb  = ${more.memoryGb}`,
			`    storage_gb = ${env.webServer?.storageGb ?? 1}`,
			'  }',
			'}',
		]),
	];
}

/** What Composer 3's web server needs. Sources: release notes 2025-04-09 and 2025-04-30; known issue of July 2026. */
function leastMemoryGb({ imageVersion = '' }: Environment): number {
	const [, airflow = '', build = '0'] = /^composer-3-airflow-(\d+\.\d+\.\d+)-build\.(\d+)/.exec(imageVersion) ?? [];
	return airflow === '2.11.1' && Number(build) >= 7 ? 3 : 2;
}
