import { z } from 'zod';
import { retryAfterMs, type HttpAnswer, type HttpFailure } from '../base/http.ts';
import { mask } from '../../domain/mask.ts';
import { Trouble, type TroubleKind, type TroubleOptions } from '../../domain/errors.ts';
import { clip, visible, type Text } from '../../domain/text.ts';

/** What was asked of which Airflow, as far as a sentence about its failure needs it. */
export type Call = {
	doing: Doing;
	method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
	base: URL;
	auth: 'basic' | 'jwt' | 'google';
	/** Undefined while the generation is being found out. */
	api: 1 | 2 | undefined;
	/** Whom Airflow should take us for. */
	who?: string | undefined;
	dag?: string | undefined;
	/**
	 * Whether these credentials were accepted for something else. v1 answers 403 with `detail: null` both to wrong
	 * credentials and to a role that is too small, so the answer alone does not tell them apart.
	 */
	known?: boolean | undefined;
};

/** Everything the client does, as the end of "I could not …". */
const DOING = {
	'sign in': { en: 'sign in to Airflow', ja: 'Airflow へのサインイン' },
	'find out the version': { en: 'tell its version', ja: 'バージョンの確認' },
	health: { en: 'read its health', ja: '稼働状況の取得' },
	'list dags': { en: 'list the DAGs', ja: 'DAG 一覧の取得' },
	'read dag': { en: 'read the DAG', ja: 'DAG の取得' },
	trigger: { en: 'start a DAG run', ja: 'DAG 実行の開始' },
	'read run': { en: 'read the DAG run', ja: 'DAG 実行の取得' },
	'list runs': { en: 'list the DAG runs', ja: 'DAG 実行一覧の取得' },
	'read tasks': { en: 'read the task instances', ja: 'タスクインスタンスの取得' },
	'read log': { en: 'read the task log', ja: 'タスクログの取得' },
	'read import errors': { en: 'read the import errors', ja: 'インポートエラーの取得' },
	'read event log': { en: 'read the event log', ja: 'イベントログの取得' },
	'read pools': { en: 'read the pools', ja: 'プールの取得' },
	'read config': { en: 'read its configuration', ja: '設定の取得' },
	'dry run': { en: 'show what it would clear', ja: 'クリア対象の確認' },
	clear: { en: 'clear task instances', ja: 'タスクインスタンスのクリア' },
	'change run': { en: 'change the DAG run', ja: 'DAG 実行の変更' },
	'pause dag': { en: 'pause or unpause the DAG', ja: 'DAG の一時停止・再開' },
} as const satisfies Record<string, Text>;
export type Doing = keyof typeof DOING;

/** What may have taken effect although no answer came. Some questions are POSTs too. */
const CHANGES: ReadonlySet<Doing> = new Set<Doing>(['trigger', 'clear', 'change run', 'pause dag']);

// v1: RFC 7807 problem; v2: FastAPI's detail, which is text, an object, or a list of field errors.
const problem = z.object({
	/** `about:blank` when Airflow's router knows no such path. */
	type: z.string().nullish(),
	error: z.string().nullish(),
	detail: z
		.union([
			z.string(),
			z.array(z.object({ loc: z.array(z.union([z.string(), z.number()])), msg: z.string() })),
			z.object({ reason: z.string().nullish() }),
		])
		.nullish(),
});
type Problem = z.output<typeof problem>;

/** The one place where an answer that is no success, or no answer, becomes a Trouble. `now`: epoch milliseconds. */
export function toTrouble(call: Call, got: HttpAnswer | HttpFailure, now: number): Trouble {
	return got.kind === 'failure' ? ofFailure(call, got) : ofAnswer(call, got, now);
}

/** Labels of the answers that may only mean that the address or the generation changed: asked again once. */
export const MOVED: ReadonlySet<string> = new Set([
	'airflow api missing',
	'airflow api removed',
	'airflow method not allowed',
	'airflow login page',
	'airflow web page',
]);
/** Nobody is there at all: the address may have changed. */
export const GONE: ReadonlySet<string> = new Set(['airflow address unknown', 'airflow connection refused']);

type Words = { en: string; ja: string };

function trouble(
	kind: TroubleKind,
	label: string,
	message: Words,
	hint: Words | undefined,
	options: TroubleOptions = {},
): Trouble {
	return new Trouble(kind, label, message.en, {
		...options,
		...(hint ? { hint: hint.en } : {}),
		ja: hint ? { message: message.ja, hint: hint.ja } : { message: message.ja },
	});
}

function ofFailure(call: Call, failure: HttpFailure): Trouble {
	const host = call.base.host;
	const outcome = failure.sent && CHANGES.has(call.doing) ? 'unknown' : 'none';
	const options: TroubleOptions = { outcome, cause: failure.cause };
	const doing = DOING[call.doing];
	switch (failure.why) {
		case 'timeout':
			return trouble(
				'upstream',
				'airflow timeout',
				{
					en: `Airflow at ${host} gave no answer in time when asked to ${doing.en}.`,
					ja: `${host} の Airflow から時間内に応答がありませんでした（${doing.ja}）。`,
				},
				{
					en: 'Its web server may be overloaded (more web server CPU or memory helps) or the network drops the packets (firewall, private IP).',
					ja: 'Web サーバーの過負荷（CPU・メモリの増強が有効です）、またはネットワークでの遮断（ファイアウォール、プライベート IP）が考えられます。',
				},
				options,
			);
		case 'dns':
			return trouble(
				'upstream',
				'airflow address unknown',
				{ en: `The name ${host} does not exist in DNS.`, ja: `${host} という名前が DNS で見つかりません。` },
				addressHint(call),
				options,
			);
		case 'refused':
			return trouble(
				'upstream',
				'airflow connection refused',
				{ en: `Nothing listens at ${host}.`, ja: `${host} への接続が拒否されました。` },
				{
					en: 'The web server is down or restarting, or the port in the settings is wrong.',
					ja: 'Web サーバーが停止中か再起動中、または設定のポートが誤っています。',
				},
				options,
			);
		case 'unreachable':
			return trouble(
				'upstream',
				'airflow unreachable',
				{ en: `There is no way from here to ${host}.`, ja: `ここから ${host} へ到達できません。` },
				{
					en: 'The bot must run where the web server can be reached: a private IP environment is only reachable from its network. https to a port that speaks plain http looks the same.',
					ja: 'ボットは Web サーバーへ到達できる場所で動かす必要があります。プライベート IP 環境へは、そのネットワークからしか到達できません。平文 HTTP のポートに https で接続した場合も同じ症状になります。',
				},
				options,
			);
		case 'tls':
			return trouble(
				'upstream',
				'airflow certificate refused',
				{
					en: `The TLS connection to ${host} failed (${failure.code ?? 'no code'}).`,
					ja: `${host} との TLS 接続に失敗しました（${failure.code ?? 'コードなし'}）。`,
				},
				{
					en: 'If its certificate is from your own authority, give the bot NODE_EXTRA_CA_CERTS; if the server speaks plain http, write http:// in the settings.',
					ja: '独自の認証局の証明書であれば NODE_EXTRA_CA_CERTS を設定してください。平文の HTTP であれば、設定に http:// と書いてください。',
				},
				options,
			);
		case 'too-large':
			return trouble(
				'upstream',
				'airflow answer too large',
				{
					en: `The answer of Airflow at ${host} is larger than the bot reads.`,
					ja: `${host} の Airflow の応答が、ボットの読み取り上限を超えました。`,
				},
				undefined,
				options,
			);
		default:
			return trouble(
				'upstream',
				'airflow connection lost',
				{
					en: `The connection to Airflow at ${host} broke when asked to ${doing.en}.`,
					ja: `${host} の Airflow との接続が切れました（${doing.ja}）。`,
				},
				{
					en: 'The web server may have restarted, or a proxy in between closed the connection.',
					ja: 'Web サーバーの再起動、または途中のプロキシによる切断が考えられます。',
				},
				options,
			);
	}
}

function ofAnswer(call: Call, answer: HttpAnswer, now: number): Trouble {
	const status = answer.status;
	if (status === 429 || status >= 500) return ofBusyServer(call, answer, now);
	if (status >= 300 && status < 400) return ofRedirect(call, answer);
	const said = readProblem(answer);
	if (status === 401 || status === 403) return ofRefusal(call, answer, said);
	if (status === 404 || status === 405) return ofMissing(call, answer, said);
	if (answer.contentType === 'text/html') return webPage(call, status);
	const options: TroubleOptions = { status };
	const doing = DOING[call.doing];
	if (status === 409 && call.doing === 'trigger')
		// Its body holds the whole INSERT statement (Airflow 3): never shown.
		return trouble(
			'user',
			'airflow run exists',
			{
				en: 'This DAG already has a run with this id or this logical date.',
				ja: 'この DAG には、同じ ID または同じ論理日時の実行がすでにあります。',
			},
			{ en: 'Choose another --date, or leave it out.', ja: '別の --date を指定するか、省略してください。' },
			options,
		);
	if (status === 409)
		return trouble(
			'user',
			'airflow conflict',
			{
				en: `Airflow refused to ${doing.en}: its state does not allow it just now.`,
				ja: `現在の状態では実行できないと Airflow が応答しました（${doing.ja}）。`,
			},
			undefined,
			options,
		);
	if (status === 415 || status === 406)
		return trouble(
			'bug',
			'airflow content type refused',
			{
				en: `Airflow at ${call.base.host} does not take the content type that was sent (${status}).`,
				ja: `${call.base.host} の Airflow がコンテンツタイプを受け付けませんでした（${status}）。`,
			},
			{
				en: 'A proxy in between may change headers.',
				ja: '途中のプロキシがヘッダーを書き換えている可能性があります。',
			},
			options,
		);
	if (status === 400 || status === 422) {
		const detail = detailOf(said);
		return trouble(
			'user',
			'airflow request refused',
			{
				en: `Airflow refused to ${doing.en}${detail === undefined ? '.' : `: ${detail}`}`,
				ja: `Airflow がリクエストを受け付けませんでした（${doing.ja}）${detail === undefined ? '。' : `: ${detail}`}`,
			},
			call.doing === 'trigger'
				? {
						en: "Check the values against the DAG's params.",
						ja: 'DAG の params に合う値かどうかをご確認ください。',
					}
				: undefined,
			options,
		);
	}
	if (status < 300) return unreadable(call);
	return trouble(
		'upstream',
		'airflow answer unexpected',
		{
			en: `Airflow at ${call.base.host} answered ${status} when asked to ${doing.en}.`,
			ja: `${call.base.host} の Airflow が ${status} を返しました（${doing.ja}）。`,
		},
		undefined,
		options,
	);
}

function ofBusyServer(call: Call, answer: HttpAnswer, now: number): Trouble {
	const host = call.base.host;
	const wait = retryAfterMs(answer.headers, now);
	const options: TroubleOptions = {
		status: answer.status,
		...(wait === undefined ? {} : { retryAfterMs: wait }),
	};
	if (answer.status === 429)
		return trouble(
			'upstream',
			'airflow too many requests',
			{ en: `Airflow at ${host} asks for fewer requests.`, ja: `${host} の Airflow がリクエスト過多と応答しました。` },
			undefined,
			options,
		);
	return trouble(
		'upstream',
		'airflow server error',
		{
			en: `Airflow at ${host} failed inside (${answer.status}) when asked to ${DOING[call.doing].en}.`,
			ja: `${host} の Airflow で内部エラーが起きました（${answer.status}、${DOING[call.doing].ja}）。`,
		},
		{
			en: 'The web server may be starting, out of memory, or without its database: see its log.',
			ja: 'Web サーバーの起動中、メモリ不足、またはデータベースに接続できない状態が考えられます。Web サーバーのログをご確認ください。',
		},
		{ ...options, outcome: CHANGES.has(call.doing) ? 'unknown' : 'none' },
	);
}

function ofRedirect(call: Call, answer: HttpAnswer): Trouble {
	const target = URL.parse(answer.headers.get('location') ?? '', call.base.href);
	const options: TroubleOptions = { status: answer.status };
	if (target && (target.host === 'accounts.google.com' || /\/(login|signin|auth|oauth)/i.test(target.pathname)))
		return loginPage(call, options);
	const to = target ? visible(clip(target.origin, 200)) : undefined;
	return trouble(
		'denied',
		'airflow address moved',
		{
			en: `${call.base.host} sends the bot elsewhere${to === undefined ? '' : ` (${to})`}; with its password or token it does not follow.`,
			ja: `${call.base.host} が別の場所${to === undefined ? '' : `（${to}）`}へリダイレクトしました。認証情報を持つため、ボットはたどりません。`,
		},
		addressHint(call),
		options,
	);
}

function loginPage(call: Call, options: TroubleOptions): Trouble {
	const message: Words = {
		en: `${call.base.host} sends the bot to a sign-in page instead of answering.`,
		ja: `${call.base.host} が応答の代わりにサインインページへ誘導しました。`,
	};
	return trouble(
		'denied',
		'airflow login page',
		message,
		call.auth === 'google' ? TOKEN_KIND : credentialsHint(call),
		options,
	);
}

function webPage(call: Call, status: number): Trouble {
	return trouble(
		'upstream',
		'airflow web page',
		{
			en: `${call.base.host} answered with a web page (${status}) instead of data.`,
			ja: `${call.base.host} がデータではなく Web ページ（${status}）を返しました。`,
		},
		addressHint(call),
		{ status },
	);
}

const TOKEN_KIND: Words = {
	en: 'Composer 2 and 3 want an OAuth2 access token with the scope cloud-platform; an OIDC ID token (as for IAP and Composer 1) is refused. The account also needs roles/composer.user on the project: a project admin grants it.',
	ja: 'Composer 2/3 にはスコープ cloud-platform の OAuth2 アクセストークンが必要です。OIDC の ID トークン（IAP や Composer 1 用）は拒否されます。また、アカウントにはプロジェクトの roles/composer.user が必要です（付与はプロジェクト管理者が行います）。',
};

function credentialsHint(call: Call): Words {
	if (call.auth === 'google') return TOKEN_KIND;
	if (call.auth === 'jwt')
		return {
			en: 'Check the user name and password in the settings; the user must exist in the auth manager of this Airflow.',
			ja: '設定のユーザー名とパスワードをご確認ください。この Airflow の認証マネージャーにユーザーが存在する必要があります。',
		};
	return {
		en: 'Check the user name and password in the settings; if they are right, an Airflow admin must put airflow.api.auth.backend.basic_auth into [api] auth_backends (session alone, or deny_all, refuses every API call). Airflow 3 takes no basic auth: use jwt.',
		ja: '設定のユーザー名とパスワードをご確認ください。正しい場合は、Airflow 管理者が [api] auth_backends に airflow.api.auth.backend.basic_auth を加える必要があります（session のみ、または deny_all では API がすべて拒否されます）。Airflow 3 では basic 認証は使えないため、jwt をお使いください。',
	};
}

function ofRefusal(call: Call, answer: HttpAnswer, said: Problem | undefined): Trouble {
	const host = call.base.host;
	const status = answer.status;
	const options: TroubleOptions = { status };
	const who = call.who === undefined ? 'the bot' : visible(clip(call.who, 120));
	const whoJa = call.who === undefined ? 'ボット' : who;
	const detail = typeof said?.detail === 'string' ? said.detail : plainText(answer);

	if (detail !== undefined && /unable to register|account inactive|inactive user/i.test(detail))
		return trouble(
			'denied',
			'airflow user not registered',
			{
				en: `Airflow at ${host} has no active user for ${who} and could not make one.`,
				ja: `${host} の Airflow に ${whoJa} の有効なユーザーがなく、自動登録もできませんでした。`,
			},
			{
				en: 'An Airflow admin registers it by its numeric id: `gcloud iam service-accounts describe SA --format="value(oauth2ClientId)"`, then `gcloud composer environments run ENV --location L users create -- -u accounts.google.com:NUMERIC_ID -e EMAIL -f NAME -l - -r ROLE --use-random-password`. It cannot happen by itself when the e-mail is longer than 64 characters (older Airflow), when another user has the same e-mail, or when the user was deactivated.',
				ja: 'Airflow 管理者が数値 ID で登録してください: `gcloud iam service-accounts describe SA --format="value(oauth2ClientId)"` の後、`gcloud composer environments run ENV --location L users create -- -u accounts.google.com:NUMERIC_ID -e EMAIL -f NAME -l - -r ROLE --use-random-password`。メールアドレスが 64 文字を超える場合（古い Airflow）、同じメールアドレスの別ユーザーがいる場合、ユーザーが無効化されている場合は、自動登録されません。',
			},
			options,
		);

	// A page, not Airflow's JSON: it was the proxy in front that refused.
	if (answer.contentType === 'text/html' && call.auth === 'google')
		return trouble(
			'denied',
			status === 401 ? 'airflow unauthenticated' : 'airflow refused at the door',
			{
				en: `Google's proxy in front of ${host} refused ${who} (${status}) before Airflow was asked.`,
				ja: `${host} の手前にある Google のプロキシが ${whoJa} を拒否しました（${status}）。Airflow には届いていません。`,
			},
			status === 401
				? TOKEN_KIND
				: {
						en: 'Two things do this: the account lacks roles/composer.user on the project (a project admin grants it), or the web server network access control of the environment does not list the address the bot calls from (IPv4 and IPv6).',
						ja: '原因は 2 つ考えられます。アカウントにプロジェクトの roles/composer.user がない（プロジェクト管理者が付与します）、または環境の「ウェブサーバーのネットワークアクセス制御」にボットの接続元アドレス（IPv4 と IPv6）が含まれていません。',
					},
			options,
		);

	// v1 answers 403 with `detail: null` when the credentials are wrong and when the role is too small (seen on 2.11.2);
	// deny_all answers a bare `Forbidden`.
	const unknownUser =
		status === 401 ||
		(call.api === 1 && call.known !== true && typeof said?.detail !== 'string') ||
		(detail !== undefined && /invalid jwt|token/i.test(detail));
	if (unknownUser)
		return trouble(
			'denied',
			'airflow unauthenticated',
			{
				en: `Airflow at ${host} does not know ${who} (${status}).`,
				ja: `${host} の Airflow が ${whoJa} を認証できませんでした（${status}）。`,
			},
			credentialsHint(call),
			options,
		);

	const doing = DOING[call.doing];
	if (call.doing === 'read config' && /not to expose the configuration/.test(detail ?? ''))
		return trouble(
			'denied',
			'airflow config hidden',
			{
				en: `Airflow at ${host} does not show its configuration.`,
				ja: `${host} の Airflow は設定を公開していません。`,
			},
			{
				en: `Set \`[${call.api === 1 ? 'webserver' : 'api'}] expose_config = non-sensitive-only\`.`,
				ja: `\`[${call.api === 1 ? 'webserver' : 'api'}] expose_config = non-sensitive-only\` を設定してください。`,
			},
			options,
		);
	const what = call.dag === undefined ? '' : ` of ${visible(call.dag)}`;
	return trouble(
		'denied',
		'airflow forbidden',
		{
			en: `Airflow does not let ${who} ${doing.en}${what}.`,
			ja: `Airflow での権限が ${whoJa} にありません（${doing.ja}${call.dag === undefined ? '' : `: ${visible(call.dag)}`}）。`,
		},
		{
			en: `An Airflow admin gives ${who} a role that may do it (Op may run and clear everything; Viewer only reads)${call.auth === 'google' ? ': on Composer new API users get the role of [api] composer_auth_user_registration_role' : ''}.`,
			ja: `Airflow 管理者が、必要な権限を持つロールを ${whoJa} に付与してください（Op は実行とクリアが可能、Viewer は閲覧のみです）${call.auth === 'google' ? '。Composer では、新しい API ユーザーのロールは [api] composer_auth_user_registration_role で決まります' : ''}。`,
		},
		options,
	);
}

function ofMissing(call: Call, answer: HttpAnswer, said: Problem | undefined): Trouble {
	const host = call.base.host;
	const status = answer.status;
	const options: TroubleOptions = { status };
	if (call.doing === 'sign in')
		return trouble(
			'denied',
			'airflow token endpoint missing',
			{
				en: `${host} hands out no tokens (POST /auth/token: ${status}).`,
				ja: `${host} はトークンを発行していません（POST /auth/token: ${status}）。`,
			},
			{
				en: 'It is an Airflow 2 (use `basic`), or its auth manager has no such endpoint (Composer: use `google`).',
				ja: 'Airflow 2（`basic` をお使いください）であるか、認証マネージャーがこの機能を持っていません（Composer では `google` をお使いください）。',
			},
			options,
		);
	if (said?.error && /has been removed in Airflow 3/.test(said.error))
		return trouble(
			'upstream',
			'airflow api removed',
			{
				en: `${host} is Airflow 3 now: its REST API v1 is gone.`,
				ja: `${host} は Airflow 3 になっており、REST API v1 は廃止されています。`,
			},
			{
				en: 'The bot asks for the version again by itself. Airflow 3 takes no basic auth: use jwt, or google on Composer.',
				ja: 'ボットは自動でバージョンを確認し直します。Airflow 3 では basic 認証が使えません。jwt、Composer では google をお使いください。',
			},
			options,
		);
	if (status === 405)
		return trouble(
			'upstream',
			'airflow method not allowed',
			{
				en: `${host} does not take a ${call.method} there (405): an Airflow 3 says so to calls of the old API.`,
				ja: `${host} が ${call.method} を受け付けません（405）。旧 API の呼び出しに対する Airflow 3 の応答です。`,
			},
			addressHint(call),
			options,
		);
	// JSON with a detail is Airflow speaking about the object; anything else is something that is not its API.
	if (
		said !== undefined &&
		said.error !== 'API route not found' &&
		said.type !== 'about:blank' &&
		answer.contentType !== 'text/html'
	)
		return trouble(
			'user',
			'airflow object missing',
			call.dag === undefined
				? { en: 'Airflow knows nothing of that name.', ja: 'その名前のものは Airflow にありません。' }
				: {
						en: `Airflow knows no DAG ${visible(call.dag)}, or the bot may not see it.`,
						ja: `Airflow に DAG ${visible(call.dag)} がないか、ボットに閲覧権限がありません。`,
					},
			undefined,
			options,
		);
	return noApi(call);
}

/** Neither generation's API is there. */
export function noApi(call: Call): Trouble {
	const { host } = call.base;
	return trouble(
		'upstream',
		'airflow api missing',
		{
			en: `There is no Airflow REST API at ${host}${call.base.pathname === '/' ? '' : call.base.pathname} (404).`,
			ja: `${host}${call.base.pathname === '/' ? '' : call.base.pathname} に Airflow の REST API がありません（404）。`,
		},
		addressHint(call),
		{ status: 404 },
	);
}

function addressHint(call: Call): Words {
	return call.auth === 'google'
		? {
				en: 'The address of a Composer environment changes when it is made anew: see `gcloud composer environments describe ENV --location L --format="value(config.airflowUri)"`. Name project, location and environment in the settings and the bot follows it by itself.',
				ja: 'Composer 環境のアドレスは、環境を作り直すと変わります。`gcloud composer environments describe ENV --location L --format="value(config.airflowUri)"` でご確認ください。設定に project、location、環境名を書くと、ボットが自動で追従します。',
			}
		: {
				en: 'Check `url` in the settings: the address of the web server (Airflow 3: the API server) as in the browser, without /home or /api.',
				ja: '設定の `url` をご確認ください。ブラウザーで開く Web サーバー（Airflow 3 では API サーバー）のアドレスで、/home や /api は含めません。',
			};
}

/** A success whose body is not what Airflow's documents say. After a change, it did take effect: ask, do not repeat. */
export function unreadable(call: Call, cause?: unknown): Trouble {
	return trouble(
		'upstream',
		'airflow answer unreadable',
		{
			en: `Airflow at ${call.base.host} answered in a form the bot does not know when asked to ${DOING[call.doing].en}.`,
			ja: `${call.base.host} の Airflow の応答を解釈できませんでした（${DOING[call.doing].ja}）。`,
		},
		{
			en: 'It may be a newer Airflow than the bot knows, or a proxy that answers in its place.',
			ja: 'ボットが対応していない新しい Airflow か、代わりに応答するプロキシがある可能性があります。',
		},
		{ outcome: CHANGES.has(call.doing) ? 'unknown' : 'none', cause },
	);
}

export function noGoogleToken(cause: unknown): Trouble {
	return trouble(
		'denied',
		'google credentials missing',
		{
			en: 'The bot could not get a Google access token for itself.',
			ja: 'ボット自身の Google アクセストークンを取得できませんでした。',
		},
		{
			en: 'On Google Cloud, attach a service account to where it runs (Workload Identity on GKE); elsewhere set GOOGLE_APPLICATION_CREDENTIALS or run `gcloud auth application-default login`.',
			ja: 'Google Cloud 上では実行環境にサービスアカウントを割り当ててください（GKE では Workload Identity）。それ以外では GOOGLE_APPLICATION_CREDENTIALS を設定するか、`gcloud auth application-default login` を実行してください。',
		},
		{ cause },
	);
}

/** An id that may not stand in a path. It is the asker's typing, so it is shown. */
export function badId(what: 'DAG' | 'run' | 'task', id: string): Trouble {
	const shown = visible(clip(id, 80));
	return trouble(
		'user',
		'airflow id malformed',
		{
			en: `“${shown}” is no ${what} id.`,
			ja: `「${shown}」は ${what === 'DAG' ? 'DAG' : what === 'run' ? '実行' : 'タスク'} ID ではありません。`,
		},
		{
			en: `Letters, digits, _ . -${what === 'run' ? ' : + ~' : ''}, at most 250.`,
			ja: `使える文字は、文字・数字・_ . -${what === 'run' ? ' : + ~' : ''} で、250 文字までです。`,
		},
	);
}

function readProblem(answer: HttpAnswer): Problem | undefined {
	if (answer.contentType === 'text/html') return undefined;
	let json: unknown;
	try {
		json = JSON.parse(answer.text);
	} catch {
		return undefined;
	}
	const read = problem.safeParse(json);
	return read.success ? read.data : undefined;
}

function plainText(answer: HttpAnswer): string | undefined {
	return answer.contentType === 'text/html' ? undefined : clip(answer.text, 500);
}

/** The first line, made safe to show: jsonschema's errors go on for pages. */
function detailOf(said: Problem | undefined): string | undefined {
	const detail = said?.detail;
	const text = Array.isArray(detail)
		? detail.map(({ loc, msg }) => [loc.filter((part) => part !== 'body').join('.'), msg].join(': ')).join('; ')
		: typeof detail === 'string'
			? detail
			: detail?.reason;
	const line = text?.trim().split(/[\r\n\u2028\u2029]/, 1)[0];
	return line ? visible(clip(mask(line), 300)) : undefined;
}
