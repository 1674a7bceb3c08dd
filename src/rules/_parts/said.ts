import type { SourceName, Verified } from '../../domain/evidence.ts';
import type { Facts } from '../../domain/rule.ts';

type More = { at?: string | undefined; facts?: Facts | undefined };

/** What a rule makes of a source, in both languages. */
const of =
	(status: Verified['status']) =>
	(source: SourceName, en: string, ja: string, more: More = {}): Verified => ({
		status,
		because: { en, ja },
		source,
		...more,
	});

export const confirmed = of('confirmed');
export const likely = of('likely');
export const unlikely = of('unlikely');
export const beside = of('beside');
export const ruledOut = of('ruled-out');
