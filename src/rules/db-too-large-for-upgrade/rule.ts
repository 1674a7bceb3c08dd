import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { forGeneration, inLang, names, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { airflowCli } from '../_parts/iam.ts';
import { confirmed, unlikely } from '../_parts/said.ts';
import { strongest, unlessQuoted } from '../_parts/weigh.ts';

export default defineRule({
	id: 'db-too-large-for-upgrade',
	category: 'environment',
	title: {
		en: "Airflow's database is too big for an upgrade or snapshot",
		ja: 'Airflow のデータベースが大きすぎてアップグレードやスナップショットができません',
	},
	looks: {
		en: 'An upgrade or a snapshot is refused: `Airflow database uses more than 20 GB. Please clean the database before upgrading.` (16 GB on older versions).',
		ja: 'アップグレードやスナップショットが `Airflow database uses more than 20 GB. Please clean the database before upgrading.` で拒否されます(古いバージョンでは 16 GB)。',
	},
	confused: {
		en: "An upgrade that times out with `No agent response published` lacks rights (env-update-sa-permissions). Look at the size of Airflow's database, not at the disk: the disk never shrinks. Snapshots have a quota of their own.",
		ja: '`No agent response published` でタイムアウトする場合は権限不足です(env-update-sa-permissions)。ディスクは縮小しないため、ディスクではなく Airflow データベースのサイズを確認してください。スナップショットには別の割り当て(回数)もあります。',
	},
	signatures: [
		line('Airflow database uses more than', /Airflow database uses more than (?<limit>\d{1,4}) ?GB/, 'proof'),
		line('Please clean the database before upgrading', /Please clean the database before upgrading/, 'proof'),
	],
	weigh: (hits, scene) => unlessQuoted(strongest(hits), scene),
	reads: ['databaseSize'],
	decides: ['databaseSize'],
	verify({ databaseSize }, { facts, told }) {
		const last = databaseSize
			?.flatMap(({ points }) => points)
			.toSorted((a, b) => a.at.localeCompare(b.at))
			.at(-1);
		if (told === undefined || !last) return undefined;
		const limit = Number(facts['limit'] ?? 20);
		const size = Math.round(last.value / 1e8) / 10;
		if (size > limit)
			return confirmed(
				'databaseSize',
				`Airflow's database holds ${size} GB; ${limit} GB is the most.`,
				`Airflow のデータベースは ${size} GB です (上限 ${limit} GB)。`,
				{ at: last.at },
			);
		// A tenth lies between the two ways to count a GB.
		return size > limit * 0.9
			? undefined
			: unlikely(
					'databaseSize',
					`Airflow's database holds ${size} GB, which is below the ${limit} GB that are the most.`,
					`Airflow のデータベースは ${size} GB で、上限の ${limit} GB を下回っています。`,
					{ at: last.at },
				);
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-2/cleanup-airflow-database',
});

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const { project, environment } = names(env);
	const size = sh(
		`curl -s -H "Authorization: Bearer $(gcloud auth print-access-token)" -G "https://monitoring.googleapis.com/v1/projects/${encodeURIComponent(project)}/location/global/prometheus/api/v1/query" --data-urlencode 'query=composer_googleapis_com:environment_database_airflow_size{environment_name="${environment.replace(/[^\w-]/g, '')}"}'`,
		t('The size now, in bytes:', '現在のサイズ(バイト):'),
	);
	const retention = sh(
		updateEnvironment(env, '--airflow-database-retention-days=60'),
		t(
			'Let the environment delete old rows by itself from now on (30 to 730 days):',
			'古い行を自動削除する保持ポリシーを設定します(30〜730 日):',
		),
	);
	const trim = (): FixStep[] => [
		size,
		...(env.airflowVersion?.startsWith('3')
			? []
			: [
					sh(
						airflowCli(env, ['db', 'trim'], ['--retention-days=60']),
						t(
							'Delete old rows now (Airflow 2.6.3 and newer; not in Airflow 3). It loads the database: run it in a quiet hour:',
							'古い行を今すぐ削除します(Airflow 2.6.3 以降、Airflow 3 にはありません)。データベースに負荷がかかるため閑散時間に実行してください:',
						),
					),
				]),
		retention,
	];
	return [
		say(
			t(
				`The database holds more than ${facts.limit ?? '20'} GB. Rows have to go before the upgrade.`,
				`データベースが ${facts.limit ?? '20'} GB を超えています。アップグレードの前に行を削除する必要があります。`,
			),
		),
		...forGeneration(
			{ env, lang },
			{
				'composer-2': trim,
				'composer-3': trim,
				airflow: () => [
					sh('airflow db clean --clean-before-timestamp "$(date -d \'60 days ago\' +%F)" --skip-archive --yes'),
				],
			},
		),
		say(
			t(
				'Large XComs and many task instances of short schedules fill it again: pass gs:// paths instead of values.',
				'大きな XCom や短い間隔の大量のタスクで再び膨らみます。値の代わりに gs:// のパスを渡してください。',
			),
		),
	];
}
