/** What stands in a secret's place. */
export const MASK = '***';

type Kind = { find: RegExp; keep?: (match: string, ...groups: string[]) => string };

const SECRET_KEY =
	'(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|apikey|access[_-]?key|secret[_-]?key|private[_-]?key|client[_-]?secret|fernet[_-]?key|auth[_-]?token|credential|sas|signature)';

// Order matters: whole structures first, then shapes that are known by themselves, then values known by their key.
const KINDS: readonly Kind[] = [
	{
		find: /-----BEGIN [A-Z0-9 ]{0,40}(?:PRIVATE KEY|CERTIFICATE)[A-Z0-9 ]{0,10}-----[^]{0,16000}?(?:-----END [A-Z0-9 ]{0,60}-----|$)/g,
	},
	{ find: /\beyJ[\w-]{5,4000}\.[\w-]{2,8000}(?:\.[\w-]{0,8000}){0,3}/g },
	{ find: /\bya29\.[\w.-]{10,2000}/g },
	{ find: /\bAIza[\w-]{30,45}/g },
	{ find: /\bGOCSPX-[\w-]{20,60}/g },
	{ find: /\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{30,255}\b/g },
	{ find: /\bgithub_pat_\w{22,255}/g },
	{ find: /\bglpat-[\w-]{18,64}/g },
	{ find: /\bxox[abeoprs]-[\w-]{8,255}/g },
	{ find: /\bxapp-\d-[\w-]{8,255}/g },
	{ find: /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b/g },
	{ find: /\b(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,255}/g },
	{ find: /\bsk-(?:ant-|proj-|svcacct-)?[\w-]{20,255}/g },
	{ find: /\bSG\.[\w-]{16,32}\.[\w-]{16,64}/g },
	{
		find: /\b(authorization["']?\s{0,3}[:=]\s{0,3}["']?(?:basic|bearer|token|digest|negotiate)\s{1,3})[^\s"',;]{3,8000}/gi,
		keep: (_, head = '') => head + MASK,
	},
	{ find: /\b(bearer\s{1,3})[\w.~+/=-]{12,8000}/gi, keep: (_, head = '') => head + MASK },
	{
		find: /([a-z][a-z0-9+.-]{1,40}:\/\/[^\s:@/'"]{0,200}:)[^\s@/'"]{1,500}(?=@)/gi,
		keep: (_, head = '') => head + MASK,
	},
	{
		find: new RegExp(
			`(["']?[\\w.-]{0,60}${SECRET_KEY}["']?\\s{0,3}(?:=>|[:=])\\s{0,3}["']?)([^\\s"',;&)}\\]]{3,4000})`,
			'gi',
		),
		keep: (all, head = '', value = '') =>
			/^(?:\*{3,}|none|null|true|false|undefined|\{\{|<)/i.test(value) ? all : head + MASK,
	},
	{ find: /(?<![\w/+-])[\w-]{43}=(?![\w=])/g },
];

/** Foreign text without the secrets it carried. Known shapes and known keys; everything else stays as it was. */
export function mask(text: string): string {
	let masked = text;
	for (const { find, keep } of KINDS) masked = keep ? masked.replace(find, keep) : masked.replace(find, MASK);
	return masked;
}
