import { defineRule, line } from '../../domain/rule.ts';
import type { FixContext, FixStep, Hit, Scene } from '../../domain/rule.ts';
import { childProgramFailed, innermostOwnOrAirflow, isDecisive, mergedFacts } from '../_parts/hits.ts';
import { command, forGeneration, inLang, names, python, say, sh, updateEnvironment } from '../_parts/steps.ts';
import { likely } from '../_parts/said.ts';
import { unlessQuoted } from '../_parts/weigh.ts';

// Hosts whose failure is another cause: the metadata server, Airflow's own database, broker and log server, the
// Kubernetes API, a package index. Workers reach those on other ways than a task reaches the world.
const OTHER_CAUSE =
	/metadata\.google\.internal|169\.254\.169\.254|metadata\.goog\b|sqlproxy|airflow-(?:redis|postgres|db)|composer-system\.svc|redis:\/\/|amqp:\/\/|celery|kombu|port=8793|:8793\/log|served logs|\/execution\/|\/api\/v1\/(?:namespaces|nodes|pods)\b|\/apis\/[a-z.]+\/v\d|pypi\.org|pythonhosted\.org|\/simple\/|pip\._vendor|pulling? image|resolve reference|Liveness probe|Readiness probe/i;

// Airflow's own ways to its database. A hook of a provider connects to a database of the user.
const AIRFLOW_SESSION =
	/\/airflow\/(?:utils\/(?:session|db|cli|cli_action_loggers|sqlalchemy|retries)|jobs\/|models\/|settings|cli\/|dag_processing\/|www\/|api_connexion\/|api_fastapi\/|serialization\/|executors\/|ti_deps\/)/;
// Airflow 3: the task's own way to the API server.
const AIRFLOW_API = /\/airflow\/sdk\/(?:api\/client|execution_time\/(?:supervisor|comms|request_handlers))/;
const DATABASE =
	/psycopg|OperationalError|connection to server|could not connect to server|translate host name|MySQL server|pymysql/i;
const KUBERNETES_CLIENT = /\/kubernetes(?:_asyncio)?\/(?:client|dynamic|watch)\//;
const BROKER = /\/(?:celery|kombu|vine|billiard)\//;

/** What stopped the connection; decides which fix comes first. */
function faultOf(text: string): string {
	if (/Too many open files/.test(text)) return 'files';
	if (/read timeout=|ReadTimeout|read operation timed out|protocol banner/.test(text)) return 'slow';
	if (/certificate|CERTIFICATE|SSL|TLS|x509|PKIX|_ssl\.c/.test(text)) return 'tls';
	if (/[Pp]roxy|Tunnel connection failed/.test(text)) return 'proxy';
	if (
		/[Nn]ame or service not known|name resolution|[Nn]ameResolution|resolve|no such host|ENOTFOUND|EAI_AGAIN|UnknownHost|translate host name|Unknown MySQL|associated with hostname|DNS|Errno -[2-5]\b|nodename nor servname/.test(
			text,
		)
	)
		return 'dns';
	if (
		/refused|REFUSED|Errno 111|\b111\b.*connecting|Couldn't connect to server|NoBrokersAvailable|no listener/.test(text)
	)
		return 'refused';
	if (
		/reset by peer|RESET|Remote end closed|[Cc]onnection aborted|disconnected|closed the connection|Broken pipe|Socket closed|Empty reply|Connection closed/.test(
			text,
		)
	)
		return 'reset';
	if (/unreachable|No route|ENETUNREACH|EHOSTUNREACH/.test(text)) return 'route';
	return 'timeout';
}

function concernsAirflowItself(hit: Hit, scene: Scene): boolean {
	if (OTHER_CAUSE.test(hit.text)) return true;
	const inChain = hit.place === 'root' || hit.place === 'chain';
	if (!inChain || scene.chain.length === 0) return false;
	const frames = scene.chain.flatMap((link) => link.frames);
	if (frames.some(({ file }) => BROKER.test(file)) && !frames.some(({ own }) => own)) return true;
	// The operator's own talk with the control plane, by whatever address.
	if (frames.some(({ file }) => KUBERNETES_CLIENT.test(file))) return true;
	const caller = innermostOwnOrAirflow(scene.chain);
	if (caller !== undefined && AIRFLOW_API.test(caller.file)) return true;
	if (!DATABASE.test(hit.text)) return false;
	return caller !== undefined && !caller.own && AIRFLOW_SESSION.test(caller.file);
}

/** A bare "timed out" is the network's when the innermost call was still connecting; later it is rather a slow answer. */
function wasConnecting({ chain }: Scene): boolean {
	const inner = chain[0]?.frames.at(-1);
	return (
		inner !== undefined &&
		/(?:connect|create_connection|do_handshake|getaddrinfo|_get_conn|_open)$/.test(inner.function) &&
		/\/(?:socket|ssl|client|request|connection|smtplib|ftplib|imaplib|poplib)\.py$/.test(inner.file)
	);
}

const HOST = String.raw`(?<host>[A-Za-z0-9][A-Za-z0-9._-]{0,252})`;
const PORT = String.raw`(?<port>\d{1,5})`;

/** What Airflow's own process said as a warning (urllib3 before it tries again, a library's thread): no word of the child. */
function isAside({ level, text }: Hit): boolean {
	return (
		level === 'warning' &&
		/\b(?:logging_mixin|connectionpool|retry)\.py:|urllib3\.(?:connectionpool|util\.retry)/.test(text)
	);
}

export default defineRule({
	id: 'network-egress-failure',
	category: 'network',
	title: { en: 'A task cannot reach a host over the network', ja: 'タスクからホストへネットワーク接続できません' },
	looks: {
		en: 'The task ends with a connection error: the name is not resolved, the connection times out, is refused or reset, or TLS cannot be agreed on.',
		ja: 'タスクが接続エラーで終わります。名前が解決できない、接続がタイムアウトする・拒否される・切断される、または TLS の検証に失敗します。',
	},
	confused: {
		en: "The metadata server (metadata.google.internal) has a cause of its own, and so have Airflow's database, its broker, the Kubernetes API and the package index. A 403 from VPC Service Controls is an answer, not a network failure, and so is any 4xx or 5xx of the other service. The other side may simply be down: try the same call from elsewhere.",
		ja: 'メタデータサーバー(metadata.google.internal)、Airflow のデータベースとブローカー、Kubernetes API、パッケージインデックスへの接続失敗は別の原因です。VPC Service Controls の 403 や相手サービスの 4xx・5xx は「応答」であり、ネットワーク障害ではありません。相手側が停止しているだけのこともあるため、別の場所から同じ呼び出しを試してください。',
	},
	signatures: [
		// requests and urllib3 1.x, 2.x. The whole reason stands on the line.
		line(
			'Max retries exceeded with url',
			new RegExp(
				String.raw`HTTPS?ConnectionPool\(host='${HOST}', port=${PORT}\): Max retries exceeded with url: \S{0,4000} \(Caused by (?!ResponseError)(?<reason>\w{3,40})`,
			),
		),
		line(
			'Failed to establish a new connection',
			/Failed to establish a new connection: (?:\[Errno -?\d{1,4}\] )?(?<reason>[A-Za-z][^'")>]{5,80})/,
		),
		line('Failed to resolve', new RegExp(String.raw`Failed to resolve '${HOST}'`)),
		line('timed out. (connect timeout=', new RegExp(String.raw`Connection to ${HOST} timed out\. \(connect timeout=`)),
		// The connection stood and no answer came in time: `fault` says so, and the fix speaks of the other side first.
		line(
			'Read timed out.',
			new RegExp(String.raw`(?:host='${HOST}', port=${PORT}\): )?Read timed out\. \(read timeout=`),
		),
		line(
			['ReadTimeout: ', 'The read operation timed out'],
			/(?:^|[^A-Za-z])ReadTimeout: |The read operation timed out/,
		),
		line(
			['Error reading SSH protocol banner', 'SMTPServerDisconnected: Connection unexpectedly closed'],
			/Error reading SSH protocol banner|SMTPServerDisconnected: Connection unexpectedly closed/,
		),
		line(
			['Connection aborted.', 'Remote end closed connection without response'],
			/Connection aborted\.|Remote end closed connection without response/,
		),
		line('Connection broken: ', /Connection broken: (?:IncompleteRead|InvalidChunkLength|ConnectionReset|OSError)/),
		line('Cannot connect to proxy', /Cannot connect to proxy/),
		line('Tunnel connection failed', /Tunnel connection failed: \d{3}/),
		// glibc through socket, smtplib, ftplib, redis, http.client …
		line(
			[
				'Name or service not known',
				'Temporary failure in name resolution',
				'No address associated with hostname',
				'Non-recoverable failure in name resolution',
				'nodename nor servname provided',
			],
			/Name or service not known|Temporary failure in name resolution|No address associated with hostname|Non-recoverable failure in name resolution|nodename nor servname provided/,
		),
		line(
			[
				'Connection refused',
				'Connection timed out',
				'No route to host',
				'Network is unreachable',
				'Connection reset by peer',
				'Network unreachable',
				'Host is unreachable',
			],
			/(?:\[Errno (?:101|104|110|111|113)\]|\b(?:1(?:01|04|10|11|13)), ['"]|(?:Refused|Reset|Timeout|Aborted)Error: ?(?:\[Errno \d{1,3}\] )?|OSError: ?(?:\[Errno \d{1,3}\] )?) ?(?<reason>Connection refused|Connection timed out|No route to host|Network is unreachable|Host is unreachable|Connection reset by peer)/,
		),
		line(
			'connecting to ',
			new RegExp(String.raw`Error (?:-\d|1\d\d) connecting to ${HOST}:${PORT}\. (?<reason>[A-Z][a-z ]{5,60})`),
		),
		// TLS. `WRONG_VERSION_NUMBER` is what a plain-HTTP port or a proxy answers.
		line(
			[
				'CERTIFICATE_VERIFY_FAILED',
				'certificate verify failed',
				'WRONG_VERSION_NUMBER',
				'HANDSHAKE_FAILURE',
				'TLSV1_ALERT',
				'TLSV1_UNRECOGNIZED_NAME',
				'UNEXPECTED_EOF_WHILE_READING',
				'EOF occurred in violation of protocol',
				'CERT_HAS_EXPIRED',
				'DH_KEY_TOO_SMALL',
				'UNSAFE_LEGACY_RENEGOTIATION_DISABLED',
			],
			/CERTIFICATE_VERIFY_FAILED|certificate verify failed|WRONG_VERSION_NUMBER|HANDSHAKE_FAILURE|TLSV1_ALERT|TLSV1_UNRECOGNIZED_NAME|UNEXPECTED_EOF_WHILE_READING|EOF occurred in violation of protocol|CERT_HAS_EXPIRED|DH_KEY_TOO_SMALL|UNSAFE_LEGACY_RENEGOTIATION_DISABLED/,
		),
		line(
			[
				'SSL certificate problem',
				'self signed certificate',
				'self-signed certificate',
				'unable to get local issuer certificate',
				'PKIX path building failed',
			],
			/SSL certificate problem: |self[ -]signed certificate|unable to get local issuer certificate|PKIX path building failed/,
		),
		line('x509: ', /x509: (?:certificate|cannot validate)/),
		// httpx, httpcore, anyio, aiohttp
		line('All connection attempts failed', /(?:ConnectError|OSError): ?All connection attempts failed/),
		// Airflow 3 prints the class without its package.
		line(
			['ConnectError: ', 'ConnectTimeout: ', 'ConnectionTimeout'],
			/(?:^|[^A-Za-z])Connect(?:Error|Timeout): (?<reason>[^\n]{0,120})/,
		),
		line('httpx.ProxyError', /httpx\.ProxyError/),
		line('Server disconnected', /(?:RemoteProtocolError|ServerDisconnectedError): Server disconnected/),
		line('Cannot connect to host ', new RegExp(String.raw`Cannot connect to host ${HOST}:${PORT} ssl:`)),
		line(
			'Connection timeout to host',
			/Connection timeout to host (?:https?:\/\/)?(?<host>[A-Za-z0-9][A-Za-z0-9._-]{0,252})/,
		),
		// grpc and google.api_core. `503` alone is the service's answer.
		line('failed to connect to all addresses', /failed to connect to all addresses/),
		line(
			['DNS resolution failed for', 'DNS resolution failed'],
			/DNS resolution failed(?: for (?:service: )?(?<host>[A-Za-z0-9][A-Za-z0-9._-]{0,252}))?/,
		),
		line('Failed to connect to remote host', /Failed to connect to remote host: /),
		// Databases of the user. `failed: FATAL:` is an answer of the server and stays out.
		line(
			'could not translate host name',
			new RegExp(String.raw`could not translate host name ["\\]{1,3}${HOST}["\\]{1,3} to address`),
		),
		line(
			'connection to server at',
			new RegExp(
				String.raw`connection to server at ["\\]{1,3}${HOST}["\\]{1,3}(?: \([0-9a-fA-F.:]{3,45}\))?, port ${PORT} failed: (?!FATAL|fe_sendauth)(?<reason>[A-Za-z][^\n]{3,80})`,
			),
		),
		line(
			'could not connect to server',
			/could not connect to server: (?<reason>Connection (?:refused|timed out)|No route to host|Network is unreachable|Host is unreachable)/,
		),
		line(
			[
				"Can't connect to MySQL server on",
				"Can't connect to server on",
				'Unknown MySQL server host',
				'Unknown server host',
			],
			/(?:Can't connect to (?:MySQL )?server on|Unknown (?:MySQL )?server host) ['"\\]{1,3}(?<host>[A-Za-z0-9][A-Za-z0-9._-]{0,252})/,
		),
		line(
			[
				'Login timeout expired',
				'TCP Provider: ',
				'Adaptive Server is unavailable',
				'Adaptive Server connection failed',
			],
			/Login timeout expired|TCP Provider: |Adaptive Server (?:is unavailable or does not exist|connection failed)/,
		),
		line('Timeout connecting to server', /Timeout connecting to server/),
		line(
			['Could not connect to the endpoint URL', 'Connect timeout on endpoint URL'],
			/(?:Could not connect to the endpoint URL|Connect timeout on endpoint URL): ["\\]{1,3}https?:\/\/(?<host>[A-Za-z0-9][A-Za-z0-9._-]{0,252})/,
		),
		line('Unable to find the server at', /Unable to find the server at (?<host>[A-Za-z0-9][A-Za-z0-9._-]{0,252})/),
		line('<urlopen error', /<urlopen error (?:timed out|_ssl\.c:\d{1,5}: The handshake operation timed out)/),
		line(
			['ORA-12170', 'ORA-12541', 'ORA-12543', 'ORA-12545', 'DPY-6005', 'DPY-4011'],
			/(?:ORA-125(?:41|43|45)|ORA-12170|DPY-6005|DPY-4011): /,
		),
		line('ServerSelectionTimeoutError', /ServerSelectionTimeoutError/),
		line(
			[
				'NoBrokersAvailable',
				'Broker transport failure',
				'Local: Host resolution failure',
				'All broker connections are down',
			],
			/NoBrokersAvailable|_TRANSPORT|Broker transport failure|Host resolution failure|All broker connections are down/,
		),
		line('Could not connect to Snowflake backend', /Could not connect to Snowflake backend/),
		// Programs a task starts: curl, wget, ssh, sftp, node, java, go
		line(
			['Could not resolve host', 'Could not resolve hostname', 'Could not resolve proxy'],
			/Could not resolve (?:host(?:name)?|proxy):? (?<host>[A-Za-z0-9][A-Za-z0-9._-]{0,252})/,
		),
		line('unable to resolve host address', /unable to resolve host address/),
		line(['curl: (', 'curl:('], /curl: ?\((?:5|6|7|28|35|52|56|60)\) /),
		// curl, git, pip's vendored clients
		line(
			'Failed to connect to ',
			/Failed to connect to (?<host>[A-Za-z0-9][A-Za-z0-9._-]{0,252}) port (?<port>\d{1,5})(?: after \d{1,9} ms)?: (?<reason>[A-Z][^\n]{3,80})/,
		),
		// wget, nc, lftp, rsync …: the reason behind a colon
		line(
			['Connection refused', 'Connection timed out', 'No route to host', 'Network is unreachable'],
			/(?:failed|connect|error)(?: \([^)\n]{1,80}\))?: (?<reason>Connection refused|Connection timed out|No route to host|Network is unreachable)/,
		),
		line(
			['kex_exchange_identification', 'ssh_exchange_identification'],
			/(?:kex|ssh)_exchange_identification: (?<reason>[^\n]{3,80})/,
		),
		line(
			'ssh: connect to host',
			new RegExp(String.raw`ssh: connect to host ${HOST} port ${PORT}: (?<reason>[A-Z][a-z ]{5,60})`),
		),
		line(
			'Unable to connect to port',
			/Unable to connect to port (?<port>\d{1,5}) on (?<host>[A-Za-z0-9][A-Za-z0-9._:-]{0,252})/,
		),
		line(
			['getaddrinfo ENOTFOUND', 'getaddrinfo EAI_AGAIN'],
			new RegExp(String.raw`getaddrinfo (?:ENOTFOUND|EAI_AGAIN) ${HOST}`),
		),
		line(
			['ECONNREFUSED', 'ETIMEDOUT', 'ECONNRESET', 'EHOSTUNREACH'],
			/(?:connect|read) E(?:CONNREFUSED|TIMEDOUT|CONNRESET|HOSTUNREACH)(?: (?<host>[0-9A-Za-z.:-]{3,80}):(?<port>\d{1,5}))?/,
		),
		line(
			[
				'UnknownHostException',
				'java.net.ConnectException',
				'NoRouteToHostException',
				'SocketTimeoutException: connect',
			],
			/UnknownHostException|java\.net\.ConnectException: Connection|NoRouteToHostException|SocketTimeoutException: connect/i,
		),
		line(
			[
				'no such host',
				'connect: connection refused',
				'i/o timeout',
				'connect: no route to host',
				'connect: network is unreachable',
			],
			/dial (?:tcp|udp)[^\n]{0,120}(?:no such host|connection refused|i\/o timeout|no route to host|network is unreachable)/,
		),
		// Section 9: sockets or files that user code never closes.
		line(
			'Too many open files',
			/(?:\[Errno 24\] ?|OSError: |EMFILE)[^\n]{0,40}Too many open files|Too many open files in system/,
		),
		line(
			['timed out', 'The read operation timed out'],
			/(?:\btimeout|TimeoutError|ConnectTimeout): ?(?:The (?:read|handshake|write) operation |_ssl\.c:\d{1,5}: The handshake operation )?timed out/,
			'weak',
		),
		line('server closed the connection unexpectedly', /server closed the connection unexpectedly/, 'weak'),
	],
	asks: ['metadata.google.internal', 'Compute Engine Metadata server unavailable'],
	yieldsTo: [
		'metadata-server-unavailable',
		'pypi-build-no-network',
		'kpo-cluster-config',
		'vpc-sc-denied',
		'celery-broker-problem',
		'db-overloaded',
		'task-log-missing-worker-lost',
		'airflow3-direct-db-access',
		'kpo-image-pull',
		'env-network-unreachable',
		'task-execution-timeout',
	],
	weigh(hits, scene) {
		const aboutMetadata =
			scene.has('metadata.google.internal') || scene.has('Compute Engine Metadata server unavailable');
		const mine = hits.filter(
			(hit) => !concernsAirflowItself(hit, scene) && !(aboutMetadata && hit.facts.host === undefined),
		);
		const child = childProgramFailed(scene);
		// A warning that was retried, a line that only talks about connections: not what ended the try.
		const told = mine.filter(
			(hit) =>
				isDecisive(hit) ||
				(child && hit.place === 'body' && !isAside(hit)) ||
				(scene.chain.length === 0 && hit.place === 'body'),
		);
		if (told.length === 0) return undefined;
		const inChain = told.some(({ place }) => place === 'root' || place === 'chain');
		if (scene.chain.length > 0 && !inChain && !child) return { says: 'weak', facts: mergedFacts(told) };
		const component = ['scheduler', 'worker', 'triggerer', 'dag-processor', 'api'].includes(scene.kind);
		const strong = (told.some(({ signature }) => signature.says !== 'weak') || wasConnecting(scene)) && !component;
		const best = told.filter((hit) => hit.place === 'root' || hit.place === 'chain');
		const text = (best.length > 0 ? best : told).map((hit) => hit.text).join('\n');
		return unlessQuoted(
			{ says: strong ? 'strong' : 'weak', facts: { ...mergedFacts(told), fault: faultOf(text) } },
			scene,
		);
	},
	verify(_, { facts, told, env }) {
		if (told === undefined || env.isPrivate !== true) return undefined;
		const host = facts['host'] ?? '';
		if (/^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)|\.internal$|\.local$/.test(host)) return undefined;
		return likely(
			'environment',
			'the environment is private: nothing outside is reached without Cloud NAT, and no name outside without its DNS.',
			'この環境はプライベートです。Cloud NAT がなければ外部に接続できず、DNS の設定がなければ外部の名前も解決できません。',
		);
	},
	fix,
	docs: 'https://cloud.google.com/composer/docs/composer-3/connect-vpc-network',
});

function fix({ env, facts, lang }: FixContext): FixStep[] {
	const t = inLang(lang);
	const { project, location } = names(env);
	const host = facts.host ?? 'HOST';
	const port = facts.port ?? '443';
	if (facts.fault === 'files')
		return [
			say(
				t(
					'The process ran out of file descriptors: sockets or files are opened and never closed. Close them where they are opened.',
					'ファイルディスクリプタが枯渇しています。ソケットやファイルが閉じられていません。開いた場所で必ず閉じてください。',
				),
			),
			python([
				'with requests.Session() as session:  # one session for all calls, closed at the end',
				'    for url in urls:',
				'        with session.get(url, timeout=30) as response:',
				'            response.raise_for_status()',
			]),
			say(
				t(
					'If every task on the worker shows it, lower the number of tasks that share a worker.',
					'ワーカー上の全タスクで起きる場合は、1 ワーカーあたりの同時実行数を下げてください。',
				),
			),
			...forGeneration({ env, lang }, { 'composer-2': concurrency, 'composer-3': concurrency, airflow: () => [] }),
		];
	function concurrency(): FixStep[] {
		return [sh(updateEnvironment(env, '--update-airflow-configs=celery-worker_concurrency=6'))];
	}

	const first: Record<string, string> = {
		dns: t(
			`The name ${host} was not resolved: look at the spelling, then at the DNS zone that holds it and whether the environment's network sees that zone (private zone, peering, forwarding).`,
			`${host} の名前解決に失敗しました。綴りを確認し、その名前を持つ DNS ゾーンが環境のネットワークから見えるか(限定公開ゾーン、ピアリング、転送)を確認してください。`,
		),
		timeout: t(
			`Nothing answered from ${host}:${port}. Usual reasons: a private environment without Cloud NAT, a firewall that drops egress, a missing route or peering.`,
			`${host}:${port} から応答がありません。Cloud NAT のないプライベート環境、外向き通信を破棄するファイアウォール、ルートやピアリングの不足がよくある原因です。`,
		),
		slow: t(
			`${host} accepted the connection and did not answer in time: the service is slow or stuck, or a NAT or firewall in between forgot the connection. Try the same call from elsewhere; then a longer timeout, smaller requests, or a deferrable operator.`,
			`${host} は接続を受け付けましたが、時間内に応答しませんでした。サービスの遅延や停止、または途中の NAT・ファイアウォールによる切断が考えられます。別の場所から同じ呼び出しを試し、タイムアウトの延長、リクエストの分割、deferrable オペレーターを検討してください。`,
		),
		route: t(
			`There is no way to ${host}:${port}: no route, no Cloud NAT, or (Composer 3) no VPC attachment.`,
			`${host}:${port} への経路がありません。ルート、Cloud NAT、または(Composer 3 では)VPC への接続が不足しています。`,
		),
		refused: t(
			`${host}:${port} was reached and nobody listens there: the service is down, the port is wrong, or the host is \`localhost\` of the worker.`,
			`${host}:${port} には到達しましたが、待ち受けているプロセスがありません。サービスの停止、ポートの誤り、またはワーカー自身の \`localhost\` を指している可能性があります。`,
		),
		reset: t(
			`${host} accepted the connection and dropped it: a proxy or load balancer in between, an idle connection used again, or the service restarted. Retry such calls.`,
			`${host} が接続を受け付けた後に切断しました。間にあるプロキシやロードバランサー、アイドル接続の再利用、サービスの再起動が考えられます。リトライを設定してください。`,
		),
		tls: t(
			`TLS with ${host}:${port} failed: an expired or private certificate, a proxy that presents its own, or a port that does not speak TLS.`,
			`${host}:${port} との TLS に失敗しました。期限切れまたは社内 CA の証明書、証明書を差し替えるプロキシ、TLS を話さないポートが考えられます。`,
		),
		proxy: t(
			'The proxy did not let the call through. Look at HTTPS_PROXY and NO_PROXY of the environment and at the rules of the proxy.',
			'プロキシが通信を許可しませんでした。環境の HTTPS_PROXY・NO_PROXY とプロキシのルールを確認してください。',
		),
	};
	const tls = [
		sh(
			`openssl s_client -connect ${command(`${host}:${port}`)} -servername ${command(host)} </dev/null | openssl x509 -noout -subject -issuer -dates`,
			t('See which certificate is presented:', '提示されている証明書を確認します:'),
		),
		python(
			[
				"requests.get(url, verify='/home/airflow/gcs/data/ca-bundle.pem')  # the private CA, kept in the bucket's data folder",
			],
			t('Trust a private CA; never switch verification off:', '社内 CA を信頼させます(検証は無効にしないでください):'),
		),
	];
	const probe = sh(
		`python3 -c ${command("import socket,sys; print(socket.getaddrinfo(sys.argv[1], None)[0][4]); socket.create_connection((sys.argv[1], int(sys.argv[2])), 10); print('connected')")} ${command(host, port)}`,
		t(
			'Run this in a BashOperator on the same environment; it tells name, route and port apart:',
			'同じ環境の BashOperator で実行すると、名前解決・経路・ポートのどれが原因か切り分けられます:',
		),
	);
	const nat = (): FixStep[] => [
		sh(
			[
				command(
					'gcloud',
					'composer',
					'environments',
					'describe',
					...names(env).at,
					'--format=yaml(config.nodeConfig,config.privateEnvironmentConfig)',
				),
				command(
					'gcloud',
					'compute',
					'routers',
					'create',
					'composer-router',
					'--network=NETWORK',
					`--region=${location}`,
					`--project=${project}`,
				),
				command(
					'gcloud',
					'compute',
					'routers',
					'nats',
					'create',
					'composer-nat',
					'--router=composer-router',
					`--region=${location}`,
					`--project=${project}`,
					'--auto-allocate-nat-external-ips',
					'--nat-custom-subnet-ip-ranges=SUBNETWORK:ALL',
				),
			],
			t(
				'A private environment reaches the internet only through Cloud NAT:',
				'プライベート環境からインターネットへは Cloud NAT が必要です:',
			),
		),
		sh(
			command(
				'gcloud',
				'compute',
				'firewall-rules',
				'create',
				'composer-egress',
				'--network=NETWORK',
				`--project=${project}`,
				'--direction=EGRESS',
				'--action=ALLOW',
				`--rules=tcp:${port}`,
				'--destination-ranges=DESTINATION_CIDR',
			),
			t(
				'Where egress is denied by default, allow this port:',
				'外向きが既定で拒否されている場合は、このポートを許可します:',
			),
		),
	];
	const attach = (): FixStep[] => [
		say(
			t(
				'Composer 3 reaches private addresses only through a VPC attachment, and then resolves names through that VPC (since June 2025).',
				'Composer 3 がプライベートアドレスへ到達するには VPC への接続(ネットワークアタッチメント)が必要です。接続後の名前解決はその VPC の DNS を使います(2025 年 6 月以降)。',
			),
		),
		sh(
			updateEnvironment(
				env,
				`--network-attachment=projects/${project}/regions/${location}/networkAttachments/ATTACHMENT`,
			),
		),
	];
	const byGeneration = ['tls', 'refused', 'reset', 'slow'].includes(facts.fault ?? '')
		? []
		: facts.fault === 'proxy'
			? forGeneration({ env, lang }, { 'composer-2': proxy, 'composer-3': proxy, airflow: () => [] })
			: forGeneration(
					{ env, lang },
					{
						'composer-2': nat,
						'composer-3': () => [...attach(), ...nat()],
						airflow: () => [
							say(
								t(
									'Look at the firewall, DNS and NetworkPolicy of the machines or pods that run the workers.',
									'ワーカーが動くマシンや Pod のファイアウォール、DNS、NetworkPolicy を確認してください。',
								),
							),
						],
					},
				);
	function proxy(): FixStep[] {
		return [
			sh(
				updateEnvironment(
					env,
					'--update-env-variables=NO_PROXY=metadata.google.internal,169.254.169.254,.googleapis.com',
				),
			),
		];
	}
	return [
		say(first[facts.fault ?? 'timeout'] ?? first.timeout ?? ''),
		...(facts.fault === 'tls' ? tls : [probe]),
		...byGeneration,
		python(
			[
				'PythonOperator(task_id=..., python_callable=..., retries=3, retry_delay=timedelta(minutes=2), retry_exponential_backoff=True)',
			],
			t('For failures that pass by themselves:', '一時的な失敗には再試行を設定します:'),
		),
	];
}
