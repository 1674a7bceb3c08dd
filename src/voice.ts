import { execute } from '../commands/execute.ts';
import { route } from '../commands/route.ts';
import type { Voice } from './bot.ts';
import { openForm } from './slack/form-door.ts';
import { render, wordsOf } from './slack/render.ts';

/** A button whose words cannot be kept in time must not cost the answer its three seconds. */
const KEEP_MS = 500;

/** What the bot says, bound to its store. */
export const voice: Voice = (deps) => {
	const keep = (words: string): Promise<string> =>
		new Promise((done, refuse) => {
			const timer = setTimeout(() => refuse(new Error('Redis did not keep the words of a button in time.')), KEEP_MS);
			deps.store
				.keepWords(words)
				.then(done, refuse)
				.finally(() => clearTimeout(timer));
		});
	return {
		execute,
		route: (typed, asker) => route(typed, asker, deps),
		render: (reply, lang) => render(reply, lang, keep),
		wordsOf: (action) => wordsOf(action, (short) => deps.store.words(short)),
		openForm: (form, typed, asker, triggerId) => openForm(deps, form, typed, asker, triggerId),
	};
};
