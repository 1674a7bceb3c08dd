import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseRedisAddress } from '../../src/clients/base/redis-address.ts';

const nobody = { username: undefined, password: undefined };

test.each([
	['redis://h:6379/2', { kind: 'single', url: 'redis://h:6379/2' }],
	['rediss://:p@h', { kind: 'single', url: 'rediss://:p@h' }],
	['/run/redis.sock', { kind: 'single', url: '/run/redis.sock' }],
	[
		'redis+sentinel://a,b:26380/main/3',
		{
			kind: 'sentinel',
			nodes: [
				{ host: 'a', port: 26_379 },
				{ host: 'b', port: 26_380 },
			],
			master: 'main',
			db: 3,
			tls: false,
			...nobody,
		},
	],
	[
		'rediss+cluster://bot:p%40ss@10.0.0.1:7000,[::1]:7001',
		{
			kind: 'cluster',
			nodes: [
				{ host: '10.0.0.1', port: 7000 },
				{ host: '::1', port: 7001 },
			],
			tls: true,
			username: 'bot',
			password: 'p@ss',
		},
	],
	['redis+sentinel://a,b', undefined],
	['redis+cluster://a/db', undefined],
	['redis+cluster://a:99999', undefined],
	['redis+cluster://', undefined],
	['redis+cluster://:%zz@a', undefined],
	['http://user:pw@x', undefined],
	['redis', undefined],
])('%s', (text, address) => {
	expect(parseRedisAddress(text)).toEqual(address);
});

test('a password of any characters comes back, and no text makes it throw', () => {
	fc.assert(
		fc.property(fc.string({ minLength: 1 }), fc.string(), (password, noise) => {
			const read = parseRedisAddress(`redis+sentinel://:${encodeURIComponent(password)}@a/main`);
			expect(read).toMatchObject({ kind: 'sentinel', password });
			parseRedisAddress(noise);
			parseRedisAddress(`redis+cluster://${noise}`);
		}),
	);
});
