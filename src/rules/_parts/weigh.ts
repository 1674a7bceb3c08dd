import type { Facts, Hit, Scene, Strength, Weighing } from '../../domain/rule.ts';

const RANK: Readonly<Record<Strength, number>> = { weak: 0, strong: 1, proof: 2 };
const NEAR: Readonly<Record<Hit['place'], number>> = { root: 4, chain: 3, end: 2, body: 1, elsewhere: 0 };

/**
 * What the strongest of the hits says, with the facts of all: where two hits name a fact differently, the stronger one is
 * believed, then the one that stands nearer to the exception that ended the try. undefined without hits: the rule is dismissed.
 */
export function strongest(hits: readonly Hit[], extra: Facts = {}): Weighing | undefined {
	const ranked = [...hits].sort(
		(a, b) => RANK[b.signature.says] - RANK[a.signature.says] || NEAR[b.place] - NEAR[a.place] || b.line - a.line,
	);
	const first = ranked[0];
	if (first === undefined) return undefined;
	const facts: Record<string, string> = {};
	for (const hit of [...ranked].reverse())
		if (hit.place !== 'elsewhere' || hit === first) Object.assign(facts, hit.facts);
	return { says: first.signature.says, facts: { ...facts, ...extra } };
}

// What the engine calls an own exception of Python: anyone may raise one and put any sentence into it.
const BUILTIN =
	/^(?:builtins\.)?(?:Exception|BaseException|ValueError|RuntimeError|AssertionError|TypeError|KeyError|LookupError|ArithmeticError)$/;

/**
 * The sentence was quoted, not met: the try ended in a plain Python exception raised in the user's own file, with no library
 * exception behind it. A vendor's ticket copied into a `ValueError` reads exactly like the real thing.
 */
function isQuoted(scene: Scene): boolean {
	return (
		scene.chain.length > 0 && scene.chain.every((link) => BUILTIN.test(link.type) && (link.frames.at(-1)?.own ?? false))
	);
}

/** Lowers a weighing that rests on a quoted sentence to a possibility. */
export function unlessQuoted(weighing: Weighing | undefined, scene: Scene): Weighing | undefined {
	return weighing !== undefined && isQuoted(scene) ? { ...weighing, says: 'weak' } : weighing;
}

// The 403s (and the 429s) that no role can cure. Each has a rule of its own.
const NOT_IAM =
	/has not been used in project|SERVICE_DISABLED|it is disabled\. Enable it|prohibited by organization's policy|vpcServiceControls|VPC_SERVICE_CONTROLS|[Qq]uota exceeded|exceeded quota|quotaExceeded|[Rr]ateLimitExceeded|RATE_LIMIT_EXCEEDED|RESOURCE_EXHAUSTED|billing (?:account|to be enabled|is disabled)|BILLING_DISABLED|billingNotEnabled|accountDisabled|insufficient authentication scopes|ACCESS_TOKEN_SCOPE_INSUFFICIENT/;

/** Whether a refusal's own text says that something other than a missing role is the reason. */
export function isNotIam(text: string): boolean {
	return NOT_IAM.test(text);
}
