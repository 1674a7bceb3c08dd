import type { App } from '@slack/bolt';
import { z } from 'zod';
import { asTrouble } from '../../commands/_parts/trouble.ts';
import { mayDo } from '../access/roles.ts';
import type { BotDeps } from '../build-deps.ts';
import type { Asker, Typed } from '../deps.ts';
import { Trouble } from '../domain/errors.ts';
import type { Lang, Text } from '../domain/text.ts';
import type { Doors } from './doors.ts';
import {
	DAG_OPTIONS,
	dagOfOption,
	dagOptions,
	dagPickerView,
	PARAMS,
	paramsView,
	PICKER,
	pickedOption,
	readMemory,
	wordsFromSubmission,
} from './forms.ts';
import { keyOf } from './key.ts';
import type { Said, Taken } from './take.ts';

/** Slack waits three seconds for options and submissions; Airflow may take this much of them. */
const AIRFLOW_MS = 2000;
const KNOWN_MS = 5 * 60_000;

const optionsBody = z.object({
	action_id: z.string(),
	value: z.string().optional(),
	user: z.object({ id: z.string() }),
	view: z.object({ private_metadata: z.string().optional() }).optional(),
});
const viewBody = z.object({
	user: z.object({ id: z.string() }),
	team: z.object({ id: z.string() }).nullish(),
	view: z.object({
		id: z.string(),
		callback_id: z.string(),
		private_metadata: z.string().optional(),
		state: z.object({ values: z.unknown() }),
		blocks: z.array(z.object({ type: z.string(), block_id: z.string().optional() })),
	}),
});

const SLOW: Text = {
	en: 'Airflow did not answer in time. Please press the button again.',
	ja: 'Airflow の応答が間に合いませんでした。もう一度ボタンを押してください。',
};
const GONE: Text = {
	en: 'This DAG cannot be found any more, or you may not start it.',
	ja: 'この DAG は見つからないか、実行する権限がありません。',
};
const TITLE: Text = { en: 'Start a DAG run', ja: 'DAG の実行' };
const CLOSE: Text = { en: 'Close', ja: '閉じる' };

/** Opens the first step: within three seconds of the click, so nothing of Airflow is asked before. Throws Trouble. */
export async function openForm(
	deps: BotDeps,
	{ env }: { env: string | undefined },
	typed: Typed,
	asker: Asker,
	triggerId: string,
): Promise<void> {
	const [first = ''] = deps.environments;
	if (env !== undefined && !deps.environments.includes(env)) deps.airflow(env);
	const chosen = env ?? (deps.environments.length > 1 ? await chosenEnvironment(deps, typed) : undefined);
	const known = chosen !== undefined && deps.environments.includes(chosen) ? chosen : first;
	// By direct message: the form's command belongs to that conversation.
	const channel = typed.direct ? await deps.slack.openDirect(typed.user) : typed.channel;
	const memory = { channel, env: known, nameEnv: deps.environments.length > 1, thread: typed.thread };
	await deps.slack.openView(triggerId, dagPickerView(memory, asker.lang));
}

/** What the channel or the person chose; a store that is slow must not cost the trigger id its three seconds. */
async function chosenEnvironment(deps: BotDeps, typed: Typed): Promise<string | undefined> {
	const at = { channel: typed.channel, user: typed.user };
	const choice = await within(deps.choices.environment(at), 500);
	return choice?.channel ?? choice?.user;
}

/** What a listener here needs of Bolt's arguments: views and options are plain JSON of ours. */
type Answering = { body: unknown; ack(answer?: unknown): Promise<void> };

/** The form's option requests and submissions, and an ack for every other view. */
export function formDoor(app: App, doors: Doors, take: (taken: Taken) => Promise<Said | undefined>): void {
	const { deps } = doors;
	const load = (short: string): Promise<string | undefined> => deps.store.words(short);

	app.options(/.*/, async (given: Answering) => {
		const { body } = given;
		const ack = (answer?: object): Promise<void> => given.ack(answer);
		const read = optionsBody.safeParse(body);
		const memory = read.success ? readMemory(read.data.view?.private_metadata) : undefined;
		if (!read.success || !memory || read.data.action_id !== DAG_OPTIONS) {
			await ack({ options: [] });
			return;
		}
		const { value = '', user } = read.data;
		const answer = within(
			(async () => {
				const asker = await deps.asker(user.id, KNOWN_MS);
				const dags = await deps.airflow(memory.env).dags({ words: value, limit: 300 });
				const place = { channel: memory.channel, env: memory.env };
				const seen = dags.filter(({ id }) => mayDo(deps, asker, { ...place, dag: id }, 'operator'));
				return dagOptions(seen, asker.lang, (words) => deps.store.keepWords(words));
			})(),
			AIRFLOW_MS + 500,
			(error) => deps.log.warn({ label: asTrouble(error).label }, 'no options'),
		);
		await ack((await answer) ?? { options: [] });
	});

	app.view(/.*/, async (given: Answering) => {
		const { body } = given;
		const ack = (answer?: object): Promise<void> => given.ack(answer);
		const read = viewBody.safeParse(body);
		const memory = read.success ? readMemory(read.data.view.private_metadata) : undefined;
		if (!read.success || !memory) {
			await ack();
			return;
		}
		const { user, team, view } = read.data;
		const asker = await within(deps.asker(user.id, KNOWN_MS), 700);
		const lang = asker?.lang ?? deps.lang;
		const field = view.blocks.find(({ type }) => type === 'input')?.block_id ?? '';
		const wrong = (errors: Readonly<Record<string, string>>) =>
			ack({ response_action: 'errors', errors: { ...errors } });
		if (!asker) return wrong({ [field]: SLOW[lang] });

		const dagId =
			view.callback_id === PICKER
				? await within(dagOfOption(pickedOption(view.state.values) ?? '', load), 500)
				: memory.dag;
		const allowed =
			dagId !== undefined &&
			dagId !== '' &&
			mayDo(deps, asker, { channel: memory.channel, env: memory.env, dag: dagId }, 'operator');
		if (!allowed) return wrong({ [field]: GONE[lang] });
		let trouble: Trouble | undefined;
		const dag = await within(deps.airflow(memory.env).dagDetails(dagId), AIRFLOW_MS, (error) => {
			trouble = asTrouble(error);
		});
		if (!dag) {
			const said = trouble && (lang === 'ja' ? (trouble.ja?.message ?? trouble.message) : trouble.message);
			return wrong({ [field]: said ?? SLOW[lang] });
		}
		if (view.callback_id === PICKER)
			return ack({
				response_action: 'update',
				view: paramsView(dag, memory, lang),
			});
		if (view.callback_id !== PARAMS) return ack();

		const sent = wordsFromSubmission(view.state.values, dag, memory, lang);
		if ('errors' in sent) return wrong(sent.errors);
		const typed: Typed = {
			words: sent.words,
			user: user.id,
			channel: memory.channel,
			team: team?.id ?? '',
			// The view's id stays the same through both steps and every correction: one form is one command.
			key: keyOf(view.id),
			via: 'form',
			at: deps.now(),
			...(memory.thread === undefined ? {} : { thread: memory.thread }),
		};
		const said = await take({ typed });
		if (!said) return ack();
		if (said.again && field !== '') return wrong({ [field]: said.body.text.slice(0, 300) });
		return ack({ response_action: 'update', view: message(said, lang) });
	});
}

/** What the form became when it cannot be sent again: its last word, with nothing to press but Close. */
function message(said: Said, lang: Lang): Record<string, unknown> {
	return {
		type: 'modal',
		title: { type: 'plain_text', text: TITLE[lang] },
		close: { type: 'plain_text', text: CLOSE[lang] },
		blocks: [{ type: 'section', text: { type: 'plain_text', text: said.body.text } }],
	};
}

/** Undefined when it fails (told to `failed`) or takes too long. */
async function within<T>(
	work: Promise<T>,
	ms: number,
	failed: (error: unknown) => void = () => undefined,
): Promise<T | undefined> {
	let timer: NodeJS.Timeout | undefined;
	const budget = new Promise<undefined>((done) => {
		timer = setTimeout(() => done(undefined), ms);
	});
	try {
		return await Promise.race([work, budget]);
	} catch (error) {
		failed(error);
		return undefined;
	} finally {
		clearTimeout(timer);
	}
}
