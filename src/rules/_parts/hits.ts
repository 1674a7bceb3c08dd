import type { ChainLink, Facts, Hit, Scene } from '../../domain/rule.ts';

/** The last exception only says that a program the task started went wrong; what that program wrote is where the cause stands. */
const CHILD_FAILED =
	/Bash command failed|returned non-zero exit (?:code|status)|returned a non-zero exit code|SSH (?:command|operator) .{0,40}(?:error|failed)|exit status = \d|Pod \S{1,253} returned a failure|Process returned non-zero/i;

export function childProgramFailed(scene: Scene): boolean {
	return scene.chain.some(({ message }) => CHILD_FAILED.test(message));
}

/** Took part in how the try ended: in the exception chain, or among the last lines. */
export function isDecisive(hit: Hit): boolean {
	return hit.place === 'root' || hit.place === 'chain' || hit.place === 'end';
}

/** Facts of all hits together; what stands nearer to the root exception wins, then what stands later in the log. */
export function mergedFacts(hits: readonly Hit[]): Facts {
	const order = { root: 4, chain: 3, end: 2, body: 1, elsewhere: 0 };
	const sorted = [...hits].sort((a, b) => order[a.place] - order[b.place] || a.line - b.line);
	return Object.assign({}, ...sorted.map(({ facts }) => facts)) as Facts;
}

/** The innermost frame that is neither the standard library nor a foreign package: the user's own or Airflow's. */
export function innermostOwnOrAirflow(chain: readonly ChainLink[]): { own: boolean; file: string } | undefined {
	for (const link of chain)
		for (const frame of [...link.frames].reverse())
			if (frame.own || /\/airflow\//.test(frame.file)) return { own: frame.own, file: frame.file };
	return undefined;
}
