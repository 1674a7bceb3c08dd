import { jsonEntries } from './logs-json.ts';
import type { LoggedTry } from './logs.ts';
import { textLines } from './logs-text.ts';
import type { Entry } from './types.ts';

/** What the task and its runner wrote, in the words of this generation, whether or not it arrived anywhere. */
export function logEntries(api: 1 | 2, one: LoggedTry): Entry[] {
	return api === 1 ? textLines(one).map(({ at, level, text }) => ({ at, level, text })) : jsonEntries(one);
}
