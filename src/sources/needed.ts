import type { SourceName } from '../domain/evidence.ts';
import { needOf } from '../domain/needs.ts';

/** What one needs to read a source, as a gap tells it. */
export function needed(source: SourceName): { permission: string; role: string } {
	const need = needOf(source);
	if (!need) throw new Error(`domain/needs.ts does not say what ${source} takes.`);
	return { permission: need.permission, role: need.role };
}
