import * as fc from 'fast-check';

const of = (alphabet: string, min: number, max = min) =>
	fc.string({ unit: fc.constantFrom(...alphabet), minLength: min, maxLength: max });
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const UPPER = LOWER.toUpperCase();
const DIGIT = '0123456789';
const HEX = `${DIGIT}abcdef`;
const ALNUM = LOWER + UPPER + DIGIT;
const URL64 = `${ALNUM}-_`;
const word = of(LOWER, 3, 10);
/** A password as people make them: no blank, at least one digit. */
const password = fc
	.tuple(of(ALNUM, 4, 12), of(DIGIT, 1, 3), of(`${ALNUM}!$%^*~.-_+`, 4, 16))
	.map((parts) => parts.join(''));
const base64 = (bytes: number) =>
	fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((raw) => Buffer.from(raw).toString('base64'));
const base64url = (bytes: number) => base64(bytes).map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
const jwt = fc
	.tuple(of(URL64, 20, 60), of(URL64, 40, 200), of(URL64, 30, 60))
	.map(([a, b, c]) => `eyJ${a}.eyJ${b}.${c}`);

/** `text`: what stands in the log; `secret`: what must not come out. */
export type Planted = { text: string; secret: string };
const shape = (secret: fc.Arbitrary<string>): fc.Arbitrary<Planted> =>
	secret.map((each) => ({ text: each, secret: each }));
const inside = (secret: fc.Arbitrary<string>, put: (secret: string, name: string) => string): fc.Arbitrary<Planted> =>
	fc.tuple(secret, word).map(([each, name]) => ({ text: put(each, name), secret: each }));

/** Forty-odd kinds of secrets, as software and people write them. */
export const SECRETS: Readonly<Record<string, fc.Arbitrary<Planted>>> = {
	'Google access token': shape(of(URL64, 30, 180).map((s) => `ya29.${s}`)),
	'Google refresh token': shape(of(URL64, 40, 100).map((s) => `1//0${s}`)),
	'Google API key': shape(of(URL64, 35).map((s) => `AIza${s}`)),
	'Google client secret': shape(of(URL64, 28).map((s) => `GOCSPX-${s}`)),
	'identity token': shape(jwt),
	'service-account JSON': fc.array(base64(48), { minLength: 3, maxLength: 20 }).map((lines) => ({
		text: JSON.stringify({
			type: 'service_account',
			project_id: 'p',
			private_key_id: 'ab12',
			private_key: `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`,
			client_email: 'a@p.iam.gserviceaccount.com',
		}),
		secret: lines[1] ?? '',
	})),
	'PEM block': fc.array(base64(48), { minLength: 3, maxLength: 12 }).map((lines) => ({
		text: `-----BEGIN RSA PRIVATE KEY-----\n${lines.join('\n')}\n-----END RSA PRIVATE KEY-----`,
		secret: lines[1] ?? '',
	})),
	'PEM block cut off at its beginning': fc
		.array(base64(48), { minLength: 3, maxLength: 6 })
		.map((lines) => ({ text: `${lines.join('\n')}\n-----END PRIVATE KEY-----`, secret: lines[1] ?? '' })),
	'Fernet key': inside(base64url(32), (s) => `AIRFLOW__CORE__FERNET_KEY=${s}`),
	'bare Fernet key': shape(base64url(32)),
	'Fernet token': shape(of(URL64, 80, 160).map((s) => `gAAAAA${s}==`)),
	'GitHub token': shape(
		fc.tuple(fc.constantFrom('ghp', 'gho', 'ghu', 'ghs', 'ghr'), of(ALNUM, 36)).map(([kind, s]) => `${kind}_${s}`),
	),
	'GitHub fine-grained token': shape(of(`${ALNUM}_`, 82).map((s) => `github_pat_${s}`)),
	'GitLab token': shape(of(URL64, 20).map((s) => `glpat-${s}`)),
	'Slack token': shape(
		fc.tuple(fc.constantFrom('b', 'p', 'a', 's'), of(DIGIT, 11), of(ALNUM, 24)).map(([k, a, b]) => `xox${k}-${a}-${b}`),
	),
	'Slack app token': shape(of(ALNUM, 60).map((s) => `xapp-1-A0${s}`)),
	'Slack webhook': inside(of(ALNUM, 24), (s) => `https://hooks.slack.com/services/T00000000/B00000000/${s}`),
	'AWS key id': shape(of(UPPER + DIGIT, 16).map((s) => `AKIA${s}`)),
	'AWS secret key': inside(of(`${ALNUM}/+`, 40), (s) => `aws_secret_access_key = ${s}`),
	'AWS session token': inside(of(`${ALNUM}/+`, 100, 200), (s) => `AWS_SESSION_TOKEN=${s}`),
	'Azure storage key': inside(
		base64(64),
		(s) => `DefaultEndpointsProtocol=https;AccountName=x;AccountKey=${s};EndpointSuffix=core.windows.net`,
	),
	'signed URL': inside(
		of(HEX, 64, 128),
		(s) => `GET https://storage.googleapis.com/b/o?X-Goog-Algorithm=GOOG4&X-Goog-Signature=${s}`,
	),
	'shared access signature': inside(
		of(ALNUM, 43),
		(s) => `https://x.blob.core.windows.net/c?sv=2024-01-01&sig=${s}%3D&se=2026`,
	),
	'Stripe key': shape(of(ALNUM, 24, 90).map((s) => `sk_live_${s}`)),
	'model provider key': shape(
		fc.tuple(fc.constantFrom('', 'ant-api03-', 'proj-'), of(URL64, 40, 90)).map(([kind, s]) => `sk-${kind}${s}`),
	),
	'SendGrid key': shape(fc.tuple(of(URL64, 22), of(URL64, 43)).map(([a, b]) => `SG.${a}.${b}`)),
	'Twilio key': shape(of(HEX, 32).map((s) => `SK${s}`)),
	'npm token': shape(of(ALNUM, 36).map((s) => `npm_${s}`)),
	'PyPI token': shape(of(URL64, 100, 180).map((s) => `pypi-AgEIcHlwaS5vcmc${s}`)),
	'Databricks token': shape(of(HEX, 32).map((s) => `dapi${s}`)),
	'Vault token': shape(of(ALNUM, 24, 90).map((s) => `hvs.${s}`)),
	'Hugging Face token': shape(of(ALNUM, 34).map((s) => `hf_${s}`)),
	'DigitalOcean token': shape(of(HEX, 64).map((s) => `dop_v1_${s}`)),
	'Telegram bot token': shape(fc.tuple(of('123456789', 9), of(URL64, 33)).map(([a, b]) => `${a}:AA${b}`)),
	'connection URI': fc
		.tuple(
			fc.constantFrom(
				'postgresql',
				'postgresql+psycopg2',
				'mysql',
				'redis',
				'amqp',
				'mongodb+srv',
				'snowflake',
				'https',
			),
			password,
			word,
		)
		.map(([scheme, secret, host]) => ({ text: `${scheme}://svc:${secret}@${host}.internal:5432/db`, secret })),
	'URI with a bare password': inside(password, (s, host) => `redis://:${s}@${host}:6379/0`),
	'Basic header': inside(base64(24), (s) => `> Authorization: Basic ${s}`),
	'Bearer header': inside(
		of(URL64, 24, 80).map((s) => `${s}9`),
		(s) => `{'Authorization': 'Bearer ${s}', 'Accept': '*/*'}`,
	),
	'API key header': inside(password, (s) => `X-Api-Key: ${s}`),
	cookie: inside(of(URL64, 40, 90), (s) => `Cookie: session=${s}; theme=dark`),
	'password=': inside(password, (s, name) => `connecting with user=${name} password=${s} to db`),
	'"password":': inside(password, (s, name) => `{"login": "${name}", "password": "${s}", "port": 5432}`),
	"'password':": inside(password, (s, name) => `conn.extra = {'user': '${name}', 'db_password': '${s}'}`),
	'escaped JSON': inside(password, (s) => `payload: "{\\"client_secret\\": \\"${s}\\", \\"a\\": 1}"`),
	'words in quotes': inside(
		fc.tuple(password, word, password).map((parts) => parts.join(' ')),
		(s) => `secret = "${s}"`,
	),
	'environment variable': inside(password, (s, name) => `export ${name.toUpperCase()}_API_KEY=${s}`),
	'command-line option': inside(password, (s) => `running: tool --token ${s} --verbose`),
	'curl -u': inside(password, (s, name) => `$ curl -u ${name}:${s} https://example.com/`),
	'token in a query': inside(of(ALNUM, 20, 60), (s) => `GET /v1/rows?access_token=${s}&page=2`),
	YAML: inside(password, (s) => `    passphrase: ${s}`),
};
