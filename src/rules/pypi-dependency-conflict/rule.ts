import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { mergedFacts } from '../_parts/hits.ts';
import {
	command,
	forGeneration,
	hcl,
	hclQuoted,
	inLang,
	names,
	python,
	say,
	sh,
	updateEnvironment,
} from '../_parts/steps.ts';
import { unlessQuoted } from '../_parts/weigh.ts';

// Begins at the beginning of a word, so that a long line is not tried from each of its characters.
const PACKAGE = String.raw`(?<![A-Za-z0-9._-])(?<package>[A-Za-z0-9][A-Za-z0-9._-]{0,100})`;
// An extra, a version or a range as pip prints it; may be cut by `,` and `;`.
const SPEC = String.raw`(?<requirement>[A-Za-z0-9][A-Za-z0-9._\[\]-]{0,100}[^\n]{0,200}?)`;

export default defineRule({
	id: 'pypi-dependency-conflict',
	category: 'versions',
	title: { en: 'Python packages cannot be installed together', ja: 'Python パッケージを同時にインストールできません' },
	looks: {
		en: 'An update of PyPI packages fails: `Failed to install PyPI packages` or `Failed to install Python packages`, and in the build log pip names two packages that exclude each other, tries versions until the build times out, or cannot build one.',
		ja: 'PyPI パッケージの更新が `Failed to install PyPI packages` や `Failed to install Python packages` で失敗します。ビルドログには、両立しない 2 つのパッケージ、ビルド期限まで続くバージョンの探索、またはビルドの失敗が記録されています。',
	},
	confused: {
		en: "When there is no build at all, the environment's service account lacks rights (env-update-sa-permissions). When pip never reached the index (`from versions: none` after connection warnings) it is pypi-build-no-network; a 401 or 403 of a private index is its login. Lines about the metadata server in a build come from a package that logs in at import.",
		ja: 'ビルド自体が存在しない場合はサービスアカウントの権限不足です(env-update-sa-permissions)。接続警告の後の `from versions: none` のように pip がインデックスに到達していない場合は pypi-build-no-network、非公開インデックスの 401・403 は認証の問題です。ビルド中のメタデータサーバーのエラーは、インポート時に認証しようとするパッケージが原因です。',
	},
	signatures: [
		line(
			['Failed to install PyPI packages', 'Failed to install pypi packages', 'Failed to install Python packages'],
			/Failed to install (?:PyPI|pypi|Python) packages(?:[^\n]{0,80}Check the Cloud Build log at (?<buildLog>https:\/\/console\.cloud\.google\.com\/[A-Za-z0-9/_.?=;:-]{5,200}))?/,
		),
		line(
			'Check the Cloud Build log at',
			/Check the Cloud Build log at (?<buildLog>https:\/\/console\.cloud\.google\.com\/[A-Za-z0-9/_.?=;:-]{5,200})/,
		),
		// pip before 20.3, and what Composer's own check prints; pip 20.3 and newer.
		line(
			' has requirement ',
			new RegExp(
				String.raw`${PACKAGE} (?<version>[0-9][A-Za-z0-9.+!-]{0,40}) has requirement ${SPEC}, but you(?:'ll| will)? have (?<other>[A-Za-z0-9][A-Za-z0-9._-]{0,100}) (?<otherVersion>[0-9][A-Za-z0-9.+!-]{0,40})`,
			),
			'proof',
		),
		line(
			' which is incompatible',
			new RegExp(
				String.raw`${PACKAGE} (?<version>[0-9][A-Za-z0-9.+!-]{0,40}) requires ${SPEC}, but you(?:'ll| will)? have (?<other>[A-Za-z0-9][A-Za-z0-9._-]{0,100}) (?<otherVersion>[0-9][A-Za-z0-9.+!-]{0,40}) which is incompatible`,
			),
			'proof',
		),
		line(
			', which is not installed',
			new RegExp(
				String.raw`${PACKAGE} (?<version>[0-9][A-Za-z0-9.+!-]{0,40}) requires ${SPEC}, which is not installed`,
			),
		),
		line(
			'because these package versions have conflicting dependencies',
			/Cannot install (?<conflict>[^\n]{2,400}) because these package versions have conflicting dependencies/,
			'proof',
		),
		line(
			' depends on ',
			new RegExp(String.raw` {2,8}${PACKAGE} (?<version>[0-9][A-Za-z0-9.+!-]{0,40}) depends on ${SPEC}$`),
			'weak',
		),
		line('ResolutionImpossible', /ResolutionImpossible/, 'proof'),
		line(
			'does not currently take into account all the packages that are installed',
			/dependency resolver does not currently take into account all the packages that are installed/,
		),
		line(
			'is looking at multiple versions of',
			new RegExp(String.raw`pip is looking at multiple versions of ${PACKAGE} to determine`),
			'weak',
		),
		line(
			['This is taking longer than usual', 'resolution-too-deep', 'ResolutionTooDeep'],
			/This is taking longer than usual\. You might need to provide the dependency resolver|resolution-too-deep|ResolutionTooDeep/,
		),
		// uv and poetry
		line(
			['No solution found when resolving', 'your requirements are unsatisfiable'],
			/No solution found when resolving|your requirements are unsatisfiable/,
			'proof',
		),
		line('version solving failed', /version solving failed/, 'proof'),
		// The index answered, and has no such version for this Python.
		line(
			'Could not find a version that satisfies the requirement',
			/Could not find a version that satisfies the requirement (?<requirement>[A-Za-z0-9][^\s(]{0,200}) \(from versions: (?<versions>[^)\n]{1,4000})\)/,
		),
		line(
			'No matching distribution found for',
			/No matching distribution found for (?<requirement>[A-Za-z0-9][^\s]{0,200})/,
		),
		line(
			'requires a different Python',
			/(?:Package |ERROR: )[\\"']{0,4}(?<package>[A-Za-z0-9][A-Za-z0-9._-]{0,100})[\\"']{0,4} requires a different Python: (?<python>[0-9.]{1,12}) not in [\\"']{1,4}(?<requirement>[^"'\\\n]{1,60})/,
			'proof',
		),
		line(
			['Failed building wheel for', 'Failed to build installable wheels for'],
			/Failed (?:building wheel|to build installable wheels) for (?:some pyproject\.toml based projects \()?(?<package>[A-Za-z0-9][A-Za-z0-9._-]{0,100})/,
		),
		line(
			['metadata-generation-failed', 'subprocess-exited-with-error'],
			/metadata-generation-failed|subprocess-exited-with-error/,
		),
		line('THESE PACKAGES DO NOT MATCH THE HASHES', /THESE PACKAGES DO NOT MATCH THE HASHES/),
		line('Double requirement given', /Double requirement given: (?<conflict>[A-Za-z0-9][^\n]{3,200})/, 'proof'),
		line('Invalid requirement', /ERROR: Invalid requirement: [\\"']{0,4}(?<requirement>[^"'\\\n]{1,200})/),
		// Refused before any build: only `name`, extras and a version, no URL, wheel or path.
		line('PyPI dependency name is not formatted properly', /PyPI dependency name is not formatted properly/, 'proof'),
		line('Error validating key ', /Error validating key (?<requirement>[A-Za-z0-9][^\n]{0,200}?)\.?$/),
		line(
			'User-provided PyPi dependencies forbidden',
			/User-provided PyPi dependencies forbidden at environment creation/,
			'proof',
		),
	],
	asks: [
		'Successfully installed ',
		'401 Error, Credentials not correct',
		'HTTP error 401',
		'HTTP error 403',
		'401 Client Error',
		'403 Client Error',
	],
	yieldsTo: ['pypi-build-no-network', 'vpc-sc-denied'],
	weigh(hits, scene) {
		const facts: Record<string, string> = { ...mergedFacts(hits) };
		const login = [
			'401 Error, Credentials not correct',
			'HTTP error 401',
			'HTTP error 403',
			'401 Client Error',
			'403 Client Error',
		].some((text) => scene.has(text));
		if (login) facts.login = 'refused';
		const strong = hits.filter(({ signature }) => signature.says !== 'weak');
		// A task that builds a virtualenv prints pip's warnings and goes on when the install ended well.
		if (strong.length === 0 || (scene.kind === 'task' && scene.has('Successfully installed ')))
			return { says: 'weak', facts };
		// `(from versions: none)` alone: the name may be wrong as well as the network.
		const proof = strong.some(({ signature }) => signature.says === 'proof');
		return unlessQuoted({ says: proof ? 'proof' : 'strong', facts }, scene);
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-2/troubleshooting-package-installation',
});

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const { at, project, serviceAccount } = names(env);
	const name = facts.package ?? facts.requirement?.replace(/[^A-Za-z0-9._-].*$/, '') ?? 'PACKAGE';
	if (facts.login)
		return [
			say(
				t(
					'The private index refused the login (401 or 403), so pip saw no versions.',
					'非公開インデックスに認証を拒否されたため(401・403)、pip からバージョンが見えていません。',
				),
			),
			sh([
				command(
					'gcloud',
					'artifacts',
					'repositories',
					'add-iam-policy-binding',
					'REPOSITORY',
					'--location=REPOSITORY_LOCATION',
					`--member=serviceAccount:${serviceAccount}`,
					'--role=roles/artifactregistry.reader',
				),
				command(
					'gcloud',
					'iam',
					'service-accounts',
					'add-iam-policy-binding',
					serviceAccount,
					`--member=serviceAccount:${serviceAccount}`,
					'--role=roles/iam.serviceAccountUser',
				),
			]),
			say(
				t(
					'The address of the index stands in `config/pip/pip.conf` of the bucket.',
					'インデックスのアドレスはバケットの `config/pip/pip.conf` に書きます。',
				),
			),
		];
	const clash = facts.other
		? t(
				`\`${name} ${facts.version ?? ''}\` wants \`${facts.requirement ?? ''}\`, and \`${facts.other} ${facts.otherVersion ?? ''}\` is there.`,
				`\`${name} ${facts.version ?? ''}\` は \`${facts.requirement ?? ''}\` を必要としますが、\`${facts.other} ${facts.otherVersion ?? ''}\` が入っています。`,
			)
		: facts.conflict
			? t(`These exclude each other: \`${facts.conflict}\`.`, `次の組み合わせは両立しません: \`${facts.conflict}\``)
			: facts.versions
				? t(
						`The index has no \`${facts.requirement ?? name}\` for this Python. It has: ${facts.versions}.`,
						`インデックスにこの Python 用の \`${facts.requirement ?? name}\` がありません。存在するのは ${facts.versions} です。`,
					)
				: facts.python
					? t(
							`\`${name}\` needs Python ${facts.requirement ?? ''}; the environment has ${facts.python}.`,
							`\`${name}\` は Python ${facts.requirement ?? ''} が必要ですが、環境は ${facts.python} です。`,
						)
					: t(
							'pip could not install the packages; the build log names the ones that clash.',
							'pip がパッケージをインストールできませんでした。衝突しているパッケージはビルドログに出ています。',
						);
	const composer = (): FixStep[] => [
		sh(
			[
				command(
					'gcloud',
					'composer',
					'operations',
					'list',
					`--locations=${names(env).location}`,
					`--project=${project}`,
				),
				...(facts.buildLog
					? [buildLogOf(facts.buildLog)]
					: [
							command(
								'gcloud',
								'builds',
								'list',
								`--project=${project}`,
								`--region=${names(env).location}`,
								'--limit=3',
							),
							command(
								'gcloud',
								'logging',
								'read',
								'logName:"build-log-"',
								`--project=${project}`,
								'--freshness=1d',
								'--limit=200',
								'--order=asc',
							),
						]),
			],
			t(
				'The build log, in Cloud Build or under `build-log-*` of the environment. No build at all means missing rights (env-update-sa-permissions):',
				'ビルドログは Cloud Build、または環境のログ `build-log-*` にあります。ビルドが存在しない場合は権限不足です(env-update-sa-permissions):',
			),
		),
		sh(
			command('gcloud', 'composer', 'environments', 'list-packages', ...at, '--tree'),
			t(
				'What is installed and who asks for it. Do not pin what the image already brings:',
				'インストール済みパッケージと依存元を確認します。イメージに含まれるものは固定しないでください:',
			),
		),
		sh(
			[
				updateEnvironment(env, `--update-pypi-package=${name}>=LOWER,<UPPER`),
				updateEnvironment(env, `--remove-pypi-packages=${name}`),
			],
			t(
				'Loosen the pin, or take the package out (one update at a time):',
				'バージョン指定を緩めるか、パッケージを外します(更新は 1 件ずつ):',
			),
		),
		hcl(
			['software_config {', '  pypi_packages = {', `    ${hclQuoted(name)} = ">=LOWER,<UPPER"`, '  }', '}'],
			t(
				'The same in Terraform (`name = version`; extras as `"[extra]>=1"`; URLs, wheels and paths are refused):',
				'Terraform の場合(`名前 = バージョン`、extra は `"[extra]>=1"`。URL・wheel・パスは使えません):',
			),
		),
		sh(
			command('gcloud', 'composer', 'environments', 'check-upgrade', ...at, '--image-version=IMAGE_VERSION'),
			t(
				'Before an upgrade: `containsPypiModulesConflict` and an extract of the build log, without touching the environment:',
				'アップグレード前の確認です。環境を変更せずに `containsPypiModulesConflict` とビルドログの抜粋が得られます:',
			),
		),
		say(
			t(
				'A build ends after 35 minutes: long backtracking (`pip is looking at multiple versions`) needs tighter lower bounds. A package that logs in to Google at import fails the build with metadata-server lines: move that code into a function. Own wheels go into an Artifact Registry Python repository named in `config/pip/pip.conf`.',
				'ビルドは 35 分で打ち切られます。バージョン探索(`pip is looking at multiple versions`)が長い場合は下限を厳しくしてください。インポート時に Google へ認証するパッケージはメタデータサーバーのエラーでビルドが失敗するため、処理を関数内に移してください。自作の wheel は Artifact Registry の Python リポジトリに置き、`config/pip/pip.conf` で指定します。',
			),
		),
	];
	return [
		say(clash),
		...forGeneration(
			{ env, lang },
			{
				'composer-2': composer,
				'composer-3': composer,
				airflow: () => [
					sh(
						'python -m pip install "apache-airflow==AIRFLOW_VERSION" -r requirements.txt --constraint "https://raw.githubusercontent.com/apache/airflow/constraints-AIRFLOW_VERSION/constraints-PYTHON_VERSION.txt"',
						t("Always install with Airflow's constraints:", '必ず Airflow の constraints を使ってインストールします:'),
					),
					sh(['python -m pip check', 'python -m pip install --dry-run -r requirements.txt']),
				],
			},
		),
		python(
			['@task.virtualenv(requirements=["PACKAGE==VERSION"], system_site_packages=False)', 'def job(): ...'],
			t(
				'What cannot live beside Airflow runs in a virtualenv or a KubernetesPodOperator:',
				'Airflow と共存できないものは virtualenv や KubernetesPodOperator で実行します:',
			),
		),
	];
}

/** The log of a Cloud Build, by the id and the region that its address in the console holds. */
function buildLogOf(address: string): string {
	const build = /\/builds(?:;region=(?<region>[a-z0-9-]{3,40}))?\/(?<id>[0-9a-f-]{4,40})/.exec(address);
	const project = /[?&]project=(?<project>[a-z0-9:.-]{4,60})/.exec(address)?.groups?.project;
	const region = build?.groups?.region;
	return command(
		'gcloud',
		'builds',
		'log',
		build?.groups?.id ?? 'BUILD',
		...(region === undefined ? [] : [`--region=${region}`]),
		...(project === undefined ? [] : [`--project=${project}`]),
	);
}
