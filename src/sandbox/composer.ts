import { createServer } from 'node:http';

/** One environment as the stand-in describes it. */
export type SandboxEnvironment = {
	name: string;
	/** Where its Airflow is; undefined while it is being created. */
	airflowUri: string | undefined;
	/** `composer-3-airflow-3.1.7-build.7`. */
	imageVersion: string;
	/** Default RUNNING. */
	state?: 'CREATING' | 'RUNNING' | 'UPDATING' | 'DELETING' | 'ERROR';
	serviceAccount?: string;
	worker?: { cpu: number; memoryGb: number; storageGb: number; minCount: number; maxCount: number };
	airflowConfigOverrides?: Readonly<Record<string, string>>;
};

export type SandboxOperation = {
	environment: string;
	type: 'CREATE' | 'DELETE' | 'UPDATE' | 'CHECK' | 'SAVE_SNAPSHOT' | 'LOAD_SNAPSHOT' | 'DATABASE_FAILOVER';
	state: 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED';
	/** Epoch milliseconds. */
	createdAt: number;
	endedAt?: number;
	error?: string;
};

export type ComposerSandboxOptions = {
	project: string;
	location: string;
	environments: readonly SandboxEnvironment[];
	operations?: readonly SandboxOperation[];
	/** Accepted access tokens and what their owner may do. */
	tokens: Readonly<Record<string, 'user' | 'nothing'>>;
	/** False: the API was never enabled in the project. */
	enabled?: boolean;
	port?: number;
};

export type SandboxComposer = {
	/** For `rootUrl` of googleapis, with its slash. */
	rootUrl: string;
	/** Paths asked for, oldest first. */
	calls(): readonly string[];
	/** The environment changes, as when it is made anew under another address. */
	change(name: string, changes: Partial<SandboxEnvironment>): void;
	addOperation(operation: SandboxOperation): void;
	/** `place`: in the order they were added, from 0. */
	endOperation(place: number, end: Pick<SandboxOperation, 'state' | 'endedAt' | 'error'>): void;
	setTokens(tokens: Readonly<Record<string, 'user' | 'nothing'>>): void;
	/** The next `times` calls are answered with this status. */
	fail(status: number, times: number): void;
	close(): Promise<void>;
};

/** The Composer API on 127.0.0.1, as much as the bot asks: environments.get and .list, operations.list, in Google's own form. */
export async function startComposer(options: ComposerSandboxOptions): Promise<SandboxComposer> {
	const environments = new Map(options.environments.map((one) => [one.name, one]));
	const operations = [...(options.operations ?? [])];
	let tokens = options.tokens;
	const calls: string[] = [];
	let failing = { status: 0, times: 0 };
	const where = `projects/${options.project}/locations/${options.location}`;

	function answer(path: string, authorization: string): { status: number; body: unknown } {
		if (failing.times > 0) {
			failing.times -= 1;
			return refusal(failing.status, 'UNAVAILABLE', 'The service is currently unavailable.');
		}
		const may = tokens[/^Bearer (.+)$/.exec(authorization)?.[1] ?? ''];
		if (may === undefined)
			return refusal(
				401,
				'UNAUTHENTICATED',
				'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.',
			);
		if (options.enabled === false)
			return refusal(
				403,
				'PERMISSION_DENIED',
				`Cloud Composer API has not been used in project ${options.project} before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/composer.googleapis.com/overview?project=${options.project} then retry.`,
			);
		const rest = path.startsWith(`/v1/${where}/`) ? path.slice(`/v1/${where}/`.length) : undefined;
		const name = rest?.startsWith('environments/') ? rest.slice('environments/'.length) : undefined;
		if (may === 'nothing')
			return refusal(
				403,
				'PERMISSION_DENIED',
				name === undefined
					? `Permission 'composer.environments.list' denied on resource '${where}' (or it may not exist).`
					: `Permission 'composer.environments.get' denied on resource '${where}/environments/${name}' (or it may not exist).`,
			);
		if (rest === 'environments')
			return {
				status: 200,
				body: { environments: [...environments.values()].map((one) => describe(one, where, options)) },
			};
		if (rest === 'operations')
			return {
				status: 200,
				body: { operations: operations.map((one, index) => describeOperation(one, index, where)) },
			};
		const found = name === undefined ? undefined : environments.get(name);
		if (found) return { status: 200, body: describe(found, where, options) };
		return refusal(404, 'NOT_FOUND', `Resource '${path.replace('/v1/', '')}' was not found`);
	}

	const server = createServer((request, response) => {
		const path = decodeURIComponent(new URL(request.url ?? '/', 'http://composer.invalid').pathname);
		calls.push(path);
		const { status, body } = answer(path, request.headers.authorization ?? '');
		response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' });
		response.end(JSON.stringify(body));
	});
	await new Promise<void>((done, refuse) => {
		server.once('error', refuse);
		server.listen(options.port ?? 0, '127.0.0.1', done);
	});
	const address = server.address();
	const port = typeof address === 'object' && address ? address.port : 0;

	return {
		rootUrl: `http://127.0.0.1:${port}/`,
		calls: () => calls,
		change(name, changes) {
			const before = environments.get(name);
			if (!before) throw new Error(`There is no environment ${name}.`);
			environments.set(name, { ...before, ...changes });
		},
		addOperation: (operation) => void operations.push(operation),
		endOperation(place, end) {
			const found = operations[place];
			if (!found) throw new Error(`There is no operation ${place}.`);
			operations[place] = { ...found, ...end };
		},
		setTokens(known) {
			tokens = known;
		},
		fail(status, times) {
			failing = { status, times };
		},
		async close() {
			server.closeAllConnections();
			await new Promise((done) => server.close(done));
		},
	};
}

function refusal(code: number, status: string, message: string): { status: number; body: unknown } {
	return { status: code, body: { error: { code, message, status } } };
}

function describe(one: SandboxEnvironment, where: string, { project, location }: ComposerSandboxOptions): object {
	const gen2 = one.imageVersion.startsWith('composer-2');
	return {
		name: `${where}/environments/${one.name}`,
		uuid: '0f6c1a52-8b0e-4d0b-9d54-3a1d7f0c2b11',
		state: one.state ?? 'RUNNING',
		createTime: '2026-02-03T09:12:44.106Z',
		updateTime: '2026-11-20T04:31:02.771Z',
		storageConfig: { bucket: `${location}-${one.name}-7c1f09aa-bucket` },
		config: {
			...(one.airflowUri === undefined ? {} : { airflowUri: one.airflowUri }),
			...(gen2
				? { gkeCluster: `projects/${project}/zones/${location}-b/clusters/${location}-${one.name}-7c1f09aa-gke` }
				: {}),
			dagGcsPrefix: `gs://${location}-${one.name}-7c1f09aa-bucket/dags`,
			environmentSize: 'ENVIRONMENT_SIZE_SMALL',
			nodeConfig: { serviceAccount: one.serviceAccount ?? `composer-${one.name}@${project}.iam.gserviceaccount.com` },
			softwareConfig: {
				imageVersion: one.imageVersion,
				airflowConfigOverrides: one.airflowConfigOverrides ?? {},
			},
			workloadsConfig: {
				scheduler: { cpu: 0.5, memoryGb: 2, storageGb: 1, count: 1 },
				webServer: { cpu: 1, memoryGb: 2, storageGb: 1 },
				worker: one.worker ?? { cpu: 0.5, memoryGb: 2, storageGb: 1, minCount: 1, maxCount: 3 },
				triggerer: { cpu: 0.5, memoryGb: 0.5, count: 1 },
			},
		},
	};
}

function describeOperation(one: SandboxOperation, index: number, where: string): object {
	return {
		name: `${where}/operations/${index + 1}`,
		done: one.state === 'SUCCEEDED' || one.state === 'FAILED',
		metadata: {
			'@type': 'type.googleapis.com/google.cloud.orchestration.airflow.service.v1.OperationMetadata',
			state: one.state,
			operationType: one.type,
			resource: `${where}/environments/${one.environment}`,
			createTime: new Date(one.createdAt).toISOString(),
			...(one.endedAt === undefined ? {} : { endTime: new Date(one.endedAt).toISOString() }),
		},
		...(one.error === undefined ? {} : { error: { code: 13, message: one.error } }),
	};
}
