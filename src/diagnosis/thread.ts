import { Worker } from 'node:worker_threads';
import type { Environment } from '../domain/environment.ts';
import type { Diagnosis } from '../domain/rule.ts';
import type { Lang } from '../domain/text.ts';
import type { Source } from './read.ts';
import type { About } from './scene.ts';

export type Question = {
	env?: Environment | undefined;
	lang?: Lang | undefined;
	/** Which try the log is about, where the caller knows. */
	about?: About | undefined;
};

/** What goes to the thread and what comes back. */
export type Asked = Question & { id: number; source: Source };
export type Answered = { id: number; diagnosis: Diagnosis } | { id: number; error: string };

export type Diagnoser = {
	/**
	 * Names the cause; one log after the other, the event loop stays free. A descriptor stays open and is not to be read
	 * by others meanwhile. Rejects with an Error when it cannot be read or takes longer than `limitMs`.
	 */
	diagnose(source: Source, question?: Question): Promise<Diagnosis>;
	close(): Promise<void>;
};

/** A worker thread with the shipped catalogue, started at the first question and again after a crash or a time-out. */
export function startDiagnoser({ limitMs = 60_000 }: { limitMs?: number } = {}): Diagnoser {
	let worker: Worker | undefined;
	let ids = 0;
	let queue: Promise<unknown> = Promise.resolve();

	function running(): Worker {
		if (worker) return worker;
		const started = new Worker(new URL('./worker.ts', import.meta.url), {
			// The log's window and its lines fit well inside; a runaway ends the thread, not the bot.
			resourceLimits: { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 32 },
		});
		started.unref();
		started.once('exit', () => {
			if (worker === started) worker = undefined;
		});
		worker = started;
		return started;
	}

	async function ask(source: Source, question: Question): Promise<Diagnosis> {
		const id = ++ids;
		const thread = running();
		thread.ref();
		const asked: Asked = { ...question, id, source };
		try {
			return await new Promise<Diagnosis>((resolve, reject) => {
				const timer = setTimeout(() => {
					worker = undefined;
					void thread.terminate();
					reject(new Error(`the log was not read within ${limitMs / 1000} s`));
				}, limitMs);
				const done = (act: () => void) => {
					clearTimeout(timer);
					thread.off('message', onMessage);
					thread.off('error', onError);
					thread.off('exit', onExit);
					act();
				};
				const onMessage = (answer: Answered) => {
					if (answer.id !== id) return;
					done(() => {
						if ('diagnosis' in answer) resolve(answer.diagnosis);
						else reject(new Error(answer.error));
					});
				};
				const onError = (error: Error) => {
					worker = undefined;
					done(() => {
						reject(error);
					});
				};
				const onExit = () => {
					done(() => {
						reject(new Error('the diagnosis thread ended'));
					});
				};
				thread.on('message', onMessage);
				thread.once('error', onError);
				thread.once('exit', onExit);
				thread.postMessage(asked);
			});
		} finally {
			thread.unref();
		}
	}

	return {
		diagnose(source, question = {}) {
			const answer = queue.then(() => ask(source, question));
			queue = answer.catch(() => undefined);
			return answer;
		},
		async close() {
			const ending = worker;
			worker = undefined;
			await ending?.terminate();
		},
	};
}
