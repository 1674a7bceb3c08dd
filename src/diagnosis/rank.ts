import type { Facts, Hit, Rule, Scene, Strength } from '../domain/rule.ts';
import { isOwnRaise } from '../rules/_parts/own.ts';
import type { Setting } from './scene.ts';

/** One rule's case: what it says after its own second thought, and how well that explains this failure. */
export type Suspect = { rule: Rule; says: Strength; hits: readonly Hit[]; facts: Facts; score: number };

const SAYS: Readonly<Record<Strength, number>> = { proof: 300, strong: 200, weak: 100 };
const PLACE: Readonly<Record<Hit['place'], number>> = { root: 60, chain: 55, end: 25, body: 0, elsewhere: -200 };
const LEVEL: Readonly<Record<Hit['level'], number>> = {
	critical: 10,
	error: 10,
	traceback: 10,
	none: 5,
	warning: 5,
	info: 0,
	debug: -30,
};

/** Ranks by what explains the failure, not by what matched first. The first is the verdict. */
export function rank(hits: ReadonlyMap<Rule, readonly Hit[]>, setting: Setting): Suspect[] {
	const suspects: Suspect[] = [];
	for (const [rule, all] of hits) {
		// Another try's or another task's line explains nothing here.
		const here = all.filter((hit) => hit.place !== 'elsewhere');
		if (here.length === 0) continue;
		const strongest = here.reduce<Strength>(
			(best, hit) => (SAYS[hit.signature.says] > SAYS[best] ? hit.signature.says : best),
			'weak',
		);
		const alone = rule.weigh ? rule.weigh(here, setting.scene) : { says: strongest };
		if (!alone) continue;
		const quoted = rule.lastResort !== true && isQuoted(here, setting.scene);
		const weighed = quoted ? { ...alone, says: 'weak' as const } : alone;
		const ordered = here.toSorted((a, b) => worth(b) - worth(a) || b.line - a.line);
		const facts: Record<string, string> = {};
		for (const hit of ordered) for (const [name, value] of Object.entries(hit.facts)) facts[name] ??= value;
		Object.assign(facts, weighed.facts);
		const best = ordered[0];
		if (!best) continue;
		suspects.push({
			rule,
			says: weighed.says,
			hits: ordered,
			facts,
			// The one that names something goes before the one that explains what is left.
			score: SAYS[weighed.says] + PLACE[best.place] + LEVEL[best.level] - (rule.lastResort ? 5 : 0),
		});
	}
	adjust(suspects, setting);
	return suspects.sort((a, b) => b.score - a.score || lastLine(b) - lastLine(a));
}

/**
 * The user's own code raised every exception of the chain, and what matched stands in their messages, wherever Airflow says
 * them once more: words that this code chose, which may quote a ticket, a report or another log.
 */
function isQuoted(hits: readonly Hit[], { kind, chain }: Scene): boolean {
	if (kind !== 'task' || chain.length === 0 || !chain.every(isOwnRaise)) return false;
	const said = chain
		.map(({ message }) => message.split('\n', 1)[0]?.slice(0, 200) ?? '')
		.filter((each) => each.length > 9);
	return hits.every(
		({ place, text, signature }) =>
			signature.says === 'weak' ||
			place === 'root' ||
			place === 'chain' ||
			said.some((message) => text.includes(message)),
	);
}

function worth(hit: Hit): number {
	return SAYS[hit.signature.says] + PLACE[hit.place] + LEVEL[hit.level];
}

function lastLine({ hits }: Suspect): number {
	return Math.max(...hits.map((hit) => hit.line));
}

function inChain(suspect: Suspect): boolean {
	return suspect.hits.some((hit) => hit.place === 'root' || hit.place === 'chain');
}

function adjust(suspects: Suspect[], setting: Setting) {
	const { scene, final, onlyWrapped } = setting;
	// The try went through: whatever was logged on the way did not fail it.
	if (scene.ended === 'success' || scene.ended === 'skipped') {
		for (const suspect of suspects) suspect.score -= 1000;
		return;
	}
	const explained = suspects.some((s) => inChain(s) && !s.rule.lastResort && !s.rule.symptom && s.says !== 'weak');
	for (const suspect of suspects) {
		if (final.length > 0 && !onlyWrapped && !inChain(suspect) && !suspect.rule.symptom) {
			// The exception that ended the try says itself what happened; what was logged before it was handled or noise.
			const end = suspect.hits.some((hit) => hit.place === 'end');
			if (explained) suspect.score -= end ? 40 : 120;
		}
		if (suspect.rule.lastResort) {
			if (explained) suspect.score -= 150;
			else if (onlyWrapped && suspects.some((s) => s !== suspect && s.says !== 'weak' && !s.rule.symptom))
				suspect.score -= 150;
		}
	}
	for (const suspect of suspects) {
		const others = suspects.filter((s) => s !== suspect && s.says !== 'weak' && s.score > 0);
		if (suspect.rule.symptom && others.some((s) => !s.rule.symptom && !s.rule.lastResort)) suspect.score -= 160;
		const behind = others.find(
			(s) =>
				suspect.rule.yieldsTo?.includes(s.rule.id) &&
				SAYS[s.says] >= Math.min(SAYS[suspect.says], SAYS.strong) &&
				// An exception that the user's own code raised for reasons of its own: a line logged beside it is no reason.
				!(suspect.rule.lastResort === true && suspect.says === 'proof' && !inChain(s)),
		);
		if (behind) suspect.score = Math.min(suspect.score, behind.score - 1);
	}
}
