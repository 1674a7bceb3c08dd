import type { Trouble } from '../../domain/errors.ts';
import type { LogLine } from '../../domain/evidence.ts';
import { toTrouble, type Asking } from '../base/google-trouble.ts';
import { readPage, toLine } from './entries.ts';
import type { TailStream } from './generated.ts';

export type Listener = {
	onLines: (lines: LogLine[]) => void;
	/** Once: with the Trouble that ended it, or undefined when Google ended it. */
	onEnd: (why: Trouble | undefined) => void;
};

export type Tails = {
	/** Joins the session of that filter, or opens it. Returns what leaves it; the last one ends it. */
	join(filter: string, listener: Listener): () => void;
	stopAll(): void;
};

type Session = { listeners: Set<Listener>; stop(): void };

/** gRPC's code of what we ended ourselves. */
const CANCELLED = 1;
/** Entries of several pods come in the order of their times. */
const ORDER_SECONDS = 2;

/** Live sessions of one project, one a filter. `open`: a new stream, with our token in it. */
export function tails(resourceNames: string[], asking: Asking, open: () => Promise<TailStream>): Tails {
	const sessions = new Map<string, Session>();

	function start(filter: string): Session {
		const listeners = new Set<Listener>();
		let over = false;
		let stream: TailStream | undefined;
		const session: Session = {
			listeners,
			stop() {
				over = true;
				if (sessions.get(filter) === session) sessions.delete(filter);
				stream?.cancel();
			},
		};
		const end = (why: Trouble | undefined): void => {
			if (over) return;
			session.stop();
			for (const listener of listeners) listener.onEnd(why);
		};
		const follow = async (): Promise<void> => {
			stream = await open();
			stream.on('data', (answer) => {
				const lines = (readPage(answer)?.entries ?? []).map(toLine);
				if (!over && lines.length > 0) for (const listener of listeners) listener.onLines(lines);
			});
			stream.on('error', (error) => end(codeOf(error) === CANCELLED ? undefined : toTrouble(error, asking)));
			stream.on('end', () => end(undefined));
			if (over) stream.cancel();
			else stream.write({ resourceNames, filter, bufferWindow: { seconds: ORDER_SECONDS } });
		};
		follow().catch((error: unknown) => end(toTrouble(error, asking)));
		sessions.set(filter, session);
		return session;
	}

	return {
		join(filter, listener) {
			const session = sessions.get(filter) ?? start(filter);
			session.listeners.add(listener);
			return () => {
				if (session.listeners.delete(listener) && session.listeners.size === 0) session.stop();
			};
		},
		stopAll() {
			for (const session of sessions.values()) session.stop();
		},
	};
}

function codeOf(error: unknown): unknown {
	return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
