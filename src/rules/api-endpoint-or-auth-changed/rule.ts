import { defineRule, line } from '../../domain/rule.ts';
import {
	CALLS_AIRFLOW,
	CALL_LITERALS,
	REFUSAL_LITERALS,
	answered,
	isOwnAirflow,
	refusedByAirflow,
} from '../_parts/airflowApi.ts';
import { gcloud, resource } from '../_parts/iam.ts';
import { forGeneration, grantOnProject, hcl, inLang, names, python, quoted, say, sh } from '../_parts/steps.ts';
import { confirmed } from '../_parts/said.ts';
import { strongest } from '../_parts/weigh.ts';

export default defineRule({
	id: 'api-endpoint-or-auth-changed',
	category: 'api-access',
	title: {
		en: 'The caller uses an URL, API version or token that this Airflow no longer takes',
		ja: '呼び出し側の URL、API バージョン、またはトークンが、この Airflow では使えません',
	},
	looks: {
		en: 'Triggering from outside broke after an upgrade: 404 or 405 on /api/experimental or /api/v1, 422 on logical_date, a login page or an IAP error instead of JSON, or a host that no longer resolves.',
		ja: 'アップグレード後に外部からの起動が失敗するようになりました。/api/experimental や /api/v1 への 404・405、logical_date の 422、JSON ではなくログイン ページや IAP のエラー、名前解決できないホストなどです。',
	},
	confused: {
		en: 'A right URL and a right kind of token, but an unknown or powerless user, is api-user-not-registered. 502 and 503 are an unhealthy web server; no answer at all can be the web server’s network access list. A 409 is a run that exists already. “DAG … not found” is the DAG.',
		ja: 'URL もトークンの種類も正しく、利用者が未登録か権限不足なら api-user-not-registered です。502・503 は Web サーバーの異常、応答がまったくない場合は Web サーバーのネットワーク アクセス制御の可能性があります。409 は既存の実行、「DAG … not found」は DAG の問題です。',
	},
	signatures: [
		line('has been removed in Airflow 3', /\/api\/v1 has been removed in Airflow 3/, 'proof'),
		line(
			'/api/experimental/',
			/(?:\b(?<method>GET|POST|PUT|DELETE) |for url: |\burl[=:] ?)(?:https?:\/\/[^\s"'<>/]{1,200})?(?<path>\/api\/experimental\/[^\s"'<>]{1,300})/,
		),
		line(REFUSAL_LITERALS, refusedByAirflow('30[12378]|404|405|406|415|422|400')),
		// The access log of the API server or web server: somebody still asks the old way.
		line(
			['/api/experimental/', '/api/v1/'],
			/"(?<method>GET|POST|PUT|PATCH|DELETE) (?<path>\/api\/(?:experimental\/[^\s"]{1,300}|v1\/[^\s"]{1,300}(?=[^"]{1,20}" 405))) HTTP\/[\d.]{1,3}" (?<status>40[45])\b/,
		),
		line('<title>Airflow 404', /<title>Airflow 404/),
		// Airflow 3 wants the key, null or not, and refuses the old one.
		line('logical_date', /["']loc["']: ?\[["']body["'], ?["'](?<field>logical_date)["']\]/),
		line(
			'extra_forbidden',
			/extra_forbidden["'].{0,60}["']loc["']: ?\[["']body["'], ?["'](?<field>execution_date|[\w]{1,60})["']\]/,
		),
		line("is not a 'date-time' - '", /is not a 'date-time' - '(?<field>logical_date|execution_date)'/),
		line("['Unknown field.']", /"detail": ?"\{'(?<field>\w{1,60})': \['Unknown field\.'\]/),
		line('Invalid Content-type (', /Invalid Content-type \([^)]{0,80}\), expected JSON data/),
		line('since it is reserved for', /A manual DAG run cannot use ID .{1,260} since it is reserved for/),
		// An OIDC id token, or none, in front of IAP (Composer 1) or the other way round.
		line('Invalid IAP credentials', /Invalid IAP credentials/),
		line("JWT audience doesn't match", /JWT audience doesn't match this application/),
		line('Invalid JWT token', /["'](?:detail|message)["']: ?["']Invalid JWT token["']/),
		// Composer 1 web servers, unusable since 2026-09-15.
		line('-tp.appspot.com', /(?<host>(?<![\w-])[\w-]{5,80}-tp\.appspot\.com)/),
		// The host is made anew with every environment, so an old URL stops resolving.
		line(
			'.composer.googleusercontent.com',
			/(?:Failed to resolve ['"]|Could not resolve host:? |Name or service not known.{0,80}|nodename nor servname.{0,80}|getaddrinfo \w{5,20} )(?<host>[\w-]{1,80}\.composer\.googleusercontent\.com)/,
		),
		line(
			"(host='",
			/host='(?<host>[\w-]{1,80}\.composer\.googleusercontent\.com)'.{0,300}(?:NameResolutionError|Name or service not known|name resolution)/,
		),
		line(
			['accounts.google.com/o/oauth2', 'accounts.google.com/v3/signin', 'accounts.google.com/ServiceLogin'],
			/(?:[Ll]ocation: |for url: |href=["'])https:\/\/accounts\.google\.com\/(?:o\/oauth2|v3\/signin|ServiceLogin)/,
			'weak',
		),
		line(
			'airflow_client.client.exceptions.',
			/airflow_client\.client\.exceptions\.(?:NotFoundException|BadRequestException|UnprocessableEntityException|ServiceException): \((?<status>4\d\d)\)/,
		),
		line('openapi_client.ApiException', /openapi_client\.ApiException: \((?<status>404|405|422)\)/, 'weak'),
		// Two halves of a conversation: which API was called, and what it answered.
		line(CALL_LITERALS, CALLS_AIRFLOW, 'weak'),
		line(
			['HTTP/1.1 4', 'HTTP/2 4', '-> 404 ', '-> 405 ', '-> 406 ', '-> 415 ', '-> 422 ', '-> 400 '],
			answered('404|405|406|415|422|400'),
			'weak',
		),
		// Only beside an IAP answer: by itself a 401 is about the user.
		line(REFUSAL_LITERALS, refusedByAirflow('401|403'), 'weak'),
		line('Method Not Allowed', /["'](?:detail|title)["']: ?["']Method Not Allowed["']/, 'weak'),
	],
	// Whether the DAG is there is another question than whether the address is right.
	asks: ["DAG with dag_id: '", 'The Dag with ID: `'],
	yieldsTo: ['dagrun-already-exists', 'dag-missing-on-worker'],
	weigh(hits, scene) {
		// A line of an access log holds its own answer.
		const called = hits.find(
			(hit) =>
				hit.facts['path'] !== undefined && hit.signature.says === 'weak' && !/HTTP\/[\d.]{1,3}" \d/.test(hit.text),
		);
		const answer = hits.find(
			(hit) =>
				hit.signature.says === 'weak' &&
				(hit.text.includes('Method Not Allowed') || !['401', '403', undefined].includes(hit.facts['status'])),
		);
		const strong = hits.filter((hit) => hit.signature.says !== 'weak');
		const old = strong.find((hit) => hit.facts['path']?.startsWith('/api/experimental/'));
		// An old path alone is no failure: somebody else may have logged that it was called.
		const decisive = strong.filter(
			(hit) =>
				hit !== old || answer !== undefined || strong.length > 1 || scene.ended === 'failed' || scene.kind === 'api',
		);
		if (decisive.length === 0) {
			if (!called || !answer) return undefined;
			const both = strongest([called, answer]);
			return both && { ...both, says: 'strong' };
		}
		// What refused a strange body could be any connexion or FastAPI service.
		const generic = /\['Unknown field\.'\]|Invalid Content-type|extra_forbidden|Invalid JWT token/;
		const surely =
			decisive.some((hit) => !generic.test(hit.text)) ||
			called !== undefined ||
			hits.some((hit) => hit.text.includes('airflow'));
		const weighing = strongest(surely ? [...decisive, ...(called ? [called] : [])] : decisive);
		if (!weighing) return undefined;
		const noDag = scene.has("DAG with dag_id: '") || scene.has('The Dag with ID: `');
		if (noDag && decisive.every((hit) => hit.facts['status'] === '404')) return { ...weighing, says: 'weak' };
		return surely ? weighing : { ...weighing, says: 'weak' };
	},
	reads: ['environment'],
	decides: ['environment'],
	verify({ environment }, { facts, told }) {
		const { airflowUri, airflowVersion } = environment ?? {};
		if (told === undefined || airflowVersion === undefined || !isOwnAirflow(facts['url'], airflowUri)) return undefined;
		const api = /\/api\/(experimental|v\d)(?:\/|$)/.exec(facts['url'] ?? '')?.[1];
		const speaks = airflowVersion.startsWith('3') ? 'v2' : 'v1';
		if (api === undefined || api === speaks) return undefined;
		if (api === 'experimental' && /^true$/i.test(environment?.overrides?.['api-enable_experimental_api'] ?? ''))
			return undefined;
		return confirmed(
			'environment',
			`it calls \`/api/${api}\` of this environment, which runs Airflow ${airflowVersion} and speaks \`/api/${speaks}\`.`,
			`この環境の \`/api/${api}\` を呼び出していますが、Airflow ${airflowVersion} の API は \`/api/${speaks}\` です。`,
		);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const own = names(env);
		// Composer 2 only runs Airflow 2.
		const airflow3 =
			env.generation === 'composer-2'
				? false
				: env.airflowVersion === undefined
					? undefined
					: env.airflowVersion.startsWith('3');
		const url = env.airflowUri;
		const v2 = python([
			'import google.auth',
			'from google.auth.transport.requests import AuthorizedSession',
			'',
			'# An OAuth2 access token, not an OIDC id token: no client id, no fetch_id_token.',
			'credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])',
			'session = AuthorizedSession(credentials)',
			`airflow_uri = ${url === undefined ? 'read_airflow_uri()  # the describe command above; never a constant' : quoted(url)}`,
			...(airflow3 === false
				? []
				: [
						'# Airflow 3: /api/v2, logical_date must be there (null is fine), execution_date is refused with 422',
						'session.post(f"{airflow_uri}/api/v2/dags/DAG_ID/dagRuns", json={"conf": {}, "logical_date": None}).raise_for_status()',
					]),
			...(airflow3 === true
				? []
				: [
						'# Airflow 2: /api/v1',
						'session.post(f"{airflow_uri}/api/v1/dags/DAG_ID/dagRuns", json={"conf": {}}).raise_for_status()',
					]),
		]);
		const composer = () => [
			say(
				t(
					'What changed: Composer 1 had https://…appspot.com behind IAP, an OIDC id token and /api/experimental. Composer 2 and 3 have https://{id}-dot-{region}.composer.googleusercontent.com, an OAuth2 access token (scope cloud-platform) and /api/v1; Airflow 3 (Composer 3) only /api/v2.',
					'変わった点: Composer 1 は IAP の背後の https://…appspot.com、OIDC の ID トークン、/api/experimental でした。Composer 2・3 は https://{id}-dot-{region}.composer.googleusercontent.com、OAuth2 アクセス トークン（スコープ cloud-platform）、/api/v1 です。Airflow 3（Composer 3）では /api/v2 のみです。',
				),
			),
			sh(
				[
					gcloud(
						'composer environments describe',
						...own.at,
						'--format=value(config.airflowUri,config.softwareConfig.imageVersion)',
					),
					'curl -sS -H "Authorization: Bearer $(gcloud auth print-access-token)" "$AIRFLOW_URI/api/v2/version" || curl -sS -H "Authorization: Bearer $(gcloud auth print-access-token)" "$AIRFLOW_URI/api/v1/version"',
				],
				t(
					'Read the URL each time; it changes whenever the environment is recreated. GET /api/v2/version answers 200 on Airflow 3 only.',
					'URL は環境を作り直すたびに変わるので、毎回取得してください。GET /api/v2/version が 200 を返すのは Airflow 3 だけです。',
				),
			),
			v2,
			sh(
				grantOnProject(own.project, 'serviceAccount:CALLER_SERVICE_ACCOUNT', 'roles/composer.user'),
				t('The caller needs roles/composer.user:', '呼び出し元には roles/composer.user が必要です:'),
			),
			hcl(
				resource('google_project_iam_member', 'trigger', {
					project: own.project,
					role: 'roles/composer.user',
					member: 'serviceAccount:CALLER_SERVICE_ACCOUNT',
				}),
			),
			sh(
				gcloud('composer environments run', ...own.at, 'dags', 'trigger', '--', 'DAG_ID'),
				t(
					'Without the web server: the Composer API’s executeAirflowCommand (needs roles/composer.environmentAndStorageObjectAdmin, composer.user is not enough), or a DAG that waits for Pub/Sub or an object. The scope https://www.googleapis.com/auth/cloudcomposer (2026-02) works for the Composer API only, not for the web server.',
					'Web サーバーを使わない方法: Composer API の executeAirflowCommand（roles/composer.environmentAndStorageObjectAdmin が必要で、composer.user では足りません）、または Pub/Sub やオブジェクトを待つ DAG。スコープ https://www.googleapis.com/auth/cloudcomposer（2026 年 2 月）は Composer API 専用で、Web サーバーには使えません。',
				),
			),
			say(
				t(
					'CloudComposerHook and its sensors still speak /api/v1 (google provider of March 2026), so they fail against an environment on Airflow 3; call /api/v2 as above until the provider does.',
					'CloudComposerHook とそのセンサーは（2026 年 3 月の google プロバイダーでも）/api/v1 を使うため、Airflow 3 の環境に対しては失敗します。対応するまでは上のように /api/v2 を直接呼んでください。',
				),
			),
		];
		const airflow = () => [
			say(
				t(
					'Airflow 3 has /api/v2 only: get a JWT from POST /auth/token, and send logical_date (null is fine). Airflow 2 has /api/v1; which credentials it takes is [api]auth_backends. /api/experimental exists in 2.x only with [api]enable_experimental_api=True and airflow.api.auth.backend.default, and is gone in 3.',
					'Airflow 3 は /api/v2 のみです。POST /auth/token で JWT を取得し、logical_date（null でも可）を必ず送ってください。Airflow 2 は /api/v1 で、使える認証は [api]auth_backends で決まります。/api/experimental は 2.x では [api]enable_experimental_api=True と airflow.api.auth.backend.default がある場合だけ使え、3 では廃止されました。',
				),
			),
			sh([
				'# Airflow 3',
				`TOKEN=$(curl -sS -X POST "$AIRFLOW_URI/auth/token" -H 'Content-Type: application/json' -d '{"username": "USER", "password": "PASSWORD"}' | jq -r .access_token)`,
				`curl -sS -X POST "$AIRFLOW_URI/api/v2/dags/DAG_ID/dagRuns" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"conf": {}, "logical_date": null}'`,
				'# Airflow 2',
				`curl -sS -X POST "$AIRFLOW_URI/api/v1/dags/DAG_ID/dagRuns" -u 'USER:PASSWORD' -H 'Content-Type: application/json' -d '{"conf": {}}'`,
			]),
		];
		const field = facts['field'];
		return [
			...(field === undefined
				? []
				: [
						say(
							field === 'logical_date'
								? t(
										'Airflow 3 needs the key logical_date in the body: a date with a zone, or null.',
										'Airflow 3 では本文に logical_date キーが必須です（タイムゾーン付きの日時または null）。',
									)
								: t(
										`The body holds ${field}, which this API version does not know (execution_date became logical_date).`,
										`本文の ${field} は、この API バージョンにはない項目です（execution_date は logical_date に変わりました）。`,
									),
						),
					]),
			...forGeneration({ env, lang }, { 'composer-2': composer, 'composer-3': composer, airflow }),
		];
	},
	docs: 'https://docs.cloud.google.com/composer/docs/composer-3/access-airflow-api',
});
