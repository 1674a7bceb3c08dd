import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const service = z.object({
	image: z.string(),
	build: z.string().optional(),
	command: z.array(z.string()),
	healthcheck: z.object({ test: z.array(z.string()).min(2) }),
	restart: z.literal('unless-stopped'),
	depends_on: z.record(z.string(), z.object({ condition: z.literal('service_healthy') })).optional(),
	ports: z.array(z.string()).optional(),
	container_name: z.undefined().optional(),
	environment: z.record(z.string(), z.string()).optional(),
	volumes: z.array(z.string()).optional(),
});
const compose = z
	.object({
		services: z.object({ redis: service, slack: service, worker: service }).strict(),
		volumes: z.object({ redis: z.null() }),
	})
	.parse(parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }));
const dockerfile = readFileSync('Dockerfile', 'utf8');

describe('docker compose up', () => {
	test('Redis keeps what it acknowledged and evicts nothing', () => {
		expect(compose.services.redis.command.join(' ')).toMatch(/--appendonly yes.*--maxmemory-policy noeviction/);
	});

	test('Slack process and worker are one image with another argument, and wait for Redis', () => {
		const { slack, worker } = compose.services;
		expect([slack.image, slack.build, slack.command, worker.command]).toEqual([
			worker.image,
			worker.build,
			['slack'],
			['worker'],
		]);
		for (const bot of [slack, worker]) {
			expect(bot.depends_on).toEqual({ redis: { condition: 'service_healthy' } });
			expect(bot.environment?.['REDIS_URL']).toBe('redis://redis:6379');
		}
	});

	test('worker can be scaled: no fixed name, no host port', () => {
		expect(compose.services.worker.ports).toBeUndefined();
		expect(compose.services.worker.container_name).toBeUndefined();
	});

	test('only loopback is opened on the host', () => {
		for (const port of compose.services.slack.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
	});

	test('the image is multi-stage, without development packages, and does not run as root', () => {
		expect(dockerfile.match(/^FROM /gm)).toHaveLength(2);
		expect(dockerfile).toMatch(/npm ci --omit=dev/);
		expect(
			dockerfile
				.trimEnd()
				.split('\n')
				.findLast((line) => line.startsWith('USER')),
		).toBe('USER node');
		expect(dockerfile).toMatch(/ENTRYPOINT \["node", "src\/main.ts"\]/);
	});
});
