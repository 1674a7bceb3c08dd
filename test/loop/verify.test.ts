import { describe, expect, test } from '@jest/globals';
import { createHmac } from 'node:crypto';
import { isResponseUrl } from '../../src/clients/slack.ts';
import { isOurs, isSigned, originOf } from '../../src/slack/verify.ts';

const secret = 'shhh';
const now = 1_790_000_000_000;
const sign = (body: string, at: number): string =>
	`v0=${createHmac('sha256', secret).update(`v0:${at}:${body}`).digest('hex')}`;

describe('signatures', () => {
	test.each([
		['now', 0, true],
		['59 s old clock ahead', 59, true],
		['61 s in the future', 61, false],
		['an hour in the future', 3600, false],
		['4 min 59 s old', -299, true],
		['5 min 1 s old', -301, false],
	])('%s', (_name, offset, expected) => {
		const at = now / 1000 + offset;
		expect(isSigned(secret, sign('body', at), String(at), 'body', now)).toBe(expected);
	});

	test('another body, another secret, no signature, no number', () => {
		const at = now / 1000;
		expect(isSigned(secret, sign('body', at), String(at), 'body2', now)).toBe(false);
		expect(isSigned('other', sign('body', at), String(at), 'body', now)).toBe(false);
		expect(isSigned(secret, undefined, String(at), 'body', now)).toBe(false);
		expect(isSigned(secret, 'v0=00', String(at), 'body', now)).toBe(false);
		expect(isSigned(secret, sign('body', at), `${at} `, 'body', now)).toBe(false);
		expect(isSigned(secret, sign('body', at), undefined, 'body', now)).toBe(false);
	});
});

describe('whom a payload is for', () => {
	const ours = { team: 'T1', app: 'A1' };
	test.each([
		['slash command', { team_id: 'T1', api_app_id: 'A1' }, true],
		['click', { team: { id: 'T1' }, user: { id: 'U', team_id: 'T9' }, api_app_id: 'A1' }, true],
		['other team', { team_id: 'T2', api_app_id: 'A1' }, false],
		['other app', { team_id: 'T1', api_app_id: 'A2' }, false],
		['no app', { team_id: 'T1' }, false],
		['no team', { api_app_id: 'A1' }, false],
		['a team that is no string', { team_id: ['T1'], api_app_id: 'A1' }, false],
	])('%s', (_name, body, expected) => expect(isOurs(originOf(body), ours)).toBe(expected));

	test('an app id that is not known is not checked', () => {
		expect(isOurs({ team: 'T1', app: 'A2' }, { team: 'T1', app: undefined })).toBe(true);
	});
});

describe('response_url', () => {
	test.each([
		['https://hooks.slack.com/commands/T/1/x', undefined, true],
		['http://hooks.slack.com/commands/T/1/x', undefined, false],
		['https://hooks.slack.com.evil.example/x', undefined, false],
		['https://user:pass@hooks.slack.com/x', undefined, false],
		['https://hooks.slack.com:8443/x', undefined, false],
		['https://evil.example/x', undefined, false],
		['http://127.0.0.1:9000/commands/1', undefined, false],
		['http://127.0.0.1:9000/commands/1', 'http://127.0.0.1:9000/api/', true],
		['http://127.0.0.1:9001/commands/1', 'http://127.0.0.1:9000/api/', false],
		['http://10.0.0.5/commands/1', 'http://10.0.0.5/api/', false],
		['https://slack.internal/commands/1', 'https://slack.internal/api/', true],
		['http://169.254.169.254/latest', 'https://slack.internal/api/', false],
		['file:///etc/passwd', undefined, false],
		['not a url', undefined, false],
	])('%s with %s', (url, apiUrl, expected) => expect(isResponseUrl(url, apiUrl)).toBe(expected));
});
