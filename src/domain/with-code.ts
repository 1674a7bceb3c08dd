import type { Line } from './reply.ts';

/** `like this` in a sentence of ours becomes code, so that a command can be copied. */
export function withCode(sentence: string): Line {
	return sentence.split(/(`[^`\n]+`)/).flatMap((piece): Line => {
		if (piece === '') return [];
		return /^`[^`]+`$/.test(piece) ? [{ code: piece.slice(1, -1) }] : [piece];
	});
}
