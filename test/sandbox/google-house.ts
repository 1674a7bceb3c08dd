import { readRoles } from '../../src/domain/needs.ts';
import { OAuth2Client } from 'google-auth-library';
import { startGoogle, type GoogleOptions, type SandboxGoogle } from '../../src/sandbox/google/index.ts';
import { addCaller, addEnvironment } from '../../src/sandbox/world/environments.ts';
import { openWorld, type World } from '../../src/sandbox/world/world.ts';

export type House = {
	world: World;
	google: SandboxGoogle;
	clock: { now: number };
};

/** A project with a Composer 3 `prod` and a Composer 2 `staging`, a bot that may read, a reader of logs,
 * an owner, and a caller without any right. */
export async function house(options: GoogleOptions = {}): Promise<House> {
	const clock = { now: Date.parse('2026-11-24T12:00:00Z') };
	const world = openWorld({ project: 'acme-data-prod', number: '481516234200', now: () => clock.now });
	addEnvironment(world, {
		name: 'prod',
		imageVersion: 'composer-3-airflow-3.1.7-build.7',
		airflowUri: 'https://prod.example',
	});
	addEnvironment(world, {
		name: 'staging',
		imageVersion: 'composer-2.16.10-airflow-2.11.1',
		airflowUri: 'https://staging.example',
	});
	addCaller(world, 'bot', 'concertmaster@acme-data-prod.iam.gserviceaccount.com', readRoles());
	addCaller(world, 'owner', 'owner@acme.example', ['roles/owner']);
	addCaller(world, 'reader', 'reader@acme.example', ['roles/logging.viewer']);
	addCaller(world, 'nobody', 'nobody@acme.example');
	return { world, google: await startGoogle(world, { tailMs: 20, ...options }), clock };
}

/** Google's own auth client with a fixed token. */
export function tokenOf(token: string): OAuth2Client {
	const auth = new OAuth2Client();
	auth.setCredentials({ access_token: token });
	return auth;
}

/** Options for any of googleapis' APIs. */
export const against = (google: SandboxGoogle, token = 'bot') => ({
	rootUrl: google.rootUrl,
	auth: tokenOf(token),
	retry: false,
	timeout: 2000,
});

/** What googleapis threw, as Google's error. */
export async function refusalOf(work: Promise<unknown>): Promise<{
	code: number;
	status?: string;
	message: string;
	details?: { reason?: string; metadata?: Record<string, string> }[];
	errors?: { reason: string }[];
}> {
	try {
		await work;
	} catch (error) {
		const body = (error as { response?: { data?: { error?: never } } }).response?.data?.error;
		if (body === undefined) throw error;
		return body;
	}
	throw new Error('Nothing was refused.');
}
