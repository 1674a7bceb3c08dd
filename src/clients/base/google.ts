import { GoogleAuth } from 'google-auth-library';

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

function make(): GoogleAuth {
	return new GoogleAuth({ scopes: ['https://www.googleapis.com/auth/cloud-platform'] });
}
