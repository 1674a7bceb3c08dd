import { OAuth2Client } from 'google-auth-library';
import { composer as composerApi } from 'googleapis/build/src/apis/composer/index.js';
import { z } from 'zod';
import type { Environment } from '../domain/environment.ts';
import { Trouble } from '../domain/errors.ts';
import { mask } from '../domain/mask.ts';
import { clip, visible } from '../domain/text.ts';
import type { GoogleToken } from './base/google.ts';

export const composerOptions = z.strictObject({
	project: z
		.string()
		.regex(/^[a-z0-9.:-]{4,60}$/, 'a project id such as acme-data-prod')
		.describe('Google Cloud project id.'),
	location: z
		.string()
		.regex(/^[a-z]+-[a-z]+\d+$/, 'a region such as europe-west1')
		.describe('Region of the environment.'),
	name: z
		.string()
		.regex(/^[a-z](?:[a-z0-9-]{0,62}[a-z0-9])?$/, 'the name of a Composer environment')
		.describe('Name of the Composer environment.'),
	rootUrl: z.url().optional().describe('Another server that speaks the Composer API; for stand-ins.'),
});
export type ComposerOptions = z.output<typeof composerOptions>;

export type ComposerState = {
	/** `RUNNING`, `UPDATING`, `ERROR`, `CREATING`, `DELETING`. */
	state: string;
	/** Without a slash at its end. Undefined while the environment is being created. */
	airflowUri: string | undefined;
	environment: Environment;
};

export type ComposerOperation = {
	name: string;
	/** `UPDATE`, `CREATE`, `CHECK` … */
	type: string;
	/** `PENDING`, `RUNNING`, `SUCCEEDED`, `FAILED`. */
	state: string;
	startedAt?: string | undefined;
	endedAt?: string | undefined;
	/** What went wrong, in Google's words; foreign text, masked. */
	error?: string | undefined;
};

export type Composer = {
	/** One GET, kept for ten minutes; `fresh` asks again. Throws Trouble. Source: Composer API v1, environments.get. */
	describe(options?: { fresh?: boolean }): Promise<ComposerState>;
	/** Where its Airflow is, for the Airflow client. Asked again at most every ten seconds. Throws Trouble. */
	whereabouts(options?: { fresh?: boolean }): Promise<string>;
	/** Operations on this environment, newest first, at most `limit`. Throws Trouble. Source: operations.list. */
	operations(limit?: number): Promise<ComposerOperation[]>;
};

const KEPT_MS = 10 * 60_000;
const ASK_AGAIN_MS = 10_000;

const environmentAnswer = z.object({
	name: z.string(),
	state: z.string().nullish(),
	storageConfig: z.object({ bucket: z.string().nullish() }).nullish(),
	config: z
		.object({
			airflowUri: z.url({ protocol: /^https?$/ }).nullish(),
			dagGcsPrefix: z.string().nullish(),
			gkeCluster: z.string().nullish(),
			nodeConfig: z.object({ serviceAccount: z.string().nullish() }).nullish(),
			softwareConfig: z
				.object({
					imageVersion: z.string().nullish(),
					airflowConfigOverrides: z.record(z.string(), z.string()).nullish(),
				})
				.nullish(),
			workloadsConfig: z
				.object({
					worker: z
						.object({
							cpu: z.number().nullish(),
							memoryGb: z.number().nullish(),
							storageGb: z.number().nullish(),
							minCount: z.number().nullish(),
							maxCount: z.number().nullish(),
						})
						.nullish(),
				})
				.nullish(),
		})
		.nullish(),
});

const operationsAnswer = z.object({
	operations: z
		.array(
			z.object({
				name: z.string(),
				error: z.object({ message: z.string().nullish() }).nullish(),
				metadata: z
					.object({
						state: z.string().nullish(),
						operationType: z.string().nullish(),
						resource: z.string().nullish(),
						createTime: z.string().nullish(),
						endTime: z.string().nullish(),
					})
					.nullish(),
			}),
		)
		.nullish(),
});

/** One Composer environment. `google`: our own access token, scope cloud-platform. `now`: epoch milliseconds. */
export function composer(options: ComposerOptions, google: GoogleToken, now: () => number): Composer {
	const where = `projects/${options.project}/locations/${options.location}`;
	const path = `${where}/environments/${options.name}`;
	let kept: { state: ComposerState; at: number } | undefined;
	let asking: Promise<ComposerState> | undefined;

	/** googleapis retries by itself and multiplies time limits, hence `retry: false`. */
	async function client(fresh: boolean) {
		const auth = new OAuth2Client();
		auth.setCredentials({ access_token: await tokenOf(google, fresh) });
		return composerApi({
			version: 'v1',
			auth,
			timeout: 20_000,
			retry: false,
			...(options.rootUrl === undefined ? {} : { rootUrl: withSlash(options.rootUrl) }),
		}).projects.locations;
	}

	async function call<T>(ask: (locations: Awaited<ReturnType<typeof client>>) => Promise<T>): Promise<T> {
		try {
			return await ask(await client(false));
		} catch (error) {
			if (statusOf(error) !== 401) throw toTrouble(error, options);
		}
		try {
			return await ask(await client(true));
		} catch (error) {
			throw toTrouble(error, options);
		}
	}

	async function ask(): Promise<ComposerState> {
		const { data } = await call((locations) => locations.environments.get({ name: path }));
		const read = environmentAnswer.safeParse(data);
		if (!read.success) throw unreadable(options, read.error);
		const state = toState(read.data, options);
		kept = { state, at: now() };
		return state;
	}

	function describe({ fresh }: { fresh?: boolean } = {}): Promise<ComposerState> {
		const age = kept === undefined ? Infinity : now() - kept.at;
		if (kept && age < (fresh ? ASK_AGAIN_MS : KEPT_MS)) return Promise.resolve(kept.state);
		asking ??= ask().finally(() => (asking = undefined));
		return asking;
	}

	return {
		describe,
		async whereabouts(asked) {
			const { airflowUri, state } = await describe(asked);
			if (airflowUri === undefined)
				throw new Trouble(
					'upstream',
					'composer without airflow',
					`The Composer environment ${options.name} has no Airflow yet (state ${state}).`,
					{ ja: { message: `Composer 環境 ${options.name} の Airflow はまだありません（状態 ${state}）。` } },
				);
			return airflowUri;
		},
		async operations(limit = 20) {
			const { data } = await call((locations) => locations.operations.list({ name: where, pageSize: 100 }));
			const read = operationsAnswer.safeParse(data);
			if (!read.success) throw unreadable(options, read.error);
			return (read.data.operations ?? [])
				.filter(({ metadata }) => metadata?.resource === path)
				.map(({ name, error, metadata }) => ({
					name,
					type: metadata?.operationType ?? 'UNKNOWN',
					state: metadata?.state ?? 'UNKNOWN',
					startedAt: metadata?.createTime ?? undefined,
					endedAt: metadata?.endTime ?? undefined,
					error: error?.message ? mask(error.message) : undefined,
				}))
				.sort((a, b) => (b.startedAt ?? '').localeCompare(a.startedAt ?? ''))
				.slice(0, limit);
		},
	};
}

/** `composer-3-airflow-3.1.7-build.7` → its generation and Airflow version. Source: the pattern of Terraform's provider. */
export function parseImageVersion(image: string): { generation: Environment['generation']; airflowVersion?: string } {
	const read = /^composer-(\d+)[\d.]*(?:-preview\.\d+)?-airflow-(\d+\.\d+\.\d+)/.exec(image);
	const generation = read?.[1] === '3' ? 'composer-3' : read?.[1] === '2' ? 'composer-2' : undefined;
	return read?.[2] === undefined ? { generation } : { generation, airflowVersion: read[2] };
}

function toState(answer: z.output<typeof environmentAnswer>, options: ComposerOptions): ComposerState {
	const config = answer.config;
	const image = config?.softwareConfig?.imageVersion ?? undefined;
	const overrides = config?.softwareConfig?.airflowConfigOverrides ?? {};
	const concurrency = Number(overrides['celery-worker_concurrency']);
	const worker = config?.workloadsConfig?.worker;
	const bucket = answer.storageConfig?.bucket ?? config?.dagGcsPrefix?.match(/^gs:\/\/([^/]+)/)?.[1];
	return {
		state: answer.state ?? 'STATE_UNSPECIFIED',
		airflowUri: config?.airflowUri?.replace(/\/+$/, ''),
		environment: {
			...(image === undefined ? {} : parseImageVersion(image)),
			imageVersion: image,
			project: options.project,
			location: options.location,
			environment: options.name,
			serviceAccount: config?.nodeConfig?.serviceAccount ?? undefined,
			bucket: bucket ?? undefined,
			cluster: config?.gkeCluster?.split('/').at(-1) || undefined,
			airflowUri: config?.airflowUri ?? undefined,
			worker: worker
				? {
						cpu: worker.cpu ?? 0,
						memoryGb: worker.memoryGb ?? 0,
						storageGb: worker.storageGb ?? 0,
						minCount: worker.minCount ?? 1,
						maxCount: worker.maxCount ?? 1,
					}
				: undefined,
			workerConcurrency: Number.isFinite(concurrency) ? concurrency : undefined,
		},
	};
}

async function tokenOf(google: GoogleToken, fresh: boolean): Promise<string> {
	try {
		return await google.token(fresh ? { fresh } : {});
	} catch (error) {
		throw new Trouble(
			'denied',
			'google credentials missing',
			'The bot could not get a Google access token for itself.',
			{
				hint: 'On Google Cloud, attach a service account to where it runs; elsewhere set GOOGLE_APPLICATION_CREDENTIALS.',
				ja: {
					message: 'ボット自身の Google アクセストークンを取得できませんでした。',
					hint: 'Google Cloud 上では実行環境にサービスアカウントを割り当て、それ以外では GOOGLE_APPLICATION_CREDENTIALS を設定してください。',
				},
				cause: error,
			},
		);
	}
}

const failed = z.object({ status: z.number().optional(), message: z.string() });

function statusOf(error: unknown): number | undefined {
	const read = failed.safeParse(error);
	return read.success ? read.data.status : undefined;
}

function toTrouble(error: unknown, { project, name, location }: ComposerOptions): Trouble {
	if (error instanceof Trouble) return error;
	const read = failed.safeParse(error);
	const status = read.success ? read.data.status : undefined;
	const said = read.success ? visible(clip(mask(read.data.message.split('\n', 1)[0] ?? ''), 300)) : '';
	const options = { cause: error, ...(status === undefined ? {} : { status }) };
	if (status === 403 && /has not been used|is disabled|SERVICE_DISABLED/.test(said))
		return new Trouble('denied', 'composer api disabled', `The Composer API is not enabled in ${project}.`, {
			...options,
			hint: `A project admin runs \`gcloud services enable composer.googleapis.com --project=${project}\`.`,
			ja: {
				message: `プロジェクト ${project} で Composer API が有効になっていません。`,
				hint: `プロジェクト管理者が \`gcloud services enable composer.googleapis.com --project=${project}\` を実行してください。`,
			},
		});
	if (status === 401 || status === 403)
		return new Trouble('denied', 'composer forbidden', `The bot may not read the Composer environment ${name}.`, {
			...options,
			hint: `A project admin of ${project} gives its account roles/composer.user (permission composer.environments.get).`,
			ja: {
				message: `ボットに Composer 環境 ${name} を読み取る権限がありません。`,
				hint: `${project} のプロジェクト管理者が、ボットのアカウントに roles/composer.user（composer.environments.get）を付与してください。`,
			},
		});
	if (status === 404)
		return new Trouble(
			'user',
			'composer environment missing',
			`There is no Composer environment ${name} in ${location} of ${project}.`,
			{
				...options,
				hint: `Check project, location and name in the settings: \`gcloud composer environments list --locations=${location} --project=${project}\`.`,
				ja: {
					message: `${project} の ${location} に Composer 環境 ${name} がありません。`,
					hint: `設定の project、location、name をご確認ください: \`gcloud composer environments list --locations=${location} --project=${project}\``,
				},
			},
		);
	return new Trouble(
		'upstream',
		'composer api failed',
		`The Composer API gave no usable answer${status === undefined ? '' : ` (${status})`}.`,
		{
			...options,
			ja: { message: `Composer API から有効な応答がありませんでした${status === undefined ? '' : `（${status}）`}。` },
		},
	);
}

function unreadable({ name }: ComposerOptions, cause: unknown): Trouble {
	return new Trouble(
		'upstream',
		'composer answer unreadable',
		`The Composer API described ${name} in a form the bot does not know.`,
		{
			cause,
			ja: { message: `Composer API の応答を解釈できませんでした（${name}）。` },
		},
	);
}

const withSlash = (url: string): string => (url.endsWith('/') ? url : `${url}/`);
