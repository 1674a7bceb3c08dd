import { setTimeout as sleep } from 'node:timers/promises';
import { buildDeps } from './build-deps.ts';
import { patientRedis } from './clients/base/redis.ts';
import { jsonLog } from './clients/log.ts';
import { loadConfig, problemsText } from './config.ts';
import { mask } from './domain/mask.ts';
import { visible } from './domain/text.ts';

/**
 * `npm run doctor`: settings, Slack, Redis and every Airflow, one line each when all is well, else one for each thing that
 * lacks. Resolves to the exit code: 0 when everything works, also where something is not seen.
 */
export async function runDoctor(): Promise<number> {
	const loaded = loadConfig();
	if (loaded.kind === 'none') {
		process.stdout.write(
			'There are no settings (no concertmaster.yaml, no SLACK_… variables): `npm start` opens the demo.\nWhat the bot needs: docs/install.md\n',
		);
		return 1;
	}
	if (loaded.kind === 'problems') {
		process.stdout.write(problemsText(loaded.problems));
		return 1;
	}
	const { config } = loaded;
	const redis = patientRedis(config.redisUrl, (error) => void error);
	const deps = buildDeps(config, redis, jsonLog('silent', 'doctor'));
	// What is up says so within milliseconds.
	for (let i = 0; i < 30 && redis.status !== 'ready'; i++) await sleep(100);
	const checks = await deps.checkups();
	redis.disconnect();
	const lang = config.lang;
	for (const { what, ok, partly, found, mend } of checks) {
		process.stdout.write(`${partly ? '⚠️ ' : ok ? '✅' : '❌'} ${what}: ${visible(mask(found[lang]))}\n`);
		if (mend) process.stdout.write(`   → ${visible(mask(mend[lang]))}\n`);
	}
	return checks.every(({ ok }) => ok) ? 0 : 1;
}
