import { OAuth2Client } from 'google-auth-library';

/** Google's public keys by key id, PEM. */
export type Certificates = Readonly<Record<string, string>>;

export type IdTokens = {
	/** Whose token it is, when Google signed it for this audience and it is in force; undefined otherwise. Rejects when Google's keys cannot be had. */
	emailOf(token: string, audience: string): Promise<string | undefined>;
};

const ISSUERS = ['https://accounts.google.com', 'accounts.google.com'];
/** A token for a push lives for an hour. Seconds. */
const LONGEST_S = 2 * 3600;

/**
 * Google's OIDC ID tokens, as Pub/Sub sends one with each push. `certificates`: Google's own, kept as long as their headers say.
 * Source: cloud.google.com/pubsub/docs/authenticate-push-subscriptions
 */
export function idTokens(certificates?: () => Promise<Certificates>): IdTokens {
	const client = new OAuth2Client();
	const certs = certificates ?? (async () => (await client.getFederatedSignonCertsAsync()).certs);
	return {
		async emailOf(token, audience) {
			const keys = await certs();
			try {
				const ticket = await client.verifySignedJwtWithCertsAsync(token, { ...keys }, audience, ISSUERS, LONGEST_S);
				const payload = ticket.getPayload();
				return payload?.email_verified === true ? payload.email : undefined;
			} catch {
				// Malformed, another audience or issuer, too old, not Google's signature: all the same to whoever sent it.
				return undefined;
			}
		},
	};
}
