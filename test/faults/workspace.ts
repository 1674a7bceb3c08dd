import type { SimDag } from '../../src/sandbox/airflow/types.ts';
import type { Workspace } from '../../src/sandbox/slack/types.ts';

/** Done in about a third of a second. */
export const quick: SimDag = {
	id: 'quick',
	owner: 'tests',
	tags: [],
	file: 'quick.py',
	maxActiveRuns: 1000,
	tasks: [{ id: 'work', operator: 'PythonOperator', ms: 300 }],
};

/** Runs until a test ends it. */
export const slow: SimDag = {
	...quick,
	id: 'slow',
	file: 'slow.py',
	tasks: [{ id: 'work', operator: 'PythonOperator', ms: 3600_000 }],
};

/** Ann reads English, Ben Japanese. The bot is in C0OPEN, C0OTHER and in `more` channels C0FAULT0 …. */
export function people(more = 0): Workspace {
	return {
		name: 'Tests',
		users: [
			{ id: 'U0ANN', name: 'ann', realName: 'Ann Example', locale: 'en-US', tz: 'Etc/UTC' },
			{ id: 'U0BEN', name: 'ben', realName: 'Ben Example', locale: 'ja-JP', tz: 'Asia/Tokyo' },
			{ id: 'U0GUEST', name: 'guest', realName: 'Guest Example', locale: 'en-US', tz: 'Etc/UTC', guest: 'single' },
		],
		groups: [],
		channels: [
			{ id: 'C0OPEN', name: 'open', kind: 'public', members: ['bot', 'U0ANN', 'U0BEN', 'U0GUEST'] },
			{ id: 'C0OTHER', name: 'other', kind: 'public', members: ['bot', 'U0ANN', 'U0BEN'] },
			...Array.from({ length: more }, (_, index) => ({
				id: `C0FAULT${index}`,
				name: `fault-${index}`,
				kind: 'public' as const,
				members: ['bot', 'U0ANN'],
			})),
			{ id: 'C0ELSE', name: 'elsewhere', kind: 'public', members: ['U0ANN'] },
			{ id: 'G0PRIV', name: 'private', kind: 'private', members: ['U0ANN'] },
		],
	};
}
