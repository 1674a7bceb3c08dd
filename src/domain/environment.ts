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
};
