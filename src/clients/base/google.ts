import { GoogleAuth, OAuth2Client } from 'google-auth-library';
import { Trouble } from '../../domain/errors.ts';
import { countCall } from './calls.ts';
import { callGoogle, type Asking } from './google-trouble.ts';

/** Google's OAuth2 access token of whoever we are. Not an OIDC ID token: Composer 2 and 3 refuse those. */
export type GoogleToken = {
	/** Cached until shortly before it ends. `fresh` forgets the cached one first. Rejects with google-auth-library's error. */
	token(options?: { fresh?: boolean }): Promise<string>;
	/** Service account or user, when it can be told. */
	who(): Promise<string | undefined>;
};

/** Application default credentials: the metadata server, GOOGLE_APPLICATION_CREDENTIALS, or gcloud's own login. */
export function applicationDefault(): GoogleToken {
	// A new GoogleAuth is the documented way to drop a client's cached token.
	let auth = make();
	return {
		async token({ fresh } = {}) {
			if (fresh) auth = make();
			const token = await auth.getAccessToken();
			if (!token) throw new Error('No access token came back.');
			return token;
		},
		async who() {
			const { client_email } = await auth.getCredentials();
			return client_email;
		},
	};
}

/** A token that was handed in: stand-ins, and short trials with `gcloud auth print-access-token`. */
export function fixedToken(accessToken: string): GoogleToken {
	return { token: () => Promise.resolve(accessToken), who: () => Promise.resolve(undefined) };
}

/** Every Google call goes through here: with our token, once more with a fresh one when that was refused, failures as Trouble. */
export async function askGoogle<T>(
	google: GoogleToken,
	asking: Asking,
	ask: (token: string) => Promise<T>,
): Promise<T> {
	return callGoogle(asking, async (fresh) => {
		const token = await tokenOf(google, fresh);
		countCall();
		return ask(token);
	});
}

/** What every client of googleapis is made with. googleapis retries by itself and multiplies time limits, hence `retry: false`. */
export function restOptions(
	token: string,
	{ rootUrl, timeoutMs = 20_000 }: { rootUrl?: string | undefined; timeoutMs?: number },
) {
	const auth = new OAuth2Client();
	auth.setCredentials({ access_token: token });
	return {
		auth,
		timeout: timeoutMs,
		retry: false,
		...(rootUrl === undefined ? {} : { rootUrl: rootUrl.endsWith('/') ? rootUrl : `${rootUrl}/` }),
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

function make(): GoogleAuth {
	return new GoogleAuth({ scopes: ['https://www.googleapis.com/auth/cloud-platform'] });
}
