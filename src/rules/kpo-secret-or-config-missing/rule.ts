import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { mergedFacts } from '../_parts/hits.ts';
import { fromPod, podDecides, podSaid, startedNoPod, USER_WORKLOADS } from '../_parts/pods.ts';
import {
	clusterCredentials,
	command,
	forGeneration,
	hcl,
	hclQuoted,
	inLang,
	names,
	python,
	quoted,
	say,
	sh,
	yaml,
} from '../_parts/steps.ts';
import { unlessQuoted } from '../_parts/weigh.ts';

const NAME = String.raw`[\\"']{1,8}(?<object>[a-z0-9][a-z0-9.-]{0,252})[\\"']{1,8}`;

// Reason and message of an event, or the message of a workload.
const SAID =
	/CreateContainerConfigError|(?:secret|configmap) \S{1,300} not found|couldn't find key|references non-existent (?:secret|config) key/i;
const OVER = /^Started |Started container/;

export default defineRule({
	id: 'kpo-secret-or-config-missing',
	category: 'kubernetes',
	title: {
		en: 'The pod refers to a Secret, ConfigMap or service account that is not there',
		ja: 'Pod が参照する Secret・ConfigMap・サービスアカウントがありません',
	},
	looks: {
		en: 'The pod never starts: CreateContainerConfigError, `secret "x" not found`, `couldn\'t find key …`, a volume that cannot be mounted, or a service account that does not exist in the namespace. Often only an event beside a startup timeout.',
		ja: 'Pod が起動しません。CreateContainerConfigError、`secret "x" not found`、`couldn\'t find key …`、マウントできないボリューム、名前空間に存在しないサービスアカウントなどです。起動タイムアウトと並んでイベントにだけ現れることもあります。',
	},
	confused: {
		en: 'The Secret may exist in another namespace: pods read only their own. A refused read (`secrets is forbidden`) is kpo-pods-forbidden. `kube-root-ca.crt` or `failed to sync … cache` in the first seconds is noise.',
		ja: 'Secret が別の名前空間にあるだけの場合もあります(Pod は自分の名前空間のものしか読めません)。読み取りの拒否(`secrets is forbidden`)は kpo-pods-forbidden です。起動直後の `kube-root-ca.crt` や `failed to sync … cache` はノイズです。',
	},
	signatures: [
		line(
			' not found',
			new RegExp(String.raw`(?:Error: |: |The Pod has an Event: )(?<kind>secret|configmap)s? ${NAME} not found`),
		),
		line(
			'find key ',
			/couldn'?t find key (?<key>[A-Za-z0-9._-]{1,253}) in (?<kind>Secret|ConfigMap) (?<namespace>[a-z0-9-]{1,63})\/(?<object>[a-z0-9][a-z0-9.-]{0,252})/,
			'proof',
		),
		line(
			['references non-existent secret key', 'references non-existent config key'],
			/references non-existent (?<kind>secret|config) key:? (?<key>[A-Za-z0-9._-]{1,253})/,
			'proof',
		),
		line(
			'MountVolume.SetUp failed for volume',
			new RegExp(
				String.raw`MountVolume\.SetUp failed for volume [\\"']{1,8}(?<volume>[a-z0-9][a-z0-9.-]{0,252})[\\"']{1,8} ?: ?(?:(?<kind>secret|configmap)s? ${NAME} not found|references non-existent)`,
			),
			'proof',
		),
		line(
			'not registered',
			/object [\\"']{1,8}(?<namespace>[a-z0-9-]{1,63})[\\"']{1,8}\/[\\"']{1,8}(?<object>[a-z0-9][a-z0-9.-]{0,252})[\\"']{1,8} not registered/,
			'weak',
		),
		line('CreateContainerConfigError', /CreateContainerConfigError/),
		line(
			'error looking up service account',
			/error looking up service account (?<namespace>[a-z0-9-]{1,63})\/(?<object>[a-z0-9][a-z0-9.-]{0,252}): (?<kind>serviceaccount)/,
			'proof',
		),
		line(
			'Unable to retrieve some image pull secrets',
			/Unable to retrieve some image pull secrets \((?<object>[a-z0-9][a-z0-9.-]{0,252})/,
			'weak',
		),
	],
	asks: ['container has runAsNonRoot', 'Started container'],
	yieldsTo: ['kpo-oomkilled'],
	weigh(hits, scene) {
		const mine = hits.filter(
			({ text }) => !/kube-root-ca\.crt|kube-api-access|failed to sync \w+ cache|Secret ID |secretmanager/.test(text),
		);
		if (mine.length === 0) return undefined;
		const facts = mergedFacts(mine);
		const proof = mine.some(({ signature }) => signature.says === 'proof');
		// The same waiting reason is given to an image that wants to be root; and a mount is tried again until it works.
		const other = !facts.object && !facts.key && scene.has('container has runAsNonRoot');
		const weak = other || scene.has('Started container') || mine.every(({ signature }) => signature.says === 'weak');
		return unlessQuoted({ says: weak ? 'weak' : proof ? 'proof' : 'strong', facts }, scene);
	},
	reads: ['kubernetesEvents', 'workloads'],
	decides: podDecides,
	suspects: startedNoPod,
	verify: (seen, about) =>
		fromPod(podSaid(seen, about.failed, SAID, OVER), about, {
			en: 'misses what its spec refers to',
			ja: 'は参照先の Secret または ConfigMap がない状態',
		}),
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-3/use-kubernetes-pod-operator',
});

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const { at } = names(env);
	const object = facts.object ?? 'NAME';
	const key = facts.key ?? 'KEY';
	const kind = (facts.kind ?? 'secret').toLowerCase();
	if (kind === 'serviceaccount') {
		const namespace = facts.namespace ?? 'NAMESPACE';
		const create = (): FixStep[] => [
			sh([
				...(env.generation === 'airflow' ? [] : [clusterCredentials(env)]),
				command('kubectl', 'create', 'serviceaccount', object, '-n', namespace),
			]),
			say(
				t(
					'Then give it its Google identity (kpo-ksa-no-gcp-access).',
					'その後、Google の ID を紐付けてください(kpo-ksa-no-gcp-access)。',
				),
			),
		];
		return [
			say(
				t(
					`The service account \`${object}\` does not exist in the namespace \`${namespace}\`.`,
					`名前空間 \`${namespace}\` にサービスアカウント \`${object}\` がありません。`,
				),
			),
			...forGeneration(
				{ env, lang },
				{
					'composer-2': create,
					'composer-3': () => [
						python([
							'KubernetesPodOperator(',
							`    namespace=${quoted(USER_WORKLOADS)},  # no service_account_name on Composer 3`,
							'    ...,',
							')',
						]),
					],
					airflow: create,
				},
			),
		];
	}
	const config = kind.startsWith('config');
	const noun = config ? 'ConfigMap' : 'Secret';
	const manifest = yaml(
		[
			'apiVersion: v1',
			`kind: ${noun}`,
			'metadata:',
			`  name: ${quoted(object)}`,
			config ? 'data:' : 'stringData:',
			`  ${quoted(key)}: VALUE`,
		],
		t(
			'File `object.yaml` (keep it out of version control):',
			'ファイル `object.yaml`(バージョン管理には入れないでください):',
		),
	);
	const resource = config ? 'google_composer_user_workloads_config_map' : 'google_composer_user_workloads_secret';
	const verbs = config
		? ['user-workloads-config-maps', '--config-map-file-path=object.yaml']
		: ['user-workloads-secrets', '--secret-file-path=object.yaml'];
	const kubectl = (namespace: string): string =>
		command(
			'kubectl',
			'create',
			...(config ? ['configmap', object] : ['secret', 'generic', object]),
			`--from-literal=${key}=VALUE`,
			'-n',
			namespace,
		);
	return [
		say(
			facts.object || facts.key
				? t(
						`${facts.key ? `The key \`${facts.key}\`` : 'The object'} is missing: ${noun}${facts.object ? ` \`${facts.object}\`` : ''}. It must lie in the namespace of the pod.`,
						`${facts.key ? `キー \`${facts.key}\`` : 'オブジェクト'} がありません: ${noun}${facts.object ? ` \`${facts.object}\`` : ''}。Pod と同じ名前空間に必要です。`,
					)
				: t(
						'The container could not be configured: a Secret or ConfigMap it refers to is missing. The event of the pod names it.',
						'コンテナの設定に失敗しました。参照している Secret または ConfigMap がありません。名前は Pod のイベントに出ています。',
					),
		),
		...forGeneration(
			{ env, lang },
			{
				'composer-2': () => [
					sh([
						clusterCredentials(env),
						command('kubectl', 'get', 'secrets,configmaps', '-A'),
						kubectl(facts.namespace ?? USER_WORKLOADS),
					]),
				],
				'composer-3': () => [
					say(
						t(
							'Composer 3 has no kubectl: its API creates the object in composer-user-workloads.',
							'Composer 3 では kubectl が使えないため、API で composer-user-workloads に作成します。',
						),
					),
					manifest,
					sh([
						command(
							'gcloud',
							'composer',
							'environments',
							verbs[0] ?? '',
							'list',
							`--environment=${at[0]}`,
							...at.slice(1),
						),
						command(
							'gcloud',
							'composer',
							'environments',
							verbs[0] ?? '',
							'create',
							`--environment=${at[0]}`,
							...at.slice(1),
							verbs[1] ?? '',
						),
					]),
					hcl([
						`resource "${resource}" "this" {`,
						`  name        = ${hclQuoted(object)}`,
						`  environment = ${hclQuoted(at[0] ?? '')}`,
						`  region      = ${hclQuoted(names(env).location)}`,
						`  data        = { ${hclQuoted(key)} = ${config ? 'var.value' : 'base64encode(var.value)'} }`,
						'}',
					]),
				],
				airflow: () => [
					sh([
						command('kubectl', 'get', 'secrets,configmaps', '-n', facts.namespace ?? 'NAMESPACE'),
						kubectl(facts.namespace ?? 'NAMESPACE'),
					]),
				],
			},
		),
	];
}
