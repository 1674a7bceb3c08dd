/** What stands in a secret's place. */
export const MASK = '***';

type Kind = { find: RegExp; put?: (match: string, ...groups: (string | undefined)[]) => string };

const keepHead = (_: string, head = '') => head + MASK;

/**
 * Names whose value is secret, at the end of a longer name too (`DB_PASSWORD`, `AIRFLOW__CORE__FERNET_KEY`). Not `max_tokens`,
 * `secret_name`, `token_uri`, `private_key_id`: the name must end here.
 */
const NAME =
	'(?:pass(?:word|wd|phrase|code)?|pwd|secrets?|(?:auth|access|refresh|id|api|bearer|session|security|csrf|xsrf|bot|app|user|sas)?[_-]?token|(?:api|access|account|secret|shared|private|encryption|signing|subscription|license|storage|master|service|fernet|jwt|webserver)[_-]?(?:access[_-]?)?key|apikey|client[_-]?secret|secret[_-]?access[_-]?key|credential|keyfile[_-]?dict|connection[_-]?string|sql[_-]?alchemy[_-]?conn|authenticator[_-]?response)';

// What is written where a value would be secret but none is.
const EMPTY =
	/^(?:\*{3,}.*|x{3,}|none|null|nil|true|false|undefined|unset|redacted|\[redacted\]?|masked|hidden|\{\{.*|\$\{?.*|<.*|%s|%r|optional\b.*|str|string|\.{3}|…|\d{1,3})$/i;

/** Several kinds, in this order: whole structures, shapes known by themselves, values known by what stands before them. */
const KINDS: readonly Kind[] = [
	// PEM, whole, cut off at its end, with real or escaped line ends; its lines where the beginning was cut off.
	{ find: /-----BEGIN [A-Z0-9 ]{0,40}-----[^]{0,20000}?(?:-----END [A-Z0-9 ]{0,40}-----|$(?![^]))/g },
	{
		find: /(?<![A-Za-z0-9+/=])(?:[A-Za-z0-9+/=]{16,90}(?:\r?\n|\\n)){0,200}[A-Za-z0-9+/=]{0,90}(?:\r?\n|\\n)?-----END [A-Z0-9 ]{0,40}-----/g,
	},
	// One line of such a block, or any other long base64: mixed letters and digits, so that no hexadecimal digest is touched.
	{
		find: /(?<![\w+/=.-])[A-Za-z0-9+/]{60,}={0,2}(?![\w+/=.-])/g,
		put: (all) => (/[a-z]/.test(all) && /[A-Z]/.test(all) && /[0-9+/]/.test(all) ? MASK : all),
	},
	// Tokens that are known by their shape.
	{ find: /\beyJ[\w-]{5,8000}\.[\w-]{2,8000}(?:\.[\w-]{0,8000}){0,3}/g },
	{ find: /\bya29\.[\w.-]{10,2000}/g },
	{ find: /(?<![\w/:])1\/\/0[\w-]{20,500}/g },
	{ find: /\bAIza[\w-]{30,50}/g },
	{ find: /\bGOCSPX-[\w-]{16,60}/g },
	{ find: /\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{20,255}/g },
	{ find: /\bgithub_pat_\w{20,255}/g },
	{ find: /\bgl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[\w.-]{16,255}/g },
	{ find: /\bxox[a-z](?:\.xox[a-z])?-[\w-]{8,500}/g },
	{ find: /\bxapp-\d-[\w-]{8,500}/g },
	{ find: /(hooks\.slack(?:-gov)?\.com\/(?:services|workflows|triggers)\/)[\w/-]{8,200}/g, put: keepHead },
	{ find: /(discord(?:app)?\.com\/api\/webhooks\/)[\w/-]{8,200}/g, put: keepHead },
	{ find: /(\.webhook\.office\.com\/webhookb2\/)[\w/@-]{8,300}/g, put: keepHead },
	{ find: /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b/g },
	{ find: /\b[sprw][kh]?k?_(?:live|test)_[A-Za-z0-9]{10,255}/g },
	{ find: /\bwhsec_[A-Za-z0-9+/=]{16,100}/g },
	{ find: /\bsk-(?:ant-|proj-|svcacct-|admin-)?[\w-]{20,255}/g },
	{ find: /\bSG\.[\w-]{16,32}\.[\w-]{16,64}/g },
	{ find: /\b(?:SK|AC)[0-9a-f]{32}\b/g },
	{ find: /\bkey-[0-9a-f]{32}\b/g },
	{ find: /\bnpm_[A-Za-z0-9]{30,64}/g },
	{ find: /\bpypi-[\w-]{40,400}/g },
	{ find: /\bdapi[0-9a-f]{32}(?:-\d)?\b/g },
	{ find: /\bdkea[0-9a-f]{32}\b/g },
	{ find: /\bhv[sbr]\.[\w-]{20,255}/g },
	{ find: /\bdo[opr]_v1_[0-9a-f]{40,80}/g },
	{ find: /\bhf_[A-Za-z0-9]{20,64}/g },
	{ find: /\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{20,64}/g },
	{ find: /\bgl(?:sa|c)_[\w=+/]{20,255}/g },
	{ find: /\blin_api_[A-Za-z0-9]{20,80}/g },
	{ find: /\bATATT3[\w=-]{20,255}/g },
	{ find: /\bNRAK-[A-Z0-9]{20,40}/g },
	{ find: /\bdp\.(?:pt|st|ct|sa)\.[\w.-]{20,80}/g },
	{ find: /\bAGE-SECRET-KEY-1[A-Z0-9]{20,80}/g },
	{ find: /\b\d{8,10}:AA[\w-]{30,40}/g },
	{ find: /\b[\w.~-]{3}8Q~[\w.~-]{31,40}/g },
	// Fernet: a key is 32 bytes in base64url, a token begins with version and time.
	{ find: /\bgAAAAA[\w-]{40,8000}={0,2}/g },
	{ find: /(?<![\w/+.-])[\w-]{43}=(?![\w=])/g },
	// Known by what stands before.
	{
		find: /((?:proxy-)?authorization(?:\\?["'])?\s{0,3}[:=]\s{0,3}(?:\\?["'])?(?:[a-z][\w-]{2,20}\s{1,3})?)[^\s"',;\\]{3,8000}/gi,
		put: keepHead,
	},
	{ find: /\b((?:bearer|basic)\s{1,3})(?=[^\s"',;]{0,200}[\d=+/_-])[\w.~+/=-]{12,8000}/gi, put: keepHead },
	{ find: /((?<![\w-])(?:set-)?cookie(?:\\?["'])?\s{0,3}[:=]\s{0,3}(?:\\?["'])?)[^\r\n"]{3,8000}/gi, put: keepHead },
	{
		find: /((?:postgres(?:ql)?|mysql|mariadb|redis|rediss|amqps?|mongodb|mssql|oracle|snowflake|sqlserver|clickhouse|trino|vertica|db2|ftps?|sftp|smtps?|ldaps?)(?:\+[\w.]{1,40})?:\/\/[^\s:@/'"]{0,200}:)[^\s'"<>]{1,500}@(?=[\w.[-])/gi,
		put: (_, head = '') => `${head}${MASK}@`,
	},
	{
		find: /((?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,40}:\/\/[^\s:@/'"<>]{0,200}:)[^\s@/'"<>]{1,500}@/gi,
		put: (_, head = '') => `${head}${MASK}@`,
	},
	{ find: /(\b(?:https?|git):\/\/)[\w-]{20,255}(?=@[\w.-]{1,255})/gi, put: keepHead },
	{ find: /([?&](?:x-goog-|x-amz-)?(?:signature|sig|credential|security-token)=)[^\s&"'<>]{3,4000}/gi, put: keepHead },
	{ find: /(\s(?:-u|--user|--proxy-user)[ =]["']?[^\s:"']{1,100}:)[^\s"']{1,400}/g, put: keepHead },
	{
		find: new RegExp(`((?:^|\\s)--?[\\w-]{0,40}${NAME}(?:=|\\s{1,3})["']?)([^\\s"']{3,2000})`, 'gi'),
		put: keepUnlessEmpty,
	},
	// name = "value", 'name': 'value', \\"name\\": \\"value\\": to the closing quote, blanks and all.
	{
		find: new RegExp(
			`((?:\\b|_)${NAME}(?:\\\\{0,3}["'])?\\s{0,3}(?:=>|:=|[:=])\\s{0,3}[bru]?(\\\\{0,3}["']))((?:(?!\\2)[^\\n]){1,4000}?)(?=\\2|$)`,
			'gim',
		),
		put: (all, head = '', _quote, value = '') => (EMPTY.test(value) ? all : head + MASK),
	},
	{
		find: new RegExp(
			`((?:\\b|_)${NAME}(?:\\\\{0,3}["'])?\\s{0,3}(?:=>|:=|[:=])\\s{0,3})([^\\s"'\\\\,;&)}\\]]{3,4000})`,
			'gi',
		),
		put: keepUnlessEmpty,
	},
	{ find: /(<(password|secret|token|apikey)>)[^<\n]{1,2000}(?=<\/)/gi, put: keepHead },
];

function keepUnlessEmpty(all: string, head = '', value = ''): string {
	return EMPTY.test(value) || isWorkingDirectory(head, value) ? all : head + MASK;
}

/** `PWD=/home/airflow` is where a shell stands. */
function isWorkingDirectory(head: string, value: string): boolean {
	return value.startsWith('/') && /(?:^|[^a-z])pwd["']?\s*[:=]/i.test(head);
}

/**
 * Foreign text without the secrets it carried: tokens and keys known by their shape, connection URIs, Authorization headers and
 * cookies, PEM blocks and service-account JSON, Fernet keys and tokens, and the values of names such as `password`. Everything
 * else stays as it was. Give it several lines at once where they belong together: a key may run over them.
 */
export function mask(text: string): string {
	let masked = text;
	for (const { find, put } of KINDS) masked = put ? masked.replace(find, put) : masked.replace(find, MASK);
	return masked;
}
