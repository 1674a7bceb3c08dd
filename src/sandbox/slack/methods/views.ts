import type { Json, JsonObject } from '../types.ts';
import type { Store, StoredView } from '../store.ts';
import type { Methods } from './method.ts';
import { blockProblems } from '../blocks.ts';
import { placedElements, stateOf, withIds } from '../elements.ts';
import { isObject, isTrue, objectsOf, textOf } from '../json.ts';
import { letters } from '../random.ts';
import { refuse } from '../refuse.ts';

/** Slack's limit of modals on top of each other. */
const STACK = 3;

export const views: Methods = {
	'views.open': {
		run(args, store) {
			const user = spend(args, store);
			const view = newView(args['view'], 'modal', user, store);
			store.stacks.set(user, [view]);
			store.emit({ kind: 'view', user });
			return { ok: true, view: wireView(view, store) };
		},
	},
	'views.push': {
		run(args, store) {
			const user = spend(args, store);
			const view = pushView(args['view'], user, store);
			return { ok: true, view: wireView(view, store) };
		},
	},
	'views.update': {
		run(args, store) {
			const view = findView(args, store);
			const hash = textOf(args['hash']);
			if (hash !== '' && hash !== view.hash) refuse('hash_conflict');
			return { ok: true, view: wireView(updateView(view, args['view'], store), store) };
		},
	},
	'views.publish': {
		run(args, store) {
			const user = textOf(args['user_id']);
			if (!store.users.has(user)) refuse('user_not_found');
			const before = store.homes.get(user);
			const hash = textOf(args['hash']);
			if (hash !== '' && before !== undefined && hash !== before.hash) refuse('hash_conflict');
			const view = newView(args['view'], 'home', user, store);
			store.homes.set(user, before === undefined ? view : { ...view, id: before.id, rev: before.rev + 1 });
			store.emit({ kind: 'home', user });
			return { ok: true, view: wireView(store.homes.get(user) ?? view, store) };
		},
	},
};

/** A trigger id opens one view, within its time. Gives the person who made it. */
function spend(args: JsonObject, store: Store): string {
	const id = textOf(args['trigger_id']);
	const trigger = store.triggers.get(id);
	if (trigger === undefined) return refuse('invalid_trigger_id');
	if (trigger.used) refuse('exchanged_trigger_id');
	if (store.now() - trigger.at > store.triggerTtlMs) refuse('expired_trigger_id');
	trigger.used = true;
	return trigger.user;
}

function findView(args: JsonObject, store: Store): StoredView {
	const id = textOf(args['view_id']);
	const external = textOf(args['external_id']);
	for (const stack of store.stacks.values())
		for (const view of stack) if (view.id === id || (external !== '' && view.externalId === external)) return view;
	for (const view of store.homes.values()) if (view.id === id) return view;
	return refuse('not_found');
}

export function pushView(value: Json | undefined, user: string, store: Store): StoredView {
	const stack = store.stacks.get(user) ?? [];
	if (stack.length >= STACK) refuse('push_limit_reached');
	const view = newView(value, 'modal', user, store);
	store.stacks.set(user, [...stack, view]);
	store.emit({ kind: 'view', user });
	return view;
}

/** Inputs keep what was typed where block id and action id stay the same, as in Slack. */
export function updateView(view: StoredView, value: Json | undefined, store: Store): StoredView {
	const fresh = newView(value, view.type, view.user, store);
	const next: StoredView = {
		...fresh,
		id: view.id,
		state: stateOf(fresh.blocks, view.state),
		offered: view.offered,
		rev: view.rev + 1,
	};
	replaceView(next, store);
	return next;
}

export function replaceView(view: StoredView, store: Store): void {
	if (view.type === 'home') {
		store.homes.set(view.user, view);
		store.emit({ kind: 'home', user: view.user });
		return;
	}
	const stack = store.stacks.get(view.user) ?? [];
	store.stacks.set(
		view.user,
		stack.map((one) => (one.id === view.id ? view : one)),
	);
	store.emit({ kind: 'view', user: view.user });
}

function newView(value: Json | undefined, type: 'modal' | 'home', user: string, store: Store): StoredView {
	if (!isObject(value)) return refuse('invalid_arguments', told(['[ERROR] missing required field: view']));
	const problems: string[] = [];
	if (value['type'] !== type)
		problems.push(`[ERROR] unsupported type: ${textOf(value['type'])} [json-pointer:/view/type]`);
	problems.push(...blockProblems(value['blocks'], type === 'home' ? 'home' : 'modal', '/view/blocks'));
	for (const key of ['title', 'submit', 'close'] as const) {
		const text = value[key];
		if (text === undefined ? key === 'title' && type === 'modal' : !isObject(text) || text['type'] !== 'plain_text')
			problems.push(`[ERROR] missing required field: ${key} [json-pointer:/view]`);
		else if (isObject(text) && [...textOf(text['text'])].length > 24)
			problems.push(`[ERROR] must be less than 25 characters [json-pointer:/view/${key}/text]`);
	}
	for (const [key, most] of [
		['private_metadata', 3000],
		['callback_id', 255],
		['external_id', 255],
	] as const)
		if (textOf(value[key]).length > most)
			problems.push(`[ERROR] must be less than ${most + 1} characters [json-pointer:/view/${key}]`);
	const blocks = withIds(objectsOf(value['blocks']), store.random);
	if (type === 'modal' && value['submit'] === undefined && placedElements(blocks).some((one) => one.input))
		problems.push('[ERROR] missing required field: submit [json-pointer:/view]');
	if (problems.length > 0) refuse('invalid_arguments', told(problems));
	return {
		id: store.nextId('V'),
		type,
		user,
		callbackId: textOf(value['callback_id']),
		hash: `${Math.floor(store.now() / 1000)}.${letters(store.random, 8)}`,
		title: isObject(value['title']) ? textOf(value['title']['text']) : '',
		privateMetadata: textOf(value['private_metadata']),
		blocks,
		raw: value,
		errors: {},
		rev: 0,
		state: stateOf(blocks, {}),
		externalId: textOf(value['external_id']),
		notifyOnClose: isTrue(value['notify_on_close']),
		offered: new Map(),
	};
}

function told(messages: readonly string[]): JsonObject {
	return { response_metadata: { messages } };
}

/** A view as Slack sends it to apps. */
export function wireView(view: StoredView, store: Store): JsonObject {
	const stack = store.stacks.get(view.user) ?? [];
	const place = stack.findIndex((one) => one.id === view.id);
	return {
		id: view.id,
		team_id: store.identity.teamId,
		type: view.type,
		callback_id: view.callbackId,
		private_metadata: view.privateMetadata,
		external_id: view.externalId,
		title: view.raw['title'] ?? null,
		submit: view.raw['submit'] ?? null,
		close: view.raw['close'] ?? null,
		blocks: view.blocks,
		hash: view.hash,
		clear_on_close: isTrue(view.raw['clear_on_close']),
		notify_on_close: view.notifyOnClose,
		root_view_id: stack[0]?.id ?? view.id,
		previous_view_id: place > 0 ? (stack[place - 1]?.id ?? null) : null,
		app_id: store.identity.appId,
		app_installed_team_id: store.identity.teamId,
		bot_id: store.identity.botId,
		state: { values: view.state },
	};
}
