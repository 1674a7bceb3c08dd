import { defineRule, line } from '../../domain/rule.ts';
import {
	CALLS_AIRFLOW,
	CALL_LITERALS,
	REFERENCE,
	REFUSAL_LITERALS,
	answered,
	isOwnAirflow,
	refusedByAirflow,
} from '../_parts/airflowApi.ts';
import { airflowCli, gcloud, memberIfKnown, memberOf, resource, rolesOf } from '../_parts/iam.ts';
import { heldBy, onProject } from '../_parts/policy.ts';
import { likely } from '../_parts/said.ts';
import {
	command,
	forGeneration,
	grantOnProject,
	hcl,
	inLang,
	names,
	say,
	sh,
	updateEnvironment,
} from '../_parts/steps.ts';
import { strongest } from '../_parts/weigh.ts';

/** Roles with which Composer's proxy lets a caller through to Airflow; a custom one may. */
const PASSES = /^(?:roles\/(?:owner|editor|composer\.(?:user|admin|environmentAndStorageObject\w+))|(?!roles\/).*)$/;

export default defineRule({
	id: 'api-user-not-registered',
	category: 'api-access',
	title: {
		en: 'Airflow’s web server refused the caller: no user, no role or no access (401/403)',
		ja: 'Airflow の Web サーバーが呼び出し元を拒否しました（401/403、未登録・ロール不足・アクセス制限）',
	},
	looks: {
		en: 'A call of Airflow’s REST API ends with 401 or 403 of Airflow itself: “Unauthorized”, “Forbidden” problem JSON, “Not authenticated”, “Not authorized – unable to register or inactive user”.',
		ja: 'Airflow REST API の呼び出しが、Airflow 自身の 401 または 403 で終わります。「Unauthorized」「Forbidden」の problem JSON、「Not authenticated」「Not authorized - unable to register or inactive user」などです。',
	},
	confused: {
		en: 'An OIDC id token sent to Composer 2 or 3, an old URL or /api/v1 on Airflow 3 is api-endpoint-or-auth-changed. An expired token says so. A 403 of Google’s own APIs is IAM on that API, not Airflow’s roles.',
		ja: 'Composer 2・3 に OIDC の ID トークンを送った場合、古い URL、Airflow 3 への /api/v1 は api-endpoint-or-auth-changed です。期限切れのトークンはその旨が出ます。Google API 自体の 403 は Airflow のロールではなく IAM の問題です。',
	},
	signatures: [
		line(
			'Not authorized - unable to',
			/Not authorized - unable to (?<why>decode inverting proxy jwt|register or inactive user)/,
			'proof',
		),
		line('Not authorized or account inactive', /Not authorized or account inactive/, 'proof'),
		line('Authenticate: Composer', /[Ww][Ww][Ww]-Authenticate: Composer\b/, 'proof'),
		line(
			'when Airflow RBAC configuration is enabled',
			/The 'airflow users (?<verb>[\w-]{3,20})' CLI command is disabled when Airflow RBAC configuration is enabled/,
			'proof',
		),
		line(
			'Check Airflow RBAC roles for your account',
			/You do not have a permission to perform this operation\. Check Airflow RBAC roles for your account/,
		),
		line(
			['JWT verification error', 'Failed to fetch public keys for JWT verification'],
			/JWT verification error|Failed to fetch public keys for JWT verification/,
		),
		line(REFERENCE, /stable-rest-api-ref\.html#section\/Errors\/(?<why>PermissionDenied|Unauthenticated)/),
		line(REFUSAL_LITERALS, refusedByAirflow('401|403')),
		line(
			'airflow_client.client.exceptions.',
			/airflow_client\.client\.exceptions\.(?:ForbiddenException|UnauthorizedException): \((?<status>401|403)\)/,
		),
		line(
			'airflow_client.client',
			/airflow_client\.client\.\w{0,20}\.?(?:ApiException|ForbiddenException|UnauthorizedException): (?:Status Code: |\()?(?<status>401|403)/,
		),
		// Short answers of Airflow 3; other FastAPI services say the same.
		line(
			['Not authenticated', 'Token Expired', 'Forbidden"}', 'Invalid JWT token'],
			/["']detail["']: ?["'](?<why>Not authenticated|Token Expired|Forbidden|Invalid JWT token)["']/,
			'weak',
		),
		line(CALL_LITERALS, CALLS_AIRFLOW, 'weak'),
		line(
			['/api/v1/', '/api/v2/'],
			/"(?:GET|POST|PUT|PATCH|DELETE) (?<path>\/api\/v[12]\/[^\s"]{1,300}) HTTP\/[\d.]{1,3}" (?<status>401|403)\b/,
			'weak',
		),
		line(['HTTP/1.1 40', 'HTTP/2 40', '-> 401 ', '-> 403 '], answered('401|403'), 'weak'),
	],
	// The wrong kind of token is the endpoint's matter.
	yieldsTo: ['api-endpoint-or-auth-changed'],
	weigh(hits) {
		const strong = hits.filter((hit) => hit.signature.says !== 'weak');
		const answer = hits.find(
			(hit) => hit.signature.says === 'weak' && (hit.facts['status'] !== undefined || hit.facts['why'] !== undefined),
		);
		// A line of an access log holds both and proves little: many a client asks once without a token.
		const called = hits.find((hit) => hit.facts['path'] !== undefined && !/HTTP\/[\d.]{1,3}" \d/.test(hit.text));
		if (strong.length > 0) return strongest([...strong, ...(called ? [called] : [])]);
		if (!answer) return undefined;
		const both = strongest([answer, ...(called ? [called] : [])]);
		return both && { ...both, says: called ? 'strong' : 'weak' };
	},
	reads: ['environment', 'projectPolicy'],
	verify({ environment, projectPolicy }, { facts, told, env }) {
		const member = memberIfKnown(facts['principal'], env);
		if (told !== 'log' || !projectPolicy || member === undefined || env.project === undefined) return undefined;
		// A task of this environment calls with the environment's account, unless its connection says otherwise.
		if (!isOwnAirflow(facts['url'], environment?.airflowUri)) return undefined;
		const held = heldBy(projectPolicy, member).map(({ role }) => role);
		const name = member.replace(/^\w+:/, '');
		const on = onProject(env.project);
		const passes = held.find((role) => PASSES.test(role));
		if (passes !== undefined)
			return likely(
				'projectPolicy',
				`\`${name}\` holds \`${passes}\` on ${on.en}, which the proxy lets through: look at its role in Airflow and the network access list.`,
				`\`${name}\` は ${on.ja} で \`${passes}\` を持っておりプロキシは通過します。Airflow でのロールとネットワーク アクセス制御を確認してください。`,
			);
		const list = held.map((role) => `\`${role}\``).join(', ');
		return likely(
			'projectPolicy',
			`\`${name}\` holds ${list === '' ? 'no role' : `only ${list}`} on ${on.en}, not \`roles/composer.user\`.`,
			`\`${name}\` が ${on.ja} で持つロールは${list === '' ? 'なく' : ` ${list} のみで`}、\`roles/composer.user\` がありません。`,
		);
	},
	fix({ env, facts, lang }) {
		const t = inLang(lang);
		const own = names(env);
		const caller = memberOf(facts['principal'] ?? 'serviceAccount:CALLER_SERVICE_ACCOUNT', env);
		const rbac = facts['verb'] !== undefined;
		const composer = () => [
			say(
				t(
					'401 and 403 are generic here. Check in this order: IAM role, Airflow role, network access list, perimeter.',
					'ここでの 401・403 は汎用的な応答です。IAM ロール、Airflow のロール、ネットワーク アクセス制御、サービス境界の順に確認してください。',
				),
			),
			sh([
				rolesOf(own.project, caller),
				grantOnProject(own.project, caller, 'roles/composer.user'),
				airflowCli(env, ['users', 'list']),
				gcloud('composer environments describe', ...own.at, '--format=yaml(config.webServerNetworkAccessControl)'),
			]),
			hcl(
				resource('google_project_iam_member', 'caller', {
					project: own.project,
					role: 'roles/composer.user',
					member: caller,
				}),
			),
			...(rbac
				? [
						say(
							t(
								'[api]rbac_bindings is set: roles come only from it, and users create, import, add-role and remove-role are off. Add the caller to a binding: a JSON list of {role, members: ["user:…" or "group:…"]}.',
								'[api]rbac_bindings が設定されているため、ロールはこの設定だけで決まり、users create・import・add-role・remove-role は使えません。{role, members: ["user:…" または "group:…"]} の JSON リストに呼び出し元を追加してください。',
							),
						),
					]
				: [
						sh(
							[
								gcloud('iam service-accounts describe', 'CALLER_SERVICE_ACCOUNT', '--format=value(oauth2ClientId)'),
								airflowCli(
									env,
									['users', 'create'],
									[
										'-u',
										'accounts.google.com:NUMERIC_ID',
										'-e',
										'UNIQUE',
										'-f',
										'UNIQUE',
										'-l',
										'-',
										'-r',
										'Op',
										'--use-random-password',
									],
								),
							],
							t(
								'Register it by hand when it could not register itself: a service-account e-mail over 64 characters on Airflow before 2.3.0, the same e-mail already there under another username (delete the stale user; on Airflow 3 that ends in 401), or an inactive user.',
								'自動登録できない場合は手動で登録します。Airflow 2.3.0 より前で 64 文字を超えるサービス アカウントのメール、同じメールが別のユーザー名で登録済み（古いユーザーを削除してください。Airflow 3 では 401 になります）、無効化されたユーザーなどです。',
							),
						),
						say(
							t(
								'The role a caller gets at its first call is [api]composer_auth_user_registration_role (REST, Airflow 2; Composer’s default is Op) or [webserver]rbac_user_registration_role (UI, and all of Airflow 3). Viewer and Public may not trigger.',
								'初回アクセス時に付くロールは、[api]composer_auth_user_registration_role（Airflow 2 の REST、Composer の既定は Op）または [webserver]rbac_user_registration_role（UI、および Airflow 3 全般）です。Viewer や Public では起動できません。',
							),
						),
					]),
			sh(
				updateEnvironment(
					env,
					'--update-web-server-allow-ip=ip_range=CALLER_IPV4/32,description=caller',
					'--update-web-server-allow-ip=ip_range=CALLER_IPV6/64,description=caller6',
				),
				t(
					'With a network access list: allow the caller’s IPv4 and its IPv6. A Workspace setting that blocks third-party apps and a VPC-SC access level refuse people the same way.',
					'ネットワーク アクセス制御を使っている場合は、呼び出し元の IPv4 と IPv6 の両方を許可してください。サードパーティ製アプリを禁止する Workspace の設定や VPC-SC のアクセスレベルでも同じように拒否されます。',
				),
			),
		];
		const airflow = () => [
			say(
				t(
					'Airflow 2: without credentials, with a wrong password or with a bearer token it answers 403 with detail null when [api]auth_backends does not take that kind. Airflow 3: 401 “Not authenticated” (none or basic), 401 “Token Expired”, 403 “Invalid JWT token” (foreign token), 403 “Forbidden” (the user’s role is too small).',
					'Airflow 2 では、認証情報なし・パスワード誤り・[api]auth_backends が受け付けない種類（Bearer など）の場合、detail が null の 403 になります。Airflow 3 では、401「Not authenticated」（なし・Basic）、401「Token Expired」、403「Invalid JWT token」（別物のトークン）、403「Forbidden」（ロール不足）です。',
				),
			),
			sh([
				command('airflow', 'config', 'get-value', 'api', 'auth_backends') +
					'   # Airflow 2; basic auth: airflow.api.auth.backend.basic_auth (FAB provider: airflow.providers.fab.auth_manager.api.auth.backend.basic_auth)',
				command('airflow', 'users', 'list'),
				command('airflow', 'users', 'add-role', '-u', 'USERNAME', '-r', 'Op'),
				`curl -sS -X POST "$AIRFLOW_URI/auth/token" -H 'Content-Type: application/json' -d '{"username": "USER", "password": "PASSWORD"}'   # Airflow 3`,
			]),
		];
		return forGeneration({ env, lang }, { 'composer-2': composer, 'composer-3': composer, airflow });
	},
	docs: 'https://docs.cloud.google.com/composer/docs/composer-3/access-airflow-api',
});
