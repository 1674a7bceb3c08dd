import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { mergedFacts } from '../_parts/hits.ts';
import { command, forGeneration, inLang, ini, names, say, sh } from '../_parts/steps.ts';
import { likely } from '../_parts/said.ts';
import { unlessQuoted } from '../_parts/weigh.ts';

export default defineRule({
	id: 'pypi-build-no-network',
	category: 'network',
	title: {
		en: 'The package build cannot reach the package index',
		ja: 'パッケージのビルドからインデックスに到達できません',
	},
	looks: {
		en: 'In the build log pip retries connections to pypi.org or another index, cannot fetch its URL, and then finds no version at all (`from versions: none`).',
		ja: 'ビルドログで pip が pypi.org などのインデックスへの接続を繰り返し、URL を取得できず、最後に 1 つもバージョンが見つかりません(`from versions: none`)。',
	},
	confused: {
		en: 'When pip reached the index and complains about versions it is pypi-dependency-conflict. A 401 or 403 of a private index is its login. `from versions: none` alone can also be a typing error or a package without a wheel for this Python.',
		ja: 'pip がインデックスに到達し、バージョンについて訴えている場合は pypi-dependency-conflict です。非公開インデックスの 401・403 は認証の問題です。`from versions: none` だけなら、名前の誤りや、この Python 用の配布物がない場合もあります。',
	},
	signatures: [
		line(
			'Could not fetch URL ',
			/Could not fetch URL https?:\/\/(?<host>[A-Za-z0-9][A-Za-z0-9._-]{0,252})\S{0,300}: (?:connection error|There was a problem confirming the ssl certificate)/,
			'proof',
		),
		line(
			'after connection broken by',
			/Retrying \(Retry\(total=\d{1,3}[^\n]{0,120}after connection broken by [^\n]{0,600}?(?:\/simple\/|pip\._vendor|pypi|pkg\.dev|pythonhosted|\.whl|\.tar\.gz)/,
		),
		line(
			['pypi.org', 'pythonhosted.org'],
			/(?:host='(?<host>[a-z.]{0,40}(?:pypi\.org|pythonhosted\.org))'|Connection to (?<host2>[a-z.]{0,40}(?:pypi\.org|pythonhosted\.org)))[^\n]{0,300}(?:timed out|Max retries exceeded|NewConnectionError|NameResolutionError|SSLError|ConnectTimeoutError|ProxyError)/,
		),
		line(
			'Failed to fetch: ',
			/(?:[Ff]ailed to fetch|Request failed after \d{1,2} retries)[^\n]{0,20}https?:\/\/(?<host>[A-Za-z0-9][A-Za-z0-9._-]{0,252})\/[^\n]{0,200}simple\//,
		),
		line('Could not connect, are you offline', /Could not connect, are you offline/),
		line(
			'Could not install packages due to an OSError',
			/Could not install packages due to an (?:OSError|EnvironmentError): HTTPS?ConnectionPool\(host='(?<host>[A-Za-z0-9][A-Za-z0-9._-]{0,252})'/,
			'proof',
		),
		line(
			'from versions: none',
			/Could not find a version that satisfies the requirement (?<requirement>[A-Za-z0-9][^\s(]{0,200}) \(from versions: none\)/,
			'weak',
		),
	],
	asks: [
		'401 Error, Credentials not correct',
		'HTTP error 401',
		'HTTP error 403',
		'401 Client Error',
		'403 Client Error',
		'Successfully installed ',
		'Processing ./',
		'Looking in links',
	],
	weigh(hits, scene) {
		const merged = mergedFacts(hits);
		const facts = { ...merged, ...(merged.host2 === undefined ? {} : { host: merged.host2 }) };
		// The index was reached and refused the login; or the retries helped.
		if (
			[
				'401 Error, Credentials not correct',
				'HTTP error 401',
				'HTTP error 403',
				'401 Client Error',
				'403 Client Error',
			].some((text) => scene.has(text))
		)
			return undefined;
		const strong = hits.filter(({ signature }) => signature.says !== 'weak');
		if (strong.length === 0 || scene.has('Successfully installed ')) return { says: 'weak', facts };
		const proof = strong.some(({ signature }) => signature.says === 'proof');
		return unlessQuoted({ says: proof ? 'proof' : 'strong', facts }, scene);
	},
	verify(_, { told, env }) {
		if (told === undefined || env.isPrivate !== true) return undefined;
		return likely(
			'environment',
			'the environment is private: its builds reach PyPI only through Cloud NAT or a repository of your own.',
			'この環境はプライベートです。ビルドから PyPI に接続するには、Cloud NAT または独自のリポジトリが必要です。',
		);
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-3/install-python-dependencies',
});

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const { at, project, location, serviceAccount, bucket } = names(env);
	const remote = [
		sh(
			[
				command(
					'gcloud',
					'artifacts',
					'repositories',
					'create',
					'pypi-remote',
					'--repository-format=python',
					'--mode=remote-repository',
					'--remote-python-repo=PYPI',
					`--location=${location}`,
					`--project=${project}`,
				),
				command(
					'gcloud',
					'artifacts',
					'repositories',
					'add-iam-policy-binding',
					'pypi-remote',
					`--location=${location}`,
					`--project=${project}`,
					`--member=serviceAccount:${serviceAccount}`,
					'--role=roles/artifactregistry.reader',
				),
				command(
					'gcloud',
					'iam',
					'service-accounts',
					'add-iam-policy-binding',
					serviceAccount,
					`--project=${project}`,
					`--member=serviceAccount:${serviceAccount}`,
					'--role=roles/iam.serviceAccountUser',
				),
			],
			t(
				"A remote repository of Artifact Registry fetches from PyPI in the environment's place; the account needs Service Account User on itself to build against it:",
				'Artifact Registry のリモートリポジトリが代わりに PyPI から取得します。ビルドのため、サービスアカウント自身に対する Service Account User も必要です:',
			),
		),
		ini(
			['[global]', `index-url = https://${location}-python.pkg.dev/${project}/pypi-remote/simple/`],
			t('File `pip.conf`:', 'ファイル `pip.conf`:'),
		),
		sh(
			command('gcloud', 'storage', 'cp', 'pip.conf', `gs://${bucket}/config/pip/pip.conf`),
			t('Put it where the build reads it, then repeat the update:', 'ビルドが読む場所に置き、更新をやり直します:'),
		),
	];
	const nat = sh(
		[
			command(
				'gcloud',
				'compute',
				'routers',
				'create',
				'composer-router',
				'--network=NETWORK',
				`--region=${location}`,
				`--project=${project}`,
			),
			command(
				'gcloud',
				'compute',
				'routers',
				'nats',
				'create',
				'composer-nat',
				'--router=composer-router',
				`--region=${location}`,
				`--project=${project}`,
				'--auto-allocate-nat-external-ips',
				'--nat-custom-subnet-ip-ranges=SUBNETWORK:ALL',
			),
		],
		t('Or give the subnet a way out:', 'またはサブネットに外向きの経路を用意します:'),
	);
	return [
		say(
			t(
				`The build did not reach ${facts.host ? `\`${facts.host}\`` : 'the package index'}.`,
				`ビルドから ${facts.host ? `\`${facts.host}\`` : 'パッケージインデックス'} に到達できませんでした。`,
			),
		),
		...forGeneration(
			{ env, lang },
			{
				'composer-2': () => [
					say(
						t(
							'Inside a VPC Service Controls perimeter Composer 2 has had no public PyPI since 2024-09-26. A private IP environment needs Cloud NAT, and in-cluster builds an MTU of at least 1280.',
							'VPC Service Controls の境界内の Composer 2 は、2024-09-26 以降、公開 PyPI を使えません。プライベート IP 環境には Cloud NAT が、クラスタ内ビルドには 1280 以上の MTU が必要です。',
						),
					),
					sh(
						command(
							'gcloud',
							'composer',
							'environments',
							'describe',
							...at,
							'--format=yaml(config.privateEnvironmentConfig,config.nodeConfig)',
						),
					),
					...remote,
					nat,
				],
				'composer-3': () => [
					say(
						t(
							'With private builds only (`enablePrivateBuildsOnly`) the build has no internet access by design.',
							'`enablePrivateBuildsOnly`(プライベートビルドのみ)の環境では、ビルドは設計上インターネットに出られません。',
						),
					),
					sh(
						[
							command(
								'gcloud',
								'composer',
								'environments',
								'describe',
								...at,
								'--format=yaml(config.privateEnvironmentConfig,config.nodeConfig)',
							),
							command('gcloud', 'composer', 'environments', 'update', ...at, '--disable-private-builds-only'),
						],
						t(
							'See it; switch it off only if public builds are allowed:',
							'設定を確認します。公開ビルドが許される場合のみ解除してください:',
						),
					),
					...remote,
				],
				airflow: () => [
					sh(
						[
							'python -m pip config list',
							`python -m pip download --no-deps --verbose ${command(facts.requirement?.replace(/[^A-Za-z0-9._-].*$/, '') ?? 'PACKAGE')}`,
						],
						t(
							'Which index, which proxy, and how far it gets:',
							'使われるインデックスとプロキシ、失敗箇所を確認します:',
						),
					),
					ini([
						'[global]',
						'index-url = https://INDEX/simple/',
						'proxy = http://PROXY:PORT',
						'cert = /etc/ssl/certs/ca-bundle.pem',
					]),
				],
			},
		),
		...(facts.requirement
			? [
					say(
						t(
							`If the index is reachable after all, look at the spelling of \`${facts.requirement}\` and whether it exists for this Python.`,
							`インデックスに到達できている場合は、\`${facts.requirement}\` の綴りと、この Python 用の配布物があるかを確認してください。`,
						),
					),
				]
			: []),
	];
}
