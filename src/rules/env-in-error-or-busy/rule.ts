import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { command, inLang, names, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';
import { changedMeanwhile, clock } from '../_parts/audit.ts';

const STATE = String.raw`(?<state>RUNNING|ERROR|UPDATING|CREATING|DELETING|STATE_UNSPECIFIED)`;

export default defineRule({
	id: 'env-in-error-or-busy',
	category: 'environment',
	title: { en: "The environment's state does not allow the call", ja: '環境の状態により操作を受け付けられません' },
	looks: {
		en: 'gcloud, Terraform or the API refuse: `Cannot update environment in state UPDATING. Environment must be in RUNNING state.`, `Cannot execute subcommand for environment in state ERROR. Must be RUNNING.`, or FAILED_PRECONDITION.',
		ja: 'gcloud・Terraform・API が `Cannot update environment in state UPDATING. Environment must be in RUNNING state.` や `Cannot execute subcommand for environment in state ERROR. Must be RUNNING.`、FAILED_PRECONDITION で拒否します。',
	},
	confused: {
		en: 'An environment that stays in ERROR for good may have lost its API (composer-api-disabled) or its billing account (billing-disabled). A call refused for rights names a permission (caller-permission-denied).',
		ja: 'ERROR のまま戻らない環境は、API の無効化(composer-api-disabled)や請求先アカウントの停止(billing-disabled)が原因のことがあります。権限による拒否には権限名が出ます(caller-permission-denied)。',
	},
	signatures: [
		line(
			'environment in state ',
			new RegExp(String.raw`Cannot (?<verb>[a-z]{3,20}) (?:subcommand for )?environment in state ${STATE}\b`),
			'proof',
		),
		line('must be in RUNNING state', /Environment must be in RUNNING state/i, 'proof'),
		line(
			'another operation',
			/(?:[Ee]nvironment|projects\/[^\s]{3,120}\/environments\/[a-z0-9-]{1,64})[^\n]{0,80}(?:another operation is (?:in progress|running|pending)|is being (?:updated|modified) by another operation)/,
		),
		// The cluster under the environment is busy; Composer passes the sentence of GKE on.
		line(
			'Cluster is currently being',
			/Cluster is currently being created, deleted, updated or repaired and cannot be updated/,
		),
		line('is not in RUNNING state', /[Ee]nvironment[^\n]{0,200} is not in RUNNING state/),
	],
	weigh: (hits, scene) => unlessQuoted(strongest(hits), scene),
	reads: ['operations'],
	decides: ['operations'],
	// Whatever failed while the environment was being changed is marked so.
	suspects: ({ generation }) => generation?.startsWith('composer') === true,
	verify({ operations }, { failed, told }) {
		const change = operations && changedMeanwhile(operations, failed);
		if (change?.startedAt === undefined) return undefined;
		const ended = change.endedAt === undefined ? undefined : clock(change.endedAt);
		return {
			// A task that was refused for it. An operation that was stands among the operations itself.
			status: told !== undefined && failed.task !== '' ? 'confirmed' : 'beside',
			because: {
				en: `The environment was being changed while this ran: ${change.type} from ${clock(change.startedAt)}${ended === undefined ? ', still going on' : ` to ${ended} (${change.state})`}. What fails then may heal by itself.`,
				ja: `実行中に環境が変更されていました: ${change.type} ${clock(change.startedAt)}～${ended === undefined ? '（継続中）' : `${ended}（${change.state}）`}。この間の失敗は再実行で解消することがあります。`,
			},
			source: 'operations',
			at: change.startedAt,
		};
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-3/troubleshooting-updates-upgrades',
});

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const { at, project, location } = names(env);
	const see = sh(
		[
			command('gcloud', 'composer', 'environments', 'describe', ...at, '--format=value(state)'),
			command(
				'gcloud',
				'composer',
				'operations',
				'list',
				`--locations=${location}`,
				`--project=${project}`,
				'--filter=metadata.state=RUNNING',
			),
			command(
				'gcloud',
				'composer',
				'operations',
				'wait',
				'OPERATION',
				`--location=${location}`,
				`--project=${project}`,
			),
		],
		t(
			'One update at a time: see what runs, and wait for it.',
			'更新は一度に 1 件だけです。実行中の操作を確認し、完了を待ちます。',
		),
	);
	if (facts.state !== 'ERROR')
		return [
			say(
				t(
					`The environment is ${facts.state ?? 'busy'}: another operation has to end first.`,
					`環境の状態は ${facts.state ?? '操作中'} です。先に実行中の操作の完了を待ってください。`,
				),
			),
			see,
		];
	return [
		say(
			t(
				'The environment is in ERROR. A new update with right settings often brings it back; when its cluster or service account is gone, only a new environment from a snapshot helps.',
				'環境が ERROR です。正しい設定での更新で復旧することがあります。クラスタやサービスアカウントが削除されている場合は、スナップショットから新しい環境を作成してください。',
			),
		),
		see,
		sh(
			[
				command(
					'gcloud',
					'composer',
					'operations',
					'list',
					`--locations=${location}`,
					`--project=${project}`,
					'--limit=5',
				),
				command(
					'gcloud',
					'services',
					'list',
					'--enabled',
					`--project=${project}`,
					'--filter=config.name=composer.googleapis.com',
				),
				command('gcloud', 'billing', 'projects', 'describe', project),
				updateEnvironment(env, '--update-env-variables=TOUCH=1'),
			],
			t('Why, and a harmless update:', '原因の確認と、影響のない更新:'),
		),
	];
}
