import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { command, forGeneration, inLang, names, say, sh } from '../_parts/steps.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';

export default defineRule({
	id: 'env-network-unreachable',
	category: 'network',
	title: {
		en: "The environment's network, DNS or address ranges block it",
		ja: '環境のネットワーク・DNS・IP 範囲が操作を妨げています',
	},
	looks: {
		en: 'Creating, updating or deleting the environment fails: the cluster does not reach the database, a CIDR range is not allowed or overlaps, no error was surfaced, or the subnetwork is still used by a NAT.',
		ja: '環境の作成・更新・削除が失敗します。クラスタからデータベースに到達できない、CIDR 範囲が許可されない・重複する、エラーが表示されない、サブネットワークが NAT に使われたままなどです。',
	},
	confused: {
		en: 'Missing network roles of the service agents in a Shared VPC are a permission text (env-update-sa-permissions); machines that cannot be created are gke-quota-exceeded. A task that cannot reach a host is network-egress-failure.',
		ja: '共有 VPC でのサービスエージェントの権限不足は権限のメッセージになります(env-update-sa-permissions)。マシンを作成できない場合は gke-quota-exceeded、タスクがホストに到達できない場合は network-egress-failure です。',
	},
	signatures: [
		line(
			'could not successfully initialize the Airflow database',
			/could not successfully initialize the Airflow database/,
			'proof',
		),
		line(
			'unable to reach the SQL database over the network',
			/unable to reach the SQL database over the network/,
			'proof',
		),
		line(
			'CIDR range ',
			/(?<range>Cluster|Services|GKE master|Web server|Cloud SQL) CIDR range (?<cidr>[0-9./]{7,18}) is not within allowed ranges/,
			'proof',
		),
		line(
			'does not belong to Composer project',
			/Network Attachment [^\n]{0,200}does not belong to Composer project/,
			'proof',
		),
		line(
			'is reserved for the Docker bridge network',
			/The IP range (?<cidr>[0-9./]{7,18}) is reserved for the Docker bridge network/,
			'proof',
		),
		line('but no error was surfaced', /but no error was surfaced/),
		line('is already being used by', /is already being used by [^\n]{0,200}-[Nn]at\b/, 'proof'),
		line(
			'conflicts with existing subnetwork',
			/Invalid IPCidrRange: (?<cidr>[0-9./]{7,18}) conflicts with existing subnetwork/,
		),
	],
	weigh(hits, scene) {
		const text = hits.map((hit) => hit.text).join('\n');
		const fault = /already being used by/.test(text)
			? 'nat'
			: /CIDR|IPCidr|The IP range/i.test(text)
				? 'range'
				: 'database';
		return unlessQuoted(strongest(hits, { fault }), scene);
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-2/troubleshooting-environment-creation',
});

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const { project, location, at } = names(env);
	const subnet = sh(
		command(
			'gcloud',
			'compute',
			'networks',
			'subnets',
			'describe',
			'SUBNETWORK',
			`--region=${location}`,
			`--project=${project}`,
			'--format=yaml(ipCidrRange,secondaryIpRanges,privateIpGoogleAccess)',
		),
		t('Ranges, and whether Private Google Access is on:', '範囲と限定公開の Google アクセスを確認します:'),
	);
	if (facts.fault === 'nat')
		return [
			say(
				t(
					'The subnetwork cannot be deleted with the environment while a Cloud NAT names it. Take it out of the NAT, then delete again.',
					'Cloud NAT がサブネットワークを参照しているため削除できません。NAT から外してから、もう一度削除してください。',
				),
			),
			sh([
				command('gcloud', 'compute', 'routers', 'list', `--project=${project}`),
				command(
					'gcloud',
					'compute',
					'routers',
					'nats',
					'update',
					'NAT',
					'--router=ROUTER',
					`--region=${location}`,
					`--project=${project}`,
					'--nat-custom-subnet-ip-ranges=OTHER_SUBNETWORK:ALL',
				),
				command('gcloud', 'composer', 'environments', 'delete', ...at),
			]),
		];
	if (facts.fault === 'range')
		return [
			say(
				t(
					`The range ${facts.cidr ?? ''}${facts.range ? ` (${facts.range})` : ''} is not usable: only private ranges (10/8, 172.16/12, 192.168/16, 100.64/10), none of them overlapping in the network.`,
					`範囲 ${facts.cidr ?? ''}${facts.range ? `(${facts.range})` : ''} は使えません。プライベート範囲(10/8、172.16/12、192.168/16、100.64/10)で、ネットワーク内で重複しないものを選んでください。`,
				),
			),
			subnet,
			...forGeneration(
				{ env, lang },
				{
					'composer-2': () => [],
					'composer-3': () => [
						say(
							t(
								'Composer 3 takes `composerInternalIpv4CidrBlock`, by default 100.64.128.0/20.',
								'Composer 3 の `composerInternalIpv4CidrBlock` の既定は 100.64.128.0/20 です。',
							),
						),
					],
					airflow: () => [],
				},
			),
		];
	return [
		say(
			t(
				"The cluster does not reach what it needs: the database, DNS or Google's APIs. Open the ways, delete the failed environment, create it again.",
				'クラスタがデータベース・DNS・Google API に到達できていません。経路を開け、失敗した環境を削除してから作り直してください。',
			),
		),
		subnet,
		...forGeneration(
			{ env, lang },
			{
				'composer-2': () => [
					sh(
						[
							command(
								'gcloud',
								'compute',
								'firewall-rules',
								'create',
								'composer-egress',
								'--network=NETWORK',
								`--project=${project}`,
								'--direction=EGRESS',
								'--action=ALLOW',
								'--rules=tcp:443,tcp:3306,tcp:3307,tcp:19090,udp:53,tcp:53',
								'--destination-ranges=10.0.0.0/8,199.36.153.4/30,199.36.153.8/30',
							),
							command(
								'gcloud',
								'resource-manager',
								'org-policies',
								'describe',
								'compute.disablePrivateServiceConnectCreationForConsumers',
								`--project=${project}`,
								'--effective',
							),
						],
						t(
							'Private IP: egress for Google APIs, the database, DNS and (since October 2025) port 19090; and no policy that forbids Private Service Connect:',
							'プライベート IP 環境では Google API・データベース・DNS と、2025 年 10 月以降はポート 19090 への外向き通信が必要です。Private Service Connect を禁じるポリシーがないことも確認します:',
						),
					),
				],
				'composer-3': () => [
					say(
						t(
							'Composer 3 reaches your network through a network attachment and resolves names through that VPC (since June 2025): see that its DNS answers for googleapis.com.',
							'Composer 3 はネットワークアタッチメント経由で VPC に接続し、その VPC の DNS で名前解決します(2025 年 6 月以降)。googleapis.com が解決できるか確認してください。',
						),
					),
				],
				airflow: () => [],
			},
		),
		sh(
			command(
				'gcloud',
				'logging',
				'read',
				'protoPayload.serviceName="composer.googleapis.com" severity=ERROR',
				`--project=${project}`,
				'--freshness=7d',
				'--limit=5',
				'--format=yaml(protoPayload.status,protoPayload.methodName,timestamp)',
			),
			t('The whole message stands in the audit log:', 'メッセージ全体は監査ログにあります:'),
		),
	];
}
