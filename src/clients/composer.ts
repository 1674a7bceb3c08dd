import { composer as composerApi, type composer_v1 } from 'googleapis/build/src/apis/composer/index.js';
import { z } from 'zod';
import type { Environment } from '../domain/environment.ts';
import { Trouble } from '../domain/errors.ts';
import type { Workload } from '../domain/evidence.ts';
import { mask } from '../domain/mask.ts';
import { NEEDS, type NeedName } from '../domain/needs.ts';
import type { Text } from '../domain/text.ts';
import { askGoogle, restOptions, type GoogleToken } from './base/google.ts';
import type { OperationAnswer } from './composer/answers.ts';
import {
	environmentAnswer,
	operationAnswer,
	operationsAnswer,
	toEnvironment,
	workloadsAnswer,
} from './composer/answers.ts';

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
	rootUrl: z.url().optional().describe('Another server that speaks the REST APIs of Google Cloud; for stand-ins.'),
	loggingEndpoint: z
		.string()
		.regex(/^[\w.[\]:-]+:\d{1,5}$/, 'host and port')
		.optional()
		.describe('Another server that speaks Cloud Logging over gRPC without TLS; for stand-ins.'),
	evidence: z
		.strictObject({
			logging: z.boolean().default(true).describe('Cloud Logging.'),
			monitoring: z.boolean().default(true).describe('Cloud Monitoring.'),
			iam: z.boolean().default(true).describe('IAM policies and enabled APIs.'),
		})
		.optional()
		.describe('What a diagnosis may read in Google Cloud beside the Composer API; false switches one off.'),
});
export type ComposerOptions = z.output<typeof composerOptions>;
export type ComposerPlace = Pick<ComposerOptions, 'project' | 'location' | 'name' | 'rootUrl'>;

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
	/** One GET, kept for ten minutes; `fresh` asks again after ten seconds, `anew` always. Throws Trouble. Source: Composer API v1, environments.get. */
	describe(options?: { fresh?: boolean; anew?: boolean }): Promise<ComposerState>;
	/** Where its Airflow is, for the Airflow client. Asked again at most every ten seconds. Throws Trouble. */
	whereabouts(options?: { fresh?: boolean }): Promise<string>;
	/** Operations on this environment, newest first, at most `limit`. Throws Trouble. Source: operations.list. */
	operations(limit?: number): Promise<ComposerOperation[]>;
	/** Every running part of it with its state, at most 500. Throws Trouble. Source: environments.workloads.list (Composer 2 and 3). */
	workloads(): Promise<Workload[]>;
	/**
	 * Begins an update and answers with its operation's name. Exactly one PATCH, never repeated. Trouble whose `outcome` is `unknown`: it may
	 * have begun, and `operations` tells. Source: environments.patch; `mask` and `body` as it wants them.
	 */
	patch(update: { mask: readonly string[]; body: Record<string, unknown> }): Promise<string>;
	/** How an operation stands; undefined: Google has forgotten it. Throws Trouble. Source: operations.get. */
	operation(name: string): Promise<ComposerOperation | undefined>;
};

const KEPT_MS = 10 * 60_000;
const ASK_AGAIN_MS = 10_000;
const WORKLOAD_PAGES = 5;

/**
 * One Composer environment. `google`: our own access token, scope cloud-platform. `now`: epoch milliseconds. `numberOf`: the
 * project's number, which the Composer API itself does not tell.
 */
export function composer(
	options: ComposerPlace,
	google: GoogleToken,
	now: () => number,
	numberOf: () => Promise<string | undefined> = () => Promise.resolve(undefined),
): Composer {
	const where = `projects/${options.project}/locations/${options.location}`;
	const path = `${where}/environments/${options.name}`;
	let kept: { state: ComposerState; at: number } | undefined;
	let asking: Promise<ComposerState> | undefined;

	async function call<T>(need: NeedName, what: Text, ask: (locations: Locations) => Promise<{ data: T }>): Promise<T> {
		const { api, permission, role } = NEEDS[need];
		try {
			const { data } = await askGoogle(google, { api, what, project: options.project, permission, role }, (token) =>
				ask(composerApi({ version: 'v1', ...restOptions(token, options) }).projects.locations),
			);
			return data;
		} catch (error) {
			throw error instanceof Trouble && error.label === 'google missing' ? missing(options, error) : error;
		}
	}

	async function ask(): Promise<ComposerState> {
		const [data, projectNumber] = await Promise.all([
			call('environment', theEnvironment(options), (locations) => locations.environments.get({ name: path })),
			numberOf(),
		]);
		const answer = readable(environmentAnswer, data, options);
		const state: ComposerState = {
			state: answer.state ?? 'STATE_UNSPECIFIED',
			airflowUri: answer.config?.airflowUri?.replace(/\/+$/, ''),
			environment: {
				...toEnvironment(answer, options),
				...(projectNumber === undefined ? {} : { projectNumber }),
			},
		};
		kept = { state, at: now() };
		return state;
	}

	function describe({ fresh, anew }: { fresh?: boolean; anew?: boolean } = {}): Promise<ComposerState> {
		if (anew) return ask();
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
			const what = { en: `the operations on ${options.name}`, ja: ` ${options.name} の操作履歴` };
			const data = await call('operations', what, (locations) =>
				locations.operations.list({ name: where, pageSize: 100 }),
			);
			return (readable(operationsAnswer, data, options).operations ?? [])
				.filter(({ metadata }) => metadata?.resource === path)
				.map(toOperation)
				.sort((a, b) => (b.startedAt ?? '').localeCompare(a.startedAt ?? ''))
				.slice(0, limit);
		},
		async patch({ mask, body }) {
			const what = { en: `an update of ${options.name}`, ja: ` ${options.name} の更新` };
			kept = undefined;
			try {
				const data = await call('change', what, (locations) =>
					locations.environments.patch({ name: path, updateMask: mask.join(','), requestBody: body }),
				);
				return readable(begun, data, options).name;
			} catch (error) {
				throw error instanceof Trouble && !wasRefused(error) ? mayHaveBegun(error) : error;
			}
		},
		async operation(name) {
			const what = { en: `the operation on ${options.name}`, ja: ` ${options.name} の操作` };
			try {
				const data = await call('operations', what, (locations) => locations.operations.get({ name }));
				return toOperation(readable(operationAnswer, data, options));
			} catch (error) {
				if (error instanceof Trouble && error.label === 'composer environment missing') return undefined;
				throw error;
			}
		},
		async workloads() {
			const what = { en: `the workloads of ${options.name}`, ja: ` ${options.name} のワークロード` };
			const found: Workload[] = [];
			let pageToken: string | undefined;
			for (let page = 0; page < WORKLOAD_PAGES; page++) {
				const data = await call('environment', what, (locations) =>
					locations.environments.workloads.list({
						parent: path,
						pageSize: 100,
						...(pageToken === undefined ? {} : { pageToken }),
					}),
				);
				const answer = readable(workloadsAnswer, data, options);
				for (const { name, type, status } of answer.workloads ?? [])
					found.push({
						name: name.split('/').at(-1) ?? name,
						type: type ?? 'UNKNOWN',
						state: status?.state ?? 'UNKNOWN',
						message: mask([status?.statusMessage, status?.detailedStatusMessage].filter(Boolean).join(' ')),
					});
				pageToken = answer.nextPageToken || undefined;
				if (pageToken === undefined) break;
			}
			return found;
		},
	};
}

const begun = z.object({ name: z.string().min(1) });

function toOperation({ name, error, metadata }: OperationAnswer): ComposerOperation {
	return {
		name,
		type: metadata?.operationType ?? 'UNKNOWN',
		state: metadata?.state ?? 'UNKNOWN',
		startedAt: metadata?.createTime ?? undefined,
		endedAt: metadata?.endTime ?? undefined,
		error: error?.message ? mask(error.message) : undefined,
	};
}

/** Google says no: nothing was begun. Whatever else went wrong may have gone wrong afterwards. */
const wasRefused = ({ status }: Trouble): boolean => status !== undefined && status >= 400 && status < 500;

function mayHaveBegun({ kind, label, message, hint, ja, status, cause }: Trouble): Trouble {
	return new Trouble(kind, label, message, { hint, ja, status, cause, outcome: 'unknown' });
}

type Locations = composer_v1.Resource$Projects$Locations;

const theEnvironment = ({ name }: ComposerPlace): Text => ({
	en: `the Composer environment ${name}`,
	ja: ` Composer 環境 ${name} `,
});

function missing({ name, location, project }: ComposerPlace, cause: Trouble): Trouble {
	const list = `gcloud composer environments list --locations=${location} --project=${project}`;
	return new Trouble(
		'user',
		'composer environment missing',
		`There is no Composer environment ${name} in ${location} of ${project}.`,
		{
			status: 404,
			cause,
			hint: `Check project, location and name in the settings: \`${list}\`.`,
			ja: {
				message: `${project} の ${location} に Composer 環境 ${name} がありません。`,
				hint: `設定の project、location、name をご確認ください: \`${list}\``,
			},
		},
	);
}

function readable<T>(schema: z.ZodType<T>, data: unknown, { name }: ComposerPlace): T {
	const read = schema.safeParse(data);
	if (read.success) return read.data;
	throw new Trouble(
		'upstream',
		'composer answer unreadable',
		`The Composer API described ${name} in a form the bot does not know.`,
		{
			cause: read.error,
			ja: { message: `Composer API の応答を解釈できませんでした（${name}）。` },
		},
	);
}
