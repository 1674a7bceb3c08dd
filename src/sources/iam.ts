import { absent, type Sources } from '../collect.ts';
import type { GoogleClients } from './google-clients.ts';
import { needed } from './needed.ts';

type Clients = Pick<GoogleClients, 'keep' | 'composer'> & { iam: NonNullable<GoogleClients['iam']> };

/** Who holds what around the environment. One call each; whose account and bucket it is, Composer has usually told already. */
export function iamSources({ iam, composer, keep }: Clients): Sources {
	const account = async (): Promise<string> => {
		const { environment } = await composer.describe();
		if (environment.serviceAccount === undefined) throw absent(NO_ACCOUNT);
		return environment.serviceAccount;
	};
	return {
		projectPolicy: {
			...needed('projectPolicy'),
			read: () => keep('projectPolicy', null, () => iam.projectPolicy()),
		},
		serviceAccountPolicy: {
			...needed('serviceAccountPolicy'),
			async read() {
				const email = await account();
				return keep('accountPolicy', email, () => iam.accountPolicy(email));
			},
		},
		serviceAccount: {
			...needed('serviceAccount'),
			async read() {
				const email = await account();
				return keep('serviceAccount', email, () => iam.account(email));
			},
		},
		accountPolicy: {
			...needed('accountPolicy'),
			async read({ account: email }) {
				return email === undefined ? [] : keep('accountPolicy', email, () => iam.accountPolicy(email));
			},
		},
		bucketPolicy: {
			...needed('bucketPolicy'),
			async read(failed) {
				const bucket = failed.bucket ?? (await composer.describe()).environment.bucket;
				if (bucket === undefined) throw absent(NO_BUCKET);
				return keep('bucketPolicy', bucket, () => iam.bucketPolicy(bucket));
			},
		},
		enabledApis: {
			...needed('enabledApis'),
			read: () => keep('enabledApis', null, () => iam.enabledApis()),
		},
	};
}

const NO_ACCOUNT = {
	en: 'the environment names no service account of its own',
	ja: '環境にサービスアカウントが設定されていません',
};
const NO_BUCKET = { en: 'the environment names no bucket', ja: '環境にバケットが設定されていません' };
