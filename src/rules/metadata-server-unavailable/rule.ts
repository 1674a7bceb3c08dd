import { defineRule, line } from '../../domain/rule.ts';
import type { Environment } from '../../domain/environment.ts';
import { gcloud } from '../_parts/iam.ts';
import { command, forGeneration, inLang, names, python, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { likely } from '../_parts/said.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';

/** Environment variables that keep a worker from its metadata server. */
const OFFENDERS = [
	'HTTP_PROXY',
	'HTTPS_PROXY',
	'http_proxy',
	'https_proxy',
	'GCE_METADATA_HOST',
	'GCE_METADATA_IP',
	'GCE_METADATA_TIMEOUT',
	'GOOGLE_APPLICATION_CREDENTIALS',
];

export default defineRule({
	id: 'metadata-server-unavailable',
	category: 'permissions',
	title: {
		en: 'No Google credentials: the metadata server did not answer or no default credentials exist',
		ja: 'Google の認証情報がありません（メタデータ サーバーの応答なし、または既定の認証情報なし）',
	},
	looks: {
		en: '“Your default credentials were not found”, “Compute Engine Metadata server unavailable”, “Failed to retrieve http://metadata.google.internal/…”, or a key file that is not there.',
		ja: '「Your default credentials were not found」「Compute Engine Metadata server unavailable」「Failed to retrieve http://metadata.google.internal/…」、または鍵ファイルの欠落です。',
	},
	confused: {
		en: 'A metadata server that answers 403 (“IAM returned 403 Forbidden … missing IAM policy binding”) works: the Workload Identity binding is lost. One warning “unavailable on attempt 1 of 3” that is followed by success is noise. An import-time warning in a PyPI build log is a package that authenticates while it is installed.',
		ja: 'メタデータ サーバーが 403（「IAM returned 403 Forbidden … missing IAM policy binding」）を返すなら、サーバーは動いており、Workload Identity の紐付けが失われています。「unavailable on attempt 1 of 3」の警告だけで後が成功していればノイズです。PyPI のビルドログに出る場合は、インストール中に認証を試みるパッケージの問題です。',
	},
	signatures: [
		line('Your default credentials were not found', /Your default credentials were not found/),
		line('Could not automatically determine credentials', /Could not automatically determine credentials/),
		line(
			'DefaultCredentialsError',
			/DefaultCredentialsError: (?!\S{0,4}The API key)(?:\(?['"]?File (?<keyFile>\S{1,400}?) was not found)?/,
		),
		line(
			'from the Google Compute Engine metadata service',
			/Failed to retrieve http:\/\/\S{5,300} from the Google Compute Engine metadata service\. Compute Engine Metadata server unavailable/,
		),
		line(
			'from the Google Compute Engine metadata service',
			/Failed to retrieve http:\/\/\S{5,300} from the Google Compute Engine metadata service\.\s*Status: (?<status>404|5\d\d)/i,
		),
		line(
			['metadata.google.internal', '169.254.169.25'],
			/(?:host=['"]|Failed to resolve ['"]|find the server at |Could not resolve host:? |connect to )(?:metadata\.google\.internal|169\.254\.169\.25[0-9]).{0,600}/,
		),
		line(
			'due to unavailable metadata server',
			/Authentication failed using Compute Engine authentication due to unavailable metadata server/,
			'weak',
		),
		line(
			'Compute Engine Metadata server unavailable on attempt',
			/Compute Engine Metadata server unavailable on attempt/,
			'weak',
		),
		line(
			[
				'Project ID could not be determined from default credentials',
				'Project was not passed and could not be determined',
			],
			/Project (?:ID could not be determined from default credentials|was not passed and could not be determined from the environment)/,
		),
		line(
			'You do not currently have an active account selected',
			/You do not currently have an active account selected/,
		),
		line('Unable to find pod: generic::not_found', /Unable to find pod: generic::not_found/),
		// The connection's key_path or GOOGLE_APPLICATION_CREDENTIALS names a file that is not on this worker, or no key.
		line(
			'google/auth/_service_account_info.py',
			/google\/auth\/_service_account_info\.py", line \d{1,5}, in from_(?:filename|dict)/,
		),
		line('google/auth/_default.py', /google\/auth\/_default\.py", line \d{1,5}, in load_credentials_from_file/),
		line('Service account info was not in the expected format', /Service account info was not in the expected format/),
	],
	yieldsTo: [
		'workload-identity-binding-lost',
		'kpo-ksa-no-gcp-access',
		'env-sa-disabled-or-deleted',
		'pypi-dependency-conflict',
	],
	weigh(hits, scene) {
		return unlessQuoted(strongest(hits), scene);
	},
	reads: ['environment'],
	verify({ environment }, { told }) {
		const set = (environment?.environmentVariables ?? []).filter((name) => OFFENDERS.includes(name));
		if (told === undefined || set.length === 0) return undefined;
		const list = set.map((name) => `\`${name}\``);
		return likely(
			'environment',
			`the environment sets ${list.join(', ')}, which stands between the workers and the metadata server.`,
			`環境変数 ${list.join('、')} が設定されており、ワーカーとメタデータ サーバーの通信に影響します。`,
		);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const onComposer = () => [
			sh(
				gcloud('composer environments describe', ...names(env).at, '--format=yaml(config.softwareConfig.envVariables)'),
				t(
					'On Composer every worker gets its account from the metadata server. Look for HTTP_PROXY, HTTPS_PROXY, NO_PROXY, GCE_METADATA_* and GOOGLE_APPLICATION_CREDENTIALS among the environment variables:',
					'Composer のワーカーは、メタデータ サーバーからアカウントを得ます。環境変数に HTTP_PROXY、HTTPS_PROXY、NO_PROXY、GCE_METADATA_*、GOOGLE_APPLICATION_CREDENTIALS がないか確認してください:',
				),
			),
			sh(
				updateEnvironment(env, `--remove-env-variables=${offenders(env).join(',')}`),
				t(
					'Remove what does not belong there. If a proxy must stay, NO_PROXY has to hold metadata.google.internal and 169.254.169.254 (the default does since 2025-10-22). GCE_METADATA_TIMEOUT is reserved since 2025-09-30, because low values broke environments.',
					'不要なものを削除します。プロキシが必要な場合は NO_PROXY に metadata.google.internal と 169.254.169.254 を含めてください（2025-10-22 以降は既定で含まれます）。GCE_METADATA_TIMEOUT は、低い値で環境が壊れたため 2025-09-30 以降は予約済みです。',
				),
			),
			say(
				t(
					'Timeouts only while many tasks start at once: the worker is short of CPU. Create Google clients inside the task (not at import), give the task retries, and lower worker concurrency or raise worker CPU. In a pod of KubernetesPodOperator see kpo-ksa-no-gcp-access.',
					'多数のタスクが同時に始まるときだけタイムアウトするなら、ワーカーの CPU 不足です。Google クライアントはインポート時ではなくタスク内で作成し、リトライを設定し、同時実行数を下げるかワーカーの CPU を増やしてください。KubernetesPodOperator の Pod 内なら kpo-ksa-no-gcp-access を参照してください。',
				),
			),
		];
		const onAirflow = () => [
			say(
				t(
					'Outside Google Cloud there is no metadata server. Give the connection a key, or better Workload Identity Federation, and make the file readable on every worker:',
					'Google Cloud の外にはメタデータ サーバーがありません。接続に鍵（できれば Workload Identity 連携の設定）を指定し、すべてのワーカーから読めるようにしてください:',
				),
			),
			sh([
				command(
					'airflow',
					'connections',
					'add',
					'google_cloud_default',
					'--conn-type',
					'google_cloud_platform',
					'--conn-extra',
					'{"project": "PROJECT", "key_path": "/path/on/every/worker.json"}',
				),
				'gcloud auth application-default login   # on a laptop',
			]),
			say(
				t(
					'On GKE or Compute Engine: see whether the metadata server answers from the pod or host at all.',
					'GKE や Compute Engine の場合は、Pod やホストからメタデータ サーバーに届くか確認してください。',
				),
			),
			sh(
				"curl -sS -H 'Metadata-Flavor: Google' http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/email",
			),
		];
		return [
			...(facts['keyFile'] === undefined
				? []
				: [
						say(
							t(
								`The key file ${facts['keyFile']} is not on this worker. Put it where every worker sees it, or drop key_path / GOOGLE_APPLICATION_CREDENTIALS and use the attached account.`,
								`鍵ファイル ${facts['keyFile']} がこのワーカーにありません。すべてのワーカーから見える場所に置くか、key_path や GOOGLE_APPLICATION_CREDENTIALS をやめて、環境に紐付いたアカウントを使ってください。`,
							),
						),
					]),
			...forGeneration({ env, lang }, { 'composer-2': onComposer, 'composer-3': onComposer, airflow: onAirflow }),
			python([
				'def load():',
				'    from google.cloud import storage  # inside the task: nothing asks for credentials while the file is parsed',
				'    client = storage.Client()',
			]),
		];
	},
	docs: 'https://docs.cloud.google.com/docs/authentication/application-default-credentials',
});

/** Those that are set; where that is not known, the usual ones. */
function offenders({ environmentVariables }: Environment): readonly string[] {
	const set = environmentVariables?.filter((name) => OFFENDERS.includes(name)) ?? [];
	return set.length > 0 ? set : ['HTTP_PROXY', 'HTTPS_PROXY', 'GOOGLE_APPLICATION_CREDENTIALS'];
}
