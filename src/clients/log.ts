import { pino } from 'pino';
import type { Log } from '../domain/log.ts';

const SEVERITY: Record<string, string> = { debug: 'DEBUG', info: 'INFO', warn: 'WARNING', error: 'ERROR' };

/**
 * JSON lines on standard error as Cloud Logging reads them. Standard output is left to what people and machines read.
 * Source: https://cloud.google.com/logging/docs/structured-logging
 */
export function jsonLog(level: string, name: string): Log {
	return pino(
		{
			level,
			messageKey: 'message',
			base: { process: name },
			formatters: { level: (label) => ({ severity: SEVERITY[label] ?? 'DEFAULT' }) },
			timestamp: () => `,"time":"${new Date().toISOString()}"`,
		},
		pino.destination({ dest: 2, sync: true }),
	);
}
