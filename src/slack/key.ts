import { createHash } from 'node:crypto';

/** Job id, run id and message key come from it: a repeated delivery is the same command. */
export function keyOf(triggerId: string): string {
	return createHash('sha256').update(triggerId).digest('hex').slice(0, 24);
}
