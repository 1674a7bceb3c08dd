import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Environment, Generation } from '../../src/domain/environment.ts';
import { rules } from '../../src/rules/index.ts';
import { readPosted } from '../../src/sandbox/world/gcloud.ts';
import { expand, readShell } from '../../src/sandbox/world/gcloud-shell.ts';

const environment = (generation: Generation): Environment => ({
	generation,
	airflowVersion: generation === 'composer-3' ? '3.1.7' : '2.11.0',
	name: 'prod',
	project: 'acme-data',
	projectNumber: '123456789012',
	location: 'europe-west1',
	environment: 'prod',
	serviceAccount: 'composer-prod@acme-data.iam.gserviceaccount.com',
	bucket: 'europe-west1-prod-7c1f09aa-bucket',
	...(generation === 'composer-2' ? { cluster: 'europe-west1-prod-7c1f09aa-gke' } : {}),
	worker: { cpu: 0.5, memoryGb: 2, storageGb: 1, minCount: 1, maxCount: 3 },
});

/** What only the log or the person can know: which DAG, which secret, whose network. Every other word in capitals is a name we do know. */
const FILLED_IN_BY_A_PERSON = new Set(
	`AIRFLOW_VERSION ATTACHMENT BILLING_ACCOUNT_ID BUCKET_NAME CALLER_EMAIL CALLER_IPV4 CALLER_IPV6 CALLER_SERVICE_ACCOUNT
	CLUSTER_PROJECT CONNECTION_URI CONN_TYPE CONSTRAINT DAG DAG_ID DATASET DESTINATION_CIDR FILE HOST IMAGE IMAGE_VERSION
	JOB_ID JOB_SERVICE_ACCOUNT_EMAIL KEY KSA LOGIN LOWER NAME NAMESPACE NAMESPACE_OF_THE_ENVIRONMENT NETWORK NUMERIC_ID
	NUMERIC_UNIQUE_ID OPERATION OTHER_ACCOUNT PACKAGE PASSWORD POD PYTHON_VERSION REPOSITORY REPOSITORY_LOCATION SECRET_ID
	SERVICE SERVICE_ACCOUNT_EMAIL SUBNETWORK TARGET_SERVICE_ACCOUNT_EMAIL TASK UNIQUE UPPER USER USERNAME VALUE WORKER`.split(
		/\s+/,
	),
);

const scripts = (['composer-2', 'composer-3', 'airflow'] as const).flatMap((generation) =>
	rules.flatMap((rule) =>
		rule
			.fix({ env: environment(generation), facts: {}, lang: 'en' })
			.flatMap((step) =>
				step.code !== undefined && step.lang === 'sh' ? [{ rule: rule.id, generation, code: step.code }] : [],
			),
	),
);

describe('every command that a rule posts', () => {
	test('is one that the stand-in understands, to the last flag', () => {
		const wrong = scripts.flatMap(({ rule, generation, code }) => {
			try {
				readPosted(code);
				return [];
			} catch (error) {
				return [`${rule} (${generation}): ${String(error)}`];
			}
		});
		expect(wrong).toEqual([]);
	});

	test('leaves nothing to fill in that is known of the environment', () => {
		const left = scripts.flatMap(({ rule, generation, code }) =>
			readPosted(code)
				.flatMap(({ placeholders, text }) => placeholders.map((name) => ({ name, text })))
				.filter(({ name }) => !FILLED_IN_BY_A_PERSON.has(name) && !(name === 'PROJECT' && generation === 'airflow'))
				.map(({ name, text }) => `${rule} (${generation}): ${name} in ${text}`),
		);
		expect(left).toEqual([]);
	});

	test('is the same in Japanese', () => {
		for (const generation of ['composer-2', 'composer-3', 'airflow'] as const)
			for (const rule of rules) {
				const codes = (['en', 'ja'] as const).map((lang) =>
					rule
						.fix({ env: environment(generation), facts: {}, lang })
						.flatMap((step) => (step.code !== undefined && step.lang === 'sh' ? readPosted(step.code) : []))
						.map(({ call, text }) => (call === undefined ? text.split(' ', 3).join(' ') : call)),
				);
				expect({ rule: rule.id, generation, calls: codes[1] }).toEqual({ rule: rule.id, generation, calls: codes[0] });
			}
	});
});

describe('a command that is none', () => {
	test.each([
		['gcloud projects add-iam-policy-binding acme --member=serviceAccount:a@b', '--role is missing'],
		['gcloud projects add-iam-policy-binding acme --member=a@b.com --role=roles/viewer', 'is no member'],
		['gcloud projects add-iam-policy-binding acme --member=user:a@b.com --role=viewer', 'is no role'],
		['gcloud projects add-iam-policy-binding --member=user:a@b.com --role=roles/viewer', 'project is missing'],
		['gcloud composer environments update prod --worker-memory=4GB', '--location is missing'],
		['gcloud composer environments update prod --location=l --worker-memory=4', 'is no size'],
		['gcloud composer environments update prod --location=l', 'nothing is changed'],
		[
			'gcloud composer environments update prod --location=l --worker-memory=4GB --update-airflow-configs=a-b=1',
			'one kind of update',
		],
		[
			'gcloud composer environments update prod --location=l --update-airflow-configs=celery.worker_concurrency=6',
			'is not a section-key',
		],
		[
			'gcloud composer environments update prod --location=l --update-pypi-package="pkg @ https://x/y.whl"',
			'no package of PEP 508',
		],
		['gcloud composer environments update prod --location=l --worker-ram=4GB', 'unknown flag --worker-ram='],
		['gcloud composer environments upgrade prod', 'no command of gcloud'],
		['gcloud composer environments run prod --location=l pools conjure -- x', 'no command of airflow'],
		['gcloud iam service-accounts undelete nobody@x.com', 'is no number'],
		['kubectl annotate pod web a=b', 'only service accounts'],
		['kubectl create namespace', 'name is missing'],
		['terraform destroy -target=google_project.x', 'no command of terraform'],
		['rm -rf /', 'no program that is known here'],
		['echo `gcloud auth print-access-token`', 'a backtick'],
		["gcloud projects describe 'acme", "a ' is never closed"],
		['gcloud projects describe acme &&', 'nothing after &&'],
		[
			'gcloud projects add-iam-policy-binding acme --member="user:$(whoami)" --role=roles/viewer',
			'only a running shell knows',
		],
		[
			'while read -r m; do gcloud projects add-iam-policy-binding acme --member=user:a@b.c --role=roles/viewer; done',
			'a loop may only look',
		],
	])('%s', (script, why) => {
		expect(() => readPosted(script)).toThrow(why);
	});
});

describe('the shell', () => {
	const call = (script: string) => readPosted(script).map((one) => one.call);

	test('follows assignments, quotes, comments, continued lines and pipes', () => {
		const script = [
			'P=acme-data   # the project',
			'GSA="pods@${P}.iam.gserviceaccount.com"',
			'gcloud iam service-accounts add-iam-policy-binding "$GSA" \\',
			'  --role=\'roles/iam.workloadIdentityUser\' --member="serviceAccount:${P}.svc.id.goog[pods/runner]"',
			'kubectl create namespace pods --dry-run=client -o yaml | kubectl apply -f -',
			'gcloud iam service-accounts describe "$GSA" || gcloud iam service-accounts create pods --project="$P"',
		].join('\n');
		expect(call(script)).toEqual([
			{
				do: 'grant',
				on: { kind: 'serviceAccount', email: 'pods@acme-data.iam.gserviceaccount.com' },
				project: undefined,
				member: 'serviceAccount:acme-data.svc.id.goog[pods/runner]',
				role: 'roles/iam.workloadIdentityUser',
			},
			{ do: 'namespace', name: 'pods' },
			undefined,
			{ do: 'account', act: 'create', who: 'pods', project: 'acme-data' },
		]);
	});

	/** Pieces of words as a shell takes them; what they say, bash itself is asked. */
	const piece = fc.oneof(
		fc.stringMatching(/^[\w@%+=:,./[\]-]{1,6}$/),
		fc.stringMatching(/^'[^']{0,6}'$/),
		fc.stringMatching(/^"(?:[^"\\$`!]|\\["\\$`]|\$\{[AB]\}|\\\n){0,6}"$/),
		fc.stringMatching(/^\\[ -~]$/),
		fc.constantFrom('"$A"', '${B}', '\\\n'),
	);
	const word = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(''));

	test('reads words as bash does', () => {
		const known = new Map([
			['A', 'one'],
			['B', '2/3'],
		]);
		const samples = fc.sample(fc.array(word, { minLength: 1, maxLength: 4 }), { numRuns: 300, seed: 7 });
		const script = samples.map((words) => `printf '<%s>' x ${words.join(' ')}; printf '\\0'`).join('\n');
		const said = execFileSync('bash', ['-c', `set -f; A='one'; B='2/3'\n${script}`], { encoding: 'utf8' }).split('\0');
		const ours = samples.map((words) => {
			const [line] = readShell(`printf '<%s>' x ${words.join(' ')}`);
			return (line?.commands[0]?.words ?? [])
				.slice(2)
				.map((each) => `<${expand(each, known).text}>`)
				.join('');
		});
		expect(ours).toEqual(said.slice(0, -1));
	});
});
