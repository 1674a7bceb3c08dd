import { GoogleAuth, OAuth2Client } from 'google-auth-library';

type CallOptions = { otherArgs: { headers: Record<string, string[]> } };

/** What we use of the generated client, which its package types as `any`. Answers are read through schemas. */
export type Generated = {
	initialize(): Promise<unknown>;
	listLogEntries(
		request: { resourceNames: string[]; filter: string; orderBy: string; pageSize: number; pageToken?: string },
		options: CallOptions & {
			autoPaginate: boolean;
			timeout: number;
			maxRetries: number;
			retry: { retryCodes: number[] };
		},
	): Promise<readonly [unknown, unknown, unknown]>;
	tailLogEntries(options: CallOptions): TailStream;
	close(): Promise<void>;
};

export type TailStream = {
	on(event: 'data' | 'error', listener: (value: unknown) => void): unknown;
	on(event: 'end', listener: () => void): unknown;
	write(request: { resourceNames: string[]; filter: string; bufferWindow: { seconds: number } }): unknown;
	cancel(): void;
};

/**
 * The generated client of @google-cloud/logging: the hand-written one around it adds a filter and a project of its own. Its own
 * look for credentials is switched off; the token comes with each call. `endpoint`: a stand-in, without TLS.
 */
export async function generated(endpoint: string | undefined): Promise<Generated> {
	const [{ v2 }, { credentials }] = await Promise.all([import('@google-cloud/logging'), import('@grpc/grpc-js')]);
	const [, host, port] = /^(.+):(\d+)$/.exec(endpoint ?? '') ?? [];
	const client: Generated = new v2.LoggingServiceV2Client({
		...(host === undefined ? {} : { servicePath: host.replace(/^\[|\]$/g, ''), port: Number(port) }),
		sslCreds: endpoint === undefined ? credentials.createSsl() : credentials.createInsecure(),
		auth: new GoogleAuth({ authClient: new OAuth2Client() }),
	});
	// Called here because its methods would call it and leave a failure unhandled.
	await client.initialize();
	return client;
}
