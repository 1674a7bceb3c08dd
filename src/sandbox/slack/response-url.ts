import type { JsonObject } from './types.ts';
import type { Store } from './store.ts';
import { contentOf, metadataOf } from './methods/method.ts';
import { isTrue, textOf } from './json.ts';
import { refusalOf } from './refuse.ts';

/** Slack's limits: five uses within thirty minutes. */
const USES = 5;
const LIFE_MS = 30 * 60_000;

/** Carries out what is sent to a response_url; undefined when it went well. */
export function useResponseUrl(
	path: string,
	args: JsonObject,
	store: Store,
): { status: number; error: string } | undefined {
	const url = store.responseUrls.get(path);
	if (url === undefined) return { status: 404, error: 'invalid_url' };
	if (store.now() - url.at > LIFE_MS) return { status: 404, error: 'expired_url' };
	if (url.uses >= USES) return { status: 404, error: 'used_url' };
	const original = url.original === undefined ? undefined : store.find(url.original.channel, url.original.ts);
	try {
		if (isTrue(args['delete_original'])) {
			url.uses += 1;
			if (original === undefined) return { status: 404, error: 'message_not_found' };
			store.remove(original, true);
			return undefined;
		}
		const { text, blocks, attachments } = contentOf(args, store);
		if (text === '' && blocks.length === 0 && attachments.length === 0) return { status: 400, error: 'no_text' };
		const metadata = metadataOf(args);
		url.uses += 1;
		if (isTrue(args['replace_original']) && original !== undefined) {
			store.edit(original, { text, blocks, attachments, metadata });
			return undefined;
		}
		const inChannel = textOf(args['response_type']) === 'in_channel';
		const thread = textOf(args['thread_ts']) || url.thread;
		const message = store.post({
			channel: url.channel,
			user: store.identity.botUserId,
			text,
			blocks,
			attachments,
			metadata,
			threadTs: thread,
			ephemeralTo: inChannel ? undefined : url.user,
			via: 'response_url',
		});
		url.original ??= { channel: message.channel, ts: message.ts };
		return undefined;
	} catch (error) {
		const refusal = refusalOf(error);
		if (refusal === undefined) throw error;
		return { status: 400, error: textOf(refusal['error']) };
	}
}
