/** Which house Airflow lives in decides the fix: `gcloud composer` verbs, `kubectl`, or plain Airflow settings. */
export type Generation = 'composer-2' | 'composer-3' | 'airflow';

/** What is known of the environment a failure happened in. Every name may be unknown; fixes then say what to fill in. */
export type Environment = {
	/** undefined: not known, so a fix must say what differs between generations. */
	generation?: Generation | undefined;
	/** Airflow version such as `2.10.5`. */
	airflowVersion?: string | undefined;
	/** `composer-3-airflow-3.1.7-build.7`. */
	imageVersion?: string | undefined;
	/** Name in our settings. */
	name?: string | undefined;
	project?: string | undefined;
	projectNumber?: string | undefined;
	location?: string | undefined;
	/** Name of the Composer environment. */
	environment?: string | undefined;
	/** E-mail of the environment's service account. */
	serviceAccount?: string | undefined;
	/** Bucket without `gs://`. */
	bucket?: string | undefined;
	/** Composer 2's GKE cluster. */
	cluster?: string | undefined;
	airflowUri?: string | undefined;
	worker?: { cpu: number; memoryGb: number; storageGb: number; minCount: number; maxCount: number } | undefined;
	workerConcurrency?: number | undefined;
	scheduler?: ComponentSize | undefined;
	/** Composer 3 only. */
	dagProcessor?: ComponentSize | undefined;
	/** `count` 0: switched off. */
	triggerer?: ComponentSize | undefined;
	webServer?: ComponentSize | undefined;
	/** `small`, `medium`, `large`, `extra-large`. */
	size?: 'small' | 'medium' | 'large' | 'extra-large' | undefined;
	/** Airflow settings that are overridden, `celery-worker_concurrency` and the like. */
	overrides?: Readonly<Record<string, string>> | undefined;
	/** Names only. */
	environmentVariables?: readonly string[] | undefined;
	/** Task logs also lie in the bucket, not in Cloud Logging alone. */
	logsInBucket?: boolean | undefined;
	/** Private networking: no way out without NAT. */
	isPrivate?: boolean | undefined;
	/** Package → extras and version as written, `==1.2`; empty: any. */
	pypiPackages?: Readonly<Record<string, string>> | undefined;
	/** ISO 8601 times of the first window, and an RFC 5545 rule. */
	maintenanceWindow?: { start: string; end: string; recurrence: string } | undefined;
};

export type ComponentSize = { cpu: number; memoryGb: number; storageGb?: number | undefined; count: number };
