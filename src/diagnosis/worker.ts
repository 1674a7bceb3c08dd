import { parentPort } from 'node:worker_threads';
import { rules } from '../rules/index.ts';
import { diagnoseSource } from './read.ts';
import type { Answered, Asked } from './thread.ts';

// Raw bytes come in here and nothing unmasked leaves.
parentPort?.on('message', ({ id, source, env, lang, about }: Asked) => {
	diagnoseSource(source, { rules, env, lang, about }).then(
		(diagnosis) => {
			parentPort?.postMessage({ id, diagnosis } satisfies Answered);
		},
		(error: unknown) => {
			parentPort?.postMessage({ id, error: error instanceof Error ? error.message : String(error) } satisfies Answered);
		},
	);
});
