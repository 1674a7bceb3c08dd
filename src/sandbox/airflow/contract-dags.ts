import type { BrokenFile, SimDag } from './types.ts';

/** The DAGs of `airflow/dags`, as a simulation: the contract suite finds the same ones here and on a real Airflow. */
export const contractDags: readonly SimDag[] = [
	{
		id: 'cm_success',
		owner: 'data-platform',
		tags: ['contract', 'quick'],
		description: 'Three small tasks, one after the other.',
		file: 'cm_endings.py',
		tasks: [
			{ id: 'extract', operator: 'PythonOperator', ms: 300, prints: ['extracted 42 rows'] },
			{ id: 'transform', operator: 'BashOperator', after: ['extract'], ms: 300, prints: ['transformed'] },
			{ id: 'load', operator: 'PythonOperator', after: ['transform'], ms: 300, prints: ['loaded 42 rows'] },
		],
	},
	{
		id: 'cm_slow',
		owner: 'data-platform',
		tags: ['contract'],
		file: 'cm_endings.py',
		tasks: [{ id: 'wait', operator: 'PythonOperator', ms: 8000, byConf: true }],
	},
	{
		id: 'cm_retry',
		owner: 'data-platform',
		tags: ['contract'],
		file: 'cm_endings.py',
		tasks: [
			{
				id: 'flaky',
				operator: 'PythonOperator',
				ms: 300,
				retries: 2,
				retryDelayMs: 1000,
				endings: [
					{
						raises: {
							type: 'ConnectionError',
							message: 'upstream was away for a moment',
							line: 41,
							function: 'fail_once',
						},
					},
					'success',
				],
				prints: ['the second try works'],
			},
		],
	},
	{
		id: 'cm_fail',
		owner: 'finance',
		tags: ['contract'],
		file: 'cm_endings.py',
		tasks: [
			{
				id: 'divide',
				operator: 'PythonOperator',
				ms: 300,
				endings: [{ raises: { type: 'ZeroDivisionError', message: 'division by zero', line: 50, function: 'divide' } }],
			},
			{ id: 'report', operator: 'PythonOperator', after: ['divide'], ms: 300, prints: ['never said'] },
		],
	},
	{
		id: 'cm_sigkill',
		owner: 'finance',
		tags: ['contract'],
		file: 'cm_endings.py',
		tasks: [{ id: 'die', operator: 'PythonOperator', ms: 1200, endings: ['killed'], prints: ['about to be killed'] }],
	},
	{
		id: 'cm_no_connection',
		owner: 'finance',
		tags: ['contract'],
		file: 'cm_causes.py',
		tasks: [
			{
				id: 'connect',
				operator: 'PythonOperator',
				ms: 300,
				endings: [
					{
						raises: {
							type: 'airflow.exceptions.AirflowNotFoundException',
							message: "The conn_id `cm_no_such_connection` isn't defined",
							line: 12,
							function: 'connect',
						},
					},
				],
			},
		],
	},
	{
		id: 'cm_timeout',
		owner: 'finance',
		tags: ['contract'],
		file: 'cm_causes.py',
		tasks: [
			{
				id: 'dawdle',
				operator: 'PythonOperator',
				ms: 2000,
				endings: [
					{
						raises: {
							type: 'airflow.exceptions.AirflowTaskTimeout',
							message: 'Timeout, PID: 2815',
							line: 20,
							function: 'dawdle',
						},
					},
				],
			},
		],
	},
	{
		id: 'cm_mapped',
		owner: 'data-platform',
		tags: ['contract'],
		file: 'cm_endings.py',
		tasks: [{ id: 'double', operator: 'PythonOperator', ms: 300, mapped: 3 }],
	},
	{
		id: 'cm_paused',
		owner: 'airflow',
		tags: ['contract'],
		file: 'cm_endings.py',
		paused: true,
		schedule: { text: '1 day, 0:30:00', everyMs: 88_200_000 },
		tasks: [{ id: 'never', operator: 'PythonOperator', ms: 300, prints: ['never said'] }],
	},
	{
		id: '売上_日次集計',
		owner: '経理',
		tags: ['contract', '日次'],
		description: '日次の売上を集計します。',
		file: 'cm_endings.py',
		tasks: [{ id: '集計', operator: 'PythonOperator', ms: 300, prints: ['集計しました'] }],
	},
	{
		id: 'cm_params',
		owner: 'data-platform',
		tags: ['contract', 'form'],
		description: 'Shows the params it was given.',
		file: 'cm_params.py',
		params: {
			table: {
				value: null,
				description: 'Table to load, without its dataset.',
				schema: { type: 'string', minLength: 1, title: 'Table' },
			},
			rows: {
				value: 1000,
				description: 'How many rows at most.',
				schema: { type: 'integer', minimum: 1, maximum: 1_000_000 },
			},
			ratio: { value: 0.5, schema: { type: 'number', minimum: 0, maximum: 1 } },
			full: { value: false, schema: { type: 'boolean', title: 'Full reload' } },
			region: {
				value: 'eu',
				description: 'Where the data lives.',
				schema: { type: 'string', enum: ['eu', 'us', 'asia'] },
			},
			day: { value: null, schema: { type: ['null', 'string'], format: 'date' } },
			tags: { value: ['daily'], schema: { type: 'array', items: { type: 'string' } } },
			options: { value: { dry: true }, schema: { type: 'object' } },
			plain: { value: 'as it is', schema: {} },
		},
		tasks: [{ id: 'show', operator: 'PythonOperator', ms: 300 }],
	},
];

export const contractBroken: readonly BrokenFile[] = [
	{
		file: 'cm_broken.py',
		stackTrace: [
			'Traceback (most recent call last):',
			'  File "<frozen importlib._bootstrap>", line 241, in _call_with_frames_removed',
			'  File "/opt/airflow/dags/cm_broken.py", line 3, in <module>',
			'    import a_module_that_does_not_exist  # noqa: F401',
			"ModuleNotFoundError: No module named 'a_module_that_does_not_exist'",
			'',
		].join('\n'),
	},
];
