import type { BrokenFile, SimDag, SimTask } from './types.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const py = (id: string, ms: number, after?: readonly string[], more: Partial<SimTask> = {}): SimTask => ({
	id,
	operator: 'PythonOperator',
	ms,
	...(after ? { after } : {}),
	...more,
});

/** A company's data platform, for the demo: everything a DAG can be or do, with a past. */
export const demoDags: readonly SimDag[] = [
	{
		id: 'daily_sales',
		owner: 'analytics',
		tags: ['sales', 'daily', 'tier-1'],
		description: 'Sales of the day before, from the shops to the warehouse.',
		file: 'sales/daily_sales.py',
		schedule: { text: '0 5 * * *', everyMs: DAY },
		history: {
			runs: 20,
			everyMs: DAY,
			failed: [7],
			because: {
				raises: {
					type: 'google.api_core.exceptions.Forbidden',
					message:
						"403 POST https://storage.googleapis.com/upload/storage/v1/b/acme-reports/o?uploadType=multipart: reports@acme-data-prod.iam.gserviceaccount.com does not have storage.objects.create access to the Google Cloud Storage object. Permission 'storage.objects.create' denied on resource (or it may not exist).",
					line: 58,
					function: 'publish_report',
				},
			},
		},
		tasks: [
			py('extract_orders', 1500, undefined, { prints: ['48,211 orders read from 12 shops'] }),
			py('extract_refunds', 1000, undefined, { prints: ['312 refunds read'] }),
			py('join_and_clean', 2000, ['extract_orders', 'extract_refunds']),
			{ id: 'load_bigquery', operator: 'BigQueryInsertJobOperator', ms: 2500, after: ['join_and_clean'] },
			py('publish_report', 800, ['load_bigquery'], { prints: ['report published'] }),
		],
	},
	{
		id: '売上_日次集計',
		owner: '経理',
		tags: ['売上', '日次'],
		description: '日次の売上を店舗別に集計します。',
		file: 'jp/uriage.py',
		schedule: { text: '30 21 * * *', everyMs: DAY },
		history: { runs: 14, everyMs: DAY },
		tasks: [
			py('抽出', 1200, undefined, { prints: ['12 店舗の売上を読み込みました'] }),
			py('集計', 1500, ['抽出']),
			py('通知', 500, ['集計']),
		],
	},
	{
		id: 'customer_features',
		owner: 'ml-platform',
		tags: ['ml', 'features'],
		description: 'Features for the churn model. Slow.',
		file: 'ml/customer_features.py',
		schedule: { text: '0 2 * * *', everyMs: DAY },
		history: {
			runs: 15,
			everyMs: DAY,
			failed: [3],
			because: {
				raises: {
					type: 'ValueError',
					message: 'feature days_since_order: 1.4 % nulls, at most 1 % allowed',
					line: 87,
					function: 'validate',
				},
			},
		},
		tasks: [
			py('snapshot', 3000),
			py('build_features', 15_000, ['snapshot'], { prints: ['2,104,882 customers'] }),
			py('validate', 3000, ['build_features']),
		],
	},
	{
		id: 'train_churn_model',
		owner: 'ml-platform',
		tags: ['ml', 'gpu'],
		description: 'Trains in memory; the worker is too small for it.',
		file: 'ml/train_churn_model.py',
		history: { runs: 6, everyMs: DAY, failed: [0, 1] },
		tasks: [
			py('load_features', 1500),
			py('train', 4000, ['load_features'], { endings: ['killed'], prints: ['epoch 1/20', 'epoch 2/20'] }),
			py('register', 500, ['train']),
		],
	},
	{
		id: 'warehouse_export',
		owner: 'finance',
		tags: ['finance', 'bigquery'],
		description: "Exports the ledger to the auditors' bucket.",
		file: 'finance/warehouse_export.py',
		schedule: { text: '0 6 * * 1', everyMs: 7 * DAY },
		history: { runs: 8, everyMs: 7 * DAY, failed: [0] },
		tasks: [
			py('collect_ledger', 1500),
			py('export_table', 1200, ['collect_ledger'], {
				operator: 'BigQueryToGCSOperator',
				endings: [
					{
						raises: {
							type: 'google.api_core.exceptions.Forbidden',
							message:
								'403 POST https://bigquery.googleapis.com/bigquery/v2/projects/acme-data-prod/jobs?prettyPrint=false: Access Denied: Project acme-data-prod: User does not have bigquery.jobs.create permission in project acme-data-prod.',
							line: 41,
							function: 'export_table',
						},
					},
				],
			}),
			py('sign_off', 500, ['export_table']),
		],
	},
	{
		id: 'exchange_rates',
		owner: 'finance',
		tags: ['finance', 'hourly', 'external'],
		description: 'Rates of the central bank; its server is away now and then, a retry helps.',
		file: 'finance/exchange_rates.py',
		schedule: { text: '@hourly', everyMs: HOUR },
		history: { runs: 24, everyMs: HOUR },
		tasks: [
			py('fetch', 900, undefined, {
				retries: 2,
				retryDelayMs: 3000,
				endings: [
					{
						raises: {
							type: 'requests.exceptions.ConnectTimeout',
							message:
								"HTTPSConnectionPool(host='rates.example.org', port=443): Max retries exceeded with url: /daily (Caused by ConnectTimeoutError('Connection to rates.example.org timed out. (connect timeout=10)'))",
							line: 22,
							function: 'fetch',
						},
					},
					'success',
				],
			}),
			py('store', 500, ['fetch']),
		],
	},
	{
		id: 'crm_sync',
		owner: 'sales-ops',
		tags: ['crm', 'hourly'],
		description: 'Contacts and deals from the CRM.',
		file: 'crm/crm_sync.py',
		schedule: { text: '@hourly', everyMs: HOUR },
		history: { runs: 24, everyMs: HOUR, failed: [5, 6] },
		tasks: [
			py('pull', 1200, undefined, {
				endings: [
					{
						raises: {
							type: 'airflow.exceptions.AirflowNotFoundException',
							message: "The conn_id `crm_default` isn't defined",
							line: 17,
							function: 'pull',
						},
					},
				],
			}),
			py('merge', 800, ['pull']),
		],
	},
	{
		id: 'partner_feeds',
		owner: 'data-platform',
		tags: ['partners', 'mapped'],
		description: 'One mapped task for each partner.',
		file: 'partners/partner_feeds.py',
		schedule: { text: '0 */6 * * *', everyMs: 6 * HOUR },
		history: { runs: 12, everyMs: 6 * HOUR },
		tasks: [
			py('list_partners', 600),
			py('download', 1800, ['list_partners'], { mapped: 8 }),
			py('index', 900, ['download']),
		],
	},
	{
		id: 'backfill_table',
		owner: 'data-platform',
		tags: ['tools', 'form'],
		description: 'Loads one table again; asks which, and how much.',
		file: 'tools/backfill_table.py',
		params: {
			table: {
				value: null,
				description: 'Table without its dataset, such as orders.',
				schema: { type: 'string', minLength: 1, title: 'Table' },
			},
			region: {
				value: 'eu',
				description: 'Where the data lives.',
				schema: { type: 'string', enum: ['eu', 'us', 'asia'] },
			},
			from_day: {
				value: null,
				description: 'First day; empty means all.',
				schema: { type: ['null', 'string'], format: 'date', title: 'From' },
			},
			rows: {
				value: 100_000,
				description: 'How many rows at most.',
				schema: { type: 'integer', minimum: 1, maximum: 10_000_000 },
			},
			sample: {
				value: 1,
				description: 'Share of the rows, 0 to 1.',
				schema: { type: 'number', minimum: 0, maximum: 1 },
			},
			dry_run: {
				value: false,
				description: 'Only count, write nothing.',
				schema: { type: 'boolean', title: 'Dry run' },
			},
		},
		history: { runs: 5, everyMs: 2 * DAY },
		tasks: [py('plan', 700), py('load', 3500, ['plan']), py('verify', 700, ['load'])],
	},
	{
		id: 'gdpr_erasure',
		owner: 'privacy',
		tags: ['privacy', 'form'],
		description: 'Erases one customer everywhere.',
		file: 'privacy/gdpr_erasure.py',
		params: {
			customer_id: {
				value: null,
				description: 'Number of the customer.',
				schema: { type: 'integer', minimum: 1, title: 'Customer' },
			},
			reason: { value: null, description: 'Ticket or letter.', schema: { type: 'string', minLength: 3 } },
			systems: { value: ['crm', 'warehouse'], schema: { type: 'array', items: { type: 'string' } } },
		},
		history: { runs: 4, everyMs: 3 * DAY },
		tasks: [py('find', 900), py('erase', 2200, ['find']), py('certify', 400, ['erase'])],
	},
	{
		id: 'legacy_ftp_import',
		owner: 'data-platform',
		tags: ['legacy'],
		description: 'Paused since the old supplier left.',
		file: 'legacy/ftp_import.py',
		paused: true,
		schedule: { text: '@daily', everyMs: DAY },
		history: { runs: 5, everyMs: DAY },
		tasks: [py('download', 1500), py('import', 1500, ['download'])],
	},
	{
		id: 'marketing_attribution',
		owner: 'marketing',
		tags: ['marketing', 'daily'],
		description: 'Its file does not import since the last change.',
		file: 'marketing/attribution.py',
		schedule: { text: '0 7 * * *', everyMs: DAY },
		history: { runs: 10, everyMs: DAY },
		importError:
			'Traceback (most recent call last):\n  File "/home/airflow/gcs/dags/marketing/attribution.py", line 9, in <module>\n    from attribution_lib import weights\nModuleNotFoundError: No module named \'attribution_lib\'\n',
		tasks: [py('weigh', 1500), py('publish', 700, ['weigh'])],
	},
	{
		id: 'inventory_snapshot',
		owner: 'logistics',
		tags: ['logistics', 'hourly'],
		description: 'Stock of every warehouse, every quarter of an hour.',
		file: 'logistics/inventory_snapshot.py',
		schedule: { text: '*/15 * * * *', everyMs: HOUR / 4 },
		history: { runs: 40, everyMs: HOUR / 4, failed: [12] },
		tasks: [py('snapshot', 900), py('compare', 600, ['snapshot'])],
	},
	{
		id: 'ghost_task',
		owner: 'data-platform',
		tags: ['examples'],
		description: 'Its task fails before any worker writes a line.',
		file: 'examples/ghost_task.py',
		history: { runs: 3, everyMs: DAY, failed: [0] },
		tasks: [py('never_seen', 800, undefined, { endings: ['no-log'] })],
	},
	{
		id: 'storm_drill',
		owner: 'data-platform',
		tags: ['drill'],
		description: 'Drill: sixty shops cannot be reached at once. One card counts them.',
		file: 'drills/storm_drill.py',
		history: { runs: 0, everyMs: DAY },
		tasks: [
			py('pull', 1500, undefined, {
				mapped: 60,
				prints: ['connecting to shops-db.internal:5432'],
				endings: [
					{
						raises: {
							type: 'psycopg2.OperationalError',
							message:
								'connection to server at "shops-db.internal" (10.20.0.7), port 5432 failed: Connection timed out\n\tIs the server running on that host and accepting TCP/IP connections?',
							line: 41,
							function: 'pull_shop',
						},
					},
				],
			}),
		],
	},
	{
		id: 'recovery_drill',
		owner: 'data-platform',
		tags: ['drill'],
		description: 'Drill: fails once for good; the rerun goes well and the card turns green.',
		file: 'drills/recovery_drill.py',
		history: { runs: 0, everyMs: DAY },
		tasks: [
			py('upload', 1500, undefined, {
				endings: [
					{
						raises: {
							type: 'requests.exceptions.ConnectionError',
							message:
								"HTTPSConnectionPool(host='partner.example.com', port=443): Max retries exceeded with url: /upload (Caused by NewConnectionError('<urllib3.connection.HTTPSConnection object at 0x7f0c>: Failed to establish a new connection: [Errno 111] Connection refused'))",
							line: 27,
							function: 'upload',
						},
					},
					'success',
				],
			}),
		],
	},
	{
		id: 'nightly_cleanup',
		owner: 'data-platform',
		tags: ['maintenance'],
		description: 'Removes temporary tables; the last step is skipped when there are none.',
		file: 'maintenance/nightly_cleanup.py',
		schedule: { text: '@daily', everyMs: DAY },
		history: { runs: 10, everyMs: DAY },
		tasks: [py('list', 600), py('drop', 900, ['list'], { endings: ['skipped'] })],
	},
];

export const demoBroken: readonly BrokenFile[] = [
	{
		file: 'experiments/new_pipeline.py',
		stackTrace:
			'Traceback (most recent call last):\n  File "/home/airflow/gcs/dags/experiments/new_pipeline.py", line 31\n    with DAG("new_pipeline", schedule=None) as dag\n                                                  ^\nSyntaxError: expected \':\'\n',
	},
];
