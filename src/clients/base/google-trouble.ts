import { z } from 'zod';
import { Trouble, type TroubleOptions } from '../../domain/errors.ts';
import { mask } from '../../domain/mask.ts';
import { clip, visible, type Text } from '../../domain/text.ts';
import { toFailure } from './http.ts';

/** What a call is for, so that its refusal can say what is missing and who gives it. */
export type Asking = {
	/** Host of the API, `monitoring.googleapis.com`. */
	api: string;
	/** What one wants to see: `the metrics of prod`. */
	what: Text;
	project: string;
	permission: string;
	/** Smallest predefined role that carries the permission. */
	role: string;
};

/**
 * Asks Google, and once more with a fresh token when it did not take ours. Failures come as Trouble, each said as what it is:
 * `google forbidden` (names permission and role), `google api disabled`, `google perimeter`, `google billing off`, `google missing`,
 * `google quota`, `google timeout`, `google unreachable`, `google failed`.
 */
export async function callGoogle<T>(asking: Asking, ask: (fresh: boolean) => Promise<T>): Promise<T> {
	try {
		return await ask(false);
	} catch (error) {
		if (error instanceof Trouble || readFailure(error).status !== 401) throw toTrouble(error, asking);
	}
	try {
		return await ask(true);
	} catch (error) {
		throw toTrouble(error, asking);
	}
}

/** HTTP status of each gRPC code that Google documents. Source: google/rpc/code.proto. */
const STATUS_OF: Readonly<Record<number, number>> = {
	1: 499,
	2: 500,
	3: 400,
	4: 504,
	5: 404,
	6: 409,
	7: 403,
	8: 429,
	9: 400,
	10: 409,
	11: 400,
	12: 501,
	13: 500,
	14: 503,
	15: 500,
	16: 401,
};

const rest = z.object({
	status: z.number(),
	message: z.string(),
	response: z
		.object({
			data: z
				.object({
					error: z.object({
						message: z.string().nullish(),
						errors: z.array(z.object({ reason: z.string().nullish() })).nullish(),
						details: z.array(z.object({ reason: z.string().nullish() })).nullish(),
					}),
				})
				.nullish()
				.catch(undefined),
		})
		.nullish(),
});
const grpc = z.object({ code: z.number(), details: z.string(), reason: z.string().nullish() });

type Failure = { status: number | undefined; said: string; reasons: readonly string[]; late: boolean };

/** Both shapes: googleapis throws gaxios' error, the gRPC client one with a code. */
function readFailure(error: unknown): Failure {
	const overRest = rest.safeParse(error);
	if (overRest.success) {
		const { status, message, response } = overRest.data;
		const body = response?.data?.error;
		const reasons = [...(body?.errors ?? []), ...(body?.details ?? [])].flatMap(({ reason }) => reason ?? []);
		return { status, said: body?.message ?? message, reasons, late: status === 504 };
	}
	const overGrpc = grpc.safeParse(error);
	if (overGrpc.success) {
		const { code, details, reason } = overGrpc.data;
		return { status: STATUS_OF[code], said: details, reasons: reason ? [reason] : [], late: code === 4 };
	}
	const named = z.object({ code: z.unknown(), message: z.string() }).partial().safeParse(error);
	const late = named.success && (named.data.code === 'TimeoutError' || named.data.code === 'ABORT_ERR');
	return { status: undefined, said: (named.success && named.data.message) || '', reasons: [], late };
}

/** For what does not come through `callGoogle`. */
export function toTrouble(error: unknown, asking: Asking): Trouble {
	if (error instanceof Trouble) return error;
	const { status, said, reasons, late } = readFailure(error);
	const line = visible(clip(mask(said.split('\n', 1)[0] ?? ''), 300));
	const because = (pattern: RegExp): boolean => pattern.test(line) || reasons.some((reason) => pattern.test(reason));
	const options = { cause: error, ...(status === undefined ? {} : { status }) };
	// A 403 says five different things; only its reason or its words tell them apart.
	if (status === 403) {
		if (because(/has not been used in project|it is disabled|SERVICE_DISABLED|accessNotConfigured/))
			return disabled(asking, options);
		if (because(/organization's policy|VPC_SERVICE_CONTROLS|SECURITY_POLICY_VIOLATED/))
			return perimeter(asking, line, options);
		if (because(/BILLING_DISABLED|requires billing|billing account.*(?:disabled|not found)/i))
			return billing(asking, options);
		if (because(/rateLimitExceeded|quotaExceeded|RATE_LIMIT_EXCEEDED|Quota exceeded/i)) return quota(asking, options);
	}
	if (status === 401 || status === 403) return forbidden(asking, options);
	if (status === 429) return quota(asking, options);
	if (status === 404) return missing(asking, options);
	if (late) return timeout(asking, options);
	if (
		status === undefined ||
		(status === 503 && /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|No connection established|Name resolution/.test(line))
	)
		return unreachable(asking, error, line, options);
	return trouble(
		'upstream',
		'google failed',
		{
			en: `${asking.api} gave no usable answer (${status}) when asked for ${asking.what.en}.`,
			ja: `${asking.what.ja}について、${asking.api} から有効な応答がありませんでした（${status}）。`,
		},
		undefined,
		options,
	);
}

function forbidden({ what, permission, role, project }: Asking, options: TroubleOptions): Trouble {
	return trouble(
		'denied',
		'google forbidden',
		{ en: `The bot may not see ${what.en}.`, ja: `ボットには${what.ja}を参照する権限がありません。` },
		{
			en: `Its account needs ${permission}, which ${role} gives; an admin of ${project} grants it.`,
			ja: `ボットのアカウントに ${permission}（${role} に含まれます）が必要です。${project} の管理者が付与できます。`,
		},
		options,
	);
}

function disabled({ api, project, what }: Asking, options: TroubleOptions): Trouble {
	return trouble(
		'denied',
		'google api disabled',
		{
			en: `${api} is not enabled in ${project}, so ${what.en} cannot be read.`,
			ja: `プロジェクト ${project} で ${api} が有効になっていないため、${what.ja}を取得できません。`,
		},
		{
			en: `A project admin runs \`gcloud services enable ${api} --project=${project}\`.`,
			ja: `プロジェクト管理者が \`gcloud services enable ${api} --project=${project}\` を実行してください。`,
		},
		options,
	);
}

function perimeter({ api, what, project }: Asking, line: string, options: TroubleOptions): Trouble {
	const id = /vpcServiceControlsUniqueIdentifier:?\s*([\w-]{6,200})/.exec(line)?.[1];
	const which = id === undefined ? '' : ` (${id})`;
	return trouble(
		'denied',
		'google perimeter',
		{
			en: `VPC Service Controls keep the bot from ${what.en}${which}.`,
			ja: `VPC Service Controls により、${what.ja}へのアクセスが拒否されました${which}。`,
		},
		{
			en: `Run the bot inside the perimeter of ${project}, or let its account in with an ingress rule for ${api}.`,
			ja: `ボットを ${project} の境界内で実行するか、ボットのアカウントに ${api} への内向き（ingress）ルールを追加してください。`,
		},
		options,
	);
}

function billing({ project, what }: Asking, options: TroubleOptions): Trouble {
	return trouble(
		'denied',
		'google billing off',
		{
			en: `Billing is off in ${project}, so ${what.en} cannot be read.`,
			ja: `プロジェクト ${project} の課金が無効なため、${what.ja}を取得できません。`,
		},
		{
			en: `A billing admin links an open billing account: \`gcloud billing projects describe ${project}\` shows the state.`,
			ja: `請求管理者が有効な請求先アカウントを紐付けてください（状態は \`gcloud billing projects describe ${project}\` で確認できます）。`,
		},
		options,
	);
}

/** Google's own refusal, and our own before it comes to that (`clients/base/budget.ts`). */
export function quota({ api, project, what }: Asking, options: TroubleOptions = {}): Trouble {
	return trouble(
		'upstream',
		'google quota',
		{
			en: `The quota of ${api} in ${project} is used up for the moment, so ${what.en} was not read.`,
			ja: `${project} の ${api} の割り当てを一時的に使い切ったため、${what.ja}を取得しませんでした。`,
		},
		{ en: 'Try again in a minute.', ja: '1 分ほど待ってから再度お試しください。' },
		{ status: 429, ...options },
	);
}

/** An answer that no schema of ours takes. */
export function unreadable({ api }: Asking, cause?: unknown): Trouble {
	return new Trouble('upstream', 'google answer unreadable', `${api} answered in a form the bot does not know.`, {
		cause,
		ja: { message: `${api} の応答を解釈できませんでした。` },
	});
}

function missing({ what, project }: Asking, options: TroubleOptions): Trouble {
	return trouble(
		'user',
		'google missing',
		{ en: `There is no such thing in ${project}: ${what.en}.`, ja: `${project} に存在しません: ${what.ja}` },
		undefined,
		options,
	);
}

function timeout({ api, what }: Asking, options: TroubleOptions): Trouble {
	return trouble(
		'upstream',
		'google timeout',
		{
			en: `${api} gave no answer in time when asked for ${what.en}.`,
			ja: `${what.ja}について、${api} から時間内に応答がありませんでした。`,
		},
		undefined,
		options,
	);
}

function unreachable({ api, what }: Asking, error: unknown, line: string, options: TroubleOptions): Trouble {
	const code = toFailure(error).code ?? /ECONNREFUSED|ENOTFOUND|EAI_AGAIN/.exec(line)?.[0];
	const named = code === undefined ? '' : ` (${code})`;
	return trouble(
		'upstream',
		'google unreachable',
		{
			en: `${api} cannot be reached from where the bot runs${named}, so ${what.en} was not read.`,
			ja: `ボットの実行環境から ${api} に接続できないため${named}、${what.ja}を取得できませんでした。`,
		},
		{
			en: 'It needs a way out: DNS, Private Google Access or NAT, and a firewall that lets TCP 443 through.',
			ja: 'DNS、限定公開の Google アクセスまたは NAT、TCP 443 を許可するファイアウォールをご確認ください。',
		},
		options,
	);
}

function trouble(
	kind: 'user' | 'denied' | 'upstream',
	label: string,
	message: Text,
	hint: Text | undefined,
	options: TroubleOptions,
): Trouble {
	return new Trouble(kind, label, message.en, {
		...options,
		...(hint === undefined ? {} : { hint: hint.en }),
		ja: { message: message.ja, ...(hint === undefined ? {} : { hint: hint.ja }) },
	});
}
