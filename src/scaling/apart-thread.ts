import { parentPort, workerData } from 'node:worker_threads';
import { advised, type Answer, type Question } from './apart.ts';

const { history, options }: Question = workerData;
let answer: Answer;
try {
	answer = { advised: advised(history, options) };
} catch (error) {
	answer = { error: error instanceof Error ? error.message : String(error) };
}
parentPort?.postMessage(answer);
