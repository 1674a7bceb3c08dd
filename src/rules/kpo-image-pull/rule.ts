import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { mergedFacts } from '../_parts/hits.ts';
import {
	clusterCredentials,
	command,
	forGeneration,
	hcl,
	inLang,
	names,
	python,
	quoted,
	say,
	sh,
} from '../_parts/steps.ts';
import { resource } from '../_parts/iam.ts';
import { fromPod, isPodOutput, podDecides, podInEvents, podSaid, startedNoPod } from '../_parts/pods.ts';
import { unlessQuoted } from '../_parts/weigh.ts';

const IMAGE = String.raw`[\\"']{1,8}(?<image>[A-Za-z0-9][A-Za-z0-9._:/@-]{2,400})[\\"']{1,8}`;

// Reason and message of an event, or the message of a workload.
const SAID =
	/ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull|Failed to pull image|Back-off pulling image/;
const OVER = /^(?:Pulled|Started) |Successfully pulled image|Started container/;

export default defineRule({
	id: 'kpo-image-pull',
	category: 'kubernetes',
	title: { en: "The pod's image cannot be pulled", ja: 'Pod のイメージを取得できません' },
	looks: {
		en: 'The pod waits with ErrImagePull, ImagePullBackOff or InvalidImageName. Providers since 10.5 say so; older ones only report that the pod took too long to start, with the reason among the pod events.',
		ja: 'Pod が ErrImagePull、ImagePullBackOff、InvalidImageName で待機します。プロバイダー 10.5 以降は理由を表示しますが、それ以前は起動タイムアウトとしか表示されず、理由は Pod イベントに出ます。',
	},
	confused: {
		en: 'kpo-startup-timeout is only what the operator says about it. A pod without a node never pulls anything: kpo-unschedulable. A pull that failed once and then succeeded is not the cause.',
		ja: 'kpo-startup-timeout はオペレーターから見た症状にすぎません。ノードが割り当てられていない Pod はイメージを取得しません(kpo-unschedulable)。一度失敗した後に取得できた場合は原因ではありません。',
	},
	signatures: [
		line(
			'mage cannot be pulled, unable to start',
			/(?:Pod docker i|I)mage cannot be pulled, unable to start: (?<reason>[A-Za-z]{4,40})/,
			'proof',
		),
		line('Failed to pull image', new RegExp(String.raw`Failed to pull image (?:${IMAGE})?[^\n]{0,1500}`)),
		line(
			'Failed to pull image: ',
			/Failed to pull image: [^\n]{0,200}?[\\"']{1,8}(?<image>[A-Za-z0-9][A-Za-z0-9._:/@-]{2,400})[\\"']{1,8}/,
		),
		line('Back-off pulling image', new RegExp(String.raw`Back-off pulling image ${IMAGE}`)),
		line(
			['failed to pull and unpack image', 'failed to resolve reference'],
			new RegExp(String.raw`failed to (?:pull and unpack image|resolve reference) ${IMAGE}`),
		),
		line(
			[
				'ErrImagePull',
				'ImagePullBackOff',
				'InvalidImageName',
				'ErrImageNeverPull',
				'ImageInspectError',
				'RegistryUnavailable',
			],
			/(?<reason>ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull|ImageInspectError|RegistryUnavailable)/,
		),
		line(
			['Failed to apply default image tag', 'parse image name', 'Failed to inspect image'],
			new RegExp(
				String.raw`(?:Failed to apply default image tag|couldn't parse image (?:name|reference)|Failed to inspect image) ${IMAGE}`,
			),
		),
		line('manifest unknown', /manifest for \S{3,400} not found: manifest unknown|manifest unknown/, 'weak'),
		line(
			'is not present with pull policy of Never',
			new RegExp(String.raw`Container image ${IMAGE} is not present with pull policy of Never`),
		),
		line('pull access denied for', /pull access denied for (?<image>[A-Za-z0-9][A-Za-z0-9._:/@-]{2,400}),/),
		line(
			'artifactregistry.repositories.downloadArtifacts',
			/[\\"']artifactregistry\.repositories\.downloadArtifacts[\\"']{1,8} denied on resource [\\"']{0,8}(?:projects\/(?<project>[a-z0-9:.-]{4,60})\/locations\/(?<location>[a-z0-9-]{2,40})\/repositories\/(?<repository>[a-z0-9-]{1,63}))?/,
			'weak',
		),
	],
	asks: [
		'Successfully pulled image',
		'already present on machine',
		'Started container',
		'container is not running',
		'toomanyrequests',
		'Too Many Requests',
	],
	weigh(hits, scene) {
		const pulls = hits.filter(
			(hit) =>
				!isPodOutput(hit) &&
				(scene.kind === 'task' ||
					!/airflow-(?:worker|scheduler|triggerer|webserver|dag-processor)-[a-z0-9]/.test(hit.text)),
		);
		if (pulls.length === 0) return undefined;
		const text = pulls.map((hit) => hit.text).join('\n');
		const facts = { ...placeOf(mergedFacts(pulls)), why: whyOf(text) };
		if (pulls.some(({ signature }) => signature.says === 'proof')) return unlessQuoted({ says: 'proof', facts }, scene);
		// The kubelet tries again: when the container ran in the end, something else ended the try.
		const ran = scene.has('Successfully pulled image') || scene.has('Started container');
		const weak = ran || pulls.every(({ signature }) => signature.says === 'weak');
		return unlessQuoted({ says: weak ? 'weak' : 'strong', facts }, scene);
	},
	reads: ['kubernetesEvents', 'workloads'],
	decides: podDecides,
	suspects: startedNoPod,
	verify: (seen, about) =>
		fromPod(podSaid(seen, about.failed, SAID, OVER), about, {
			en: 'could not pull its image',
			ja: 'はイメージを取得できない状態',
		}),
	follows({ kubernetesEvents }, { failed }) {
		const subject = podInEvents(kubernetesEvents, failed);
		return subject && { subject, reads: ['kubernetesEvents', 'workloads'] };
	},
	fix,
	docs: 'https://cloud.google.com/artifact-registry/docs/integrate-gke',
});

/** Artifact Registry's own path names project, location and repository. */
function placeOf(facts: Readonly<Record<string, string>>): Record<string, string> {
	const path =
		/^(?<location>[a-z0-9-]{2,40})-docker\.pkg\.dev\/(?<project>[^/]{4,80})\/(?<repository>[a-z0-9-]{1,63})\//.exec(
			facts.image ?? '',
		);
	return { ...path?.groups, ...facts };
}

function whyOf(text: string): string {
	if (/InvalidImageName|parse image|apply default image tag|invalid reference format/.test(text)) return 'name';
	if (/toomanyrequests|Too Many Requests|429|rate limit|quota/i.test(text)) return 'rate';
	if (
		/403|401|[Uu]nauthorized|denied|[Ff]orbidden|failed to authorize|authentication required|no basic auth/.test(text)
	)
		return 'identity';
	if (
		/no such host|i\/o timeout|dial tcp|context deadline|connection refused|TLS handshake|x509|Client\.Timeout/.test(
			text,
		)
	)
		return 'network';
	if (/not found|NotFound|manifest unknown|does not exist|no match for platform/.test(text)) return 'missing';
	return 'unknown';
}

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const { serviceAccount, project } = names(env);
	const image = facts.image ?? 'IMAGE';
	const repository = facts.repository ?? 'REPOSITORY';
	const location = facts.location ?? 'REPOSITORY_LOCATION';
	const imageProject = facts.project ?? project;
	const describe = sh(
		[
			command('gcloud', 'artifacts', 'docker', 'images', 'describe', image),
			command('gcloud', 'artifacts', 'docker', 'tags', 'list', image.replace(/(?::[^:/]*|@.*)$/, '')),
		],
		t('Does this name and tag exist, and which tags do?', 'この名前とタグが存在するか、どのタグがあるかを確認します:'),
	);
	const grant = [
		sh(
			command(
				'gcloud',
				'artifacts',
				'repositories',
				'add-iam-policy-binding',
				repository,
				`--location=${location}`,
				`--project=${imageProject}`,
				`--member=serviceAccount:${serviceAccount}`,
				'--role=roles/artifactregistry.reader',
			),
			t(
				'Let the account that pulls read the repository; the same when it lies in another project:',
				'イメージを取得するアカウントにリポジトリの読み取りを許可します(別プロジェクトでも同じです):',
			),
		),
		hcl(
			resource('google_artifact_registry_repository_iam_member', 'pods', {
				project: imageProject,
				location,
				repository,
				role: 'roles/artifactregistry.reader',
				member: `serviceAccount:${serviceAccount}`,
			}),
		),
		python(
			[
				'KubernetesPodOperator(',
				'    image_pull_secrets=[k8s.V1LocalObjectReference("registry-login")],',
				'    ...,',
				')',
			],
			t(
				'A registry outside Google Cloud needs a login that lies in the namespace of the pod:',
				'Google Cloud 以外のレジストリには、Pod の名前空間に置いた認証情報が必要です:',
			),
		),
	];
	const steps: Record<string, FixStep[]> = {
		name: [
			say(
				t(
					`\`${image}\` is not a valid image name: lower case only, \`REGISTRY/PROJECT/REPOSITORY/NAME:TAG\`, no empty template value in it.`,
					`\`${image}\` はイメージ名として正しくありません。小文字のみで \`REGISTRY/PROJECT/REPOSITORY/NAME:TAG\` の形式とし、テンプレート値が空になっていないか確認してください。`,
				),
			),
			python(`KubernetesPodOperator(image=${quoted(image.toLowerCase())}, ...)`),
		],
		missing: [
			say(
				t(
					`\`${image}\` does not exist in the registry (or the account may not see it): wrong tag, never pushed, or removed by a clean-up policy.`,
					`\`${image}\` がレジストリにありません(またはアカウントから見えません)。タグの誤り、未プッシュ、クリーンアップポリシーによる削除が考えられます。`,
				),
			),
			describe,
			...grant,
		],
		identity: [
			say(t(`The registry refused the login for \`${image}\`.`, `\`${image}\` の取得がレジストリに拒否されました。`)),
			...grant,
		],
		network: [
			say(
				t(
					`The node cannot reach the registry of \`${image}\`: without Cloud NAT only Google's registries are reachable. Mirror it into Artifact Registry (remote repository).`,
					`ノードから \`${image}\` のレジストリに到達できません。Cloud NAT がない場合は Google のレジストリしか使えません。Artifact Registry のリモートリポジトリにミラーしてください。`,
				),
			),
			sh(
				command(
					'gcloud',
					'artifacts',
					'repositories',
					'create',
					'docker-hub',
					'--repository-format=docker',
					'--mode=remote-repository',
					'--remote-docker-repo=DOCKER-HUB',
					`--location=${env.location ?? 'LOCATION'}`,
					`--project=${project}`,
				),
			),
		],
		rate: [
			say(
				t(
					`The registry limits pulls of \`${image}\`. Pull through a remote repository of Artifact Registry, or log in.`,
					`レジストリの取得回数制限に達しています(\`${image}\`)。Artifact Registry のリモートリポジトリ経由で取得するか、認証してください。`,
				),
			),
			sh(
				command(
					'gcloud',
					'artifacts',
					'repositories',
					'create',
					'docker-hub',
					'--repository-format=docker',
					'--mode=remote-repository',
					'--remote-docker-repo=DOCKER-HUB',
					`--location=${env.location ?? 'LOCATION'}`,
					`--project=${project}`,
				),
			),
		],
		unknown: [
			say(
				t(
					`\`${image}\` could not be pulled; the event of the pod says why.`,
					`\`${image}\` を取得できませんでした。理由は Pod のイベントに出ています。`,
				),
			),
			describe,
			...grant,
		],
	};
	return [
		...(steps[facts.why ?? 'unknown'] ?? []),
		...forGeneration(
			{ env, lang },
			{
				'composer-2': () => [
					sh(
						[
							clusterCredentials(env),
							command('kubectl', 'get', 'events', '-A', '--field-selector=reason=Failed', '--sort-by=.lastTimestamp'),
						],
						t('The events themselves:', 'イベントを確認します:'),
					),
				],
				'composer-3': () => [
					sh(
						command(
							'gcloud',
							'logging',
							'read',
							'log_id("airflow-k8s-operator") "pull"',
							`--project=${project}`,
							'--freshness=1h',
							'--limit=20',
						),
						t(
							'Composer 3 has no kubectl; its log instead:',
							'Composer 3 では kubectl が使えないため、ログを確認します:',
						),
					),
				],
				airflow: () => [
					sh(command('kubectl', 'get', 'events', '-A', '--field-selector=reason=Failed', '--sort-by=.lastTimestamp')),
				],
			},
		),
	];
}
