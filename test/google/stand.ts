import { expect } from '@jest/globals';
import { budget } from '../../src/clients/base/budget.ts';
import { fixedToken, type GoogleToken } from '../../src/clients/base/google.ts';
import { iam } from '../../src/clients/iam.ts';
import { logging } from '../../src/clients/logging.ts';
import { monitoring } from '../../src/clients/monitoring.ts';
import { Trouble } from '../../src/domain/errors.ts';
import { house, type House } from '../sandbox/google-house.ts';

export const PLACE = { project: 'acme-data-prod', location: 'europe-west1', name: 'prod' };
export const FRAME = { from: '2026-11-24T11:00:00.000Z', to: '2026-11-24T13:00:00.000Z' };
const open: { close(): Promise<void> }[] = [];
/** For `afterEach`. */
export async function closeAll(): Promise<void> {
	for (const it of open.splice(0).reverse()) await it.close();
}

/** Closed already. */
export function forget(it: { close(): Promise<void> }): void {
	open.splice(open.indexOf(it), 1);
}

/** Closed with the others. */
export function alsoClose(it: { close(): Promise<void> }): void {
	open.push(it);
}

/** The stand-in of a project and every client in front of it. */
export async function stand(
	token: string | GoogleToken = 'bot',
	options: Parameters<typeof house>[0] = {},
	timeoutMs = 7500,
) {
	const it = await house(options);
	open.push(it.google);
	const google = typeof token === 'string' ? fixedToken(token) : token;
	const { rootUrl, loggingEndpoint } = it.google;
	const logs = logging(
		{ ...PLACE, loggingEndpoint, timeoutMs },
		google,
		budget(50, () => it.clock.now),
	);
	open.push(logs);
	return {
		...it,
		logs,
		metrics: monitoring({ ...PLACE, rootUrl, timeoutMs }, google),
		who: iam({ project: PLACE.project, rootUrl, timeoutMs }, google, () => it.clock.now),
		environment: environmentOf(it, 'prod'),
	};
}
export type Stand = Awaited<ReturnType<typeof stand>>;

export function environmentOf({ world }: House, name: string) {
	const found = world.environments.get(name);
	if (!found) throw new Error(`no ${name}`);
	return found;
}

export async function refusal(work: Promise<unknown>): Promise<Trouble> {
	try {
		await work;
	} catch (error) {
		if (!(error instanceof Trouble)) throw error;
		expect(error.ja?.message).toMatch(/[぀-ヿ一-鿿]/);
		if (error.hint !== undefined) expect(error.ja?.hint).toMatch(/[぀-ヿ一-鿿]/);
		return error;
	}
	throw new Error('Nothing was refused.');
}
