/**
 * What a command leaves to fill in, because nobody can know it (a new password, whose caller) or because it was not read (the
 * environment's own names). One word in capitals each; a fix that uses another is found by test/rules/environment.test.ts.
 */
const WORDS: ReadonlySet<string> = new Set(
	`AIRFLOW_VERSION ATTACHMENT BILLING_ACCOUNT_ID BUCKET BUCKET_NAME CALLER_EMAIL CALLER_IPV4 CALLER_IPV6 CALLER_SERVICE_ACCOUNT
	CLUSTER CLUSTER_LOCATION CLUSTER_PROJECT CONNECTION_URI CONN_TYPE CONSTRAINT DAG DAG_ID DATASET DESTINATION_CIDR ENVIRONMENT
	ENVIRONMENT_SERVICE_ACCOUNT EXISTING_CIDRS FILE HOST IMAGE IMAGE_VERSION JOB_ID JOB_SERVICE_ACCOUNT_EMAIL KEY KSA LOCATION LOGIN LOWER
	NAME NAMESPACE NAMESPACE_OF_THE_ENVIRONMENT NAT NETWORK NEW_LIMIT NODE_POOL NUMERIC_ID NUMERIC_UNIQUE_ID OPERATION OPTION OTHER_ACCOUNT
	OTHER_SUBNETWORK PACKAGE PASSWORD PERIMETER POD POLICY POLICY_TAG_ID PROJECT PROJECT_NUMBER PYTHON_VERSION REGION REPOSITORY
	REPOSITORY_LOCATION ROUTER SECRET_ID SERVICE SERVICE_ACCOUNT_EMAIL SUBNETWORK TARGET_PROJECT_NUMBER TARGET_SERVICE_ACCOUNT_EMAIL TASK
	TAXONOMY_ID TAXONOMY_LOCATION TOKEN UNIQUE UPPER URL USER USERNAME VALUE VERSION WORKER WORKERS_CIDR`
		.split(/\s+/)
		.filter((word) => word !== ''),
);

/** Words in capitals that stand free: no variable of the script itself, no part of another word, not in a comment. */
export function capitals(code: string): string[] {
	const set = new Set([...code.matchAll(/^\s*(?:export )?([A-Z][A-Z0-9_]*)=/gm)].map(([, name = '']) => name));
	const bare = code.replace(/(?:^|\s)#.*$/gm, '');
	const found = [...bare.matchAll(/(?<![\w.$'{]|\$\{)[A-Z][A-Z0-9]{1,}(?:_[A-Z0-9]+)*(?![\w'])/g)].map(
		([word]) => word,
	);
	return [...new Set(found)].filter((word) => !set.has(word));
}

/** What a person has to put in before a command can be run, in the order it stands there. */
export function toFillIn(code: string): string[] {
	return capitals(code).filter((word) => WORDS.has(word));
}

export const isPlaceholder = (word: string): boolean => WORDS.has(word);
