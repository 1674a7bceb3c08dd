import type { About, Destination } from '../../src/alerts/about.ts';
import type { Incident } from '../../src/alerts/incident.ts';
import type { BotDeps } from '../../src/build-deps.ts';
import type { DagSummary } from '../../src/domain/airflow.ts';
import { Trouble } from '../../src/domain/errors.ts';

/** Of an incident in more DAGs than this, who hears of the others hears of the environment as well. */
const MOST_DAGS = 100;
const ASKED_AT_ONCE = 8;
/** Tags and owners change when somebody deploys. */
const KEEP_MS = 5 * 60_000;
const KEPT = 5000;

/** A conversation that is to hear of it, and until when it is muted there. */
export type Listener = { destination: Destination; mutedUntil: number | undefined };

/**
 * Everybody who hears of an incident: of each of its DAGs, and of the environment where that suffers. It is muted for a
 * conversation when all that leads there is.
 */
export async function audienceOf(incident: Incident, deps: BotDeps): Promise<Listener[]> {
	const found = new Map<string, { destination: Destination; ends: (number | undefined)[] }>();
	for (const about of await aboutOf(incident, deps)) {
		const destinations = await deps.routes(about);
		if (destinations.length === 0) continue;
		const muted = (await deps.mutedBy(about))?.until;
		for (const destination of destinations) {
			const known = found.get(destination.channel);
			if (known) known.ends.push(muted);
			else found.set(destination.channel, { destination, ends: [muted] });
		}
	}
	return [...found.values()].map(({ destination, ends }) => {
		const all = ends.filter((end) => end !== undefined);
		return { destination, mutedUntil: all.length === ends.length ? Math.min(...all) : undefined };
	});
}

/** What its routes, watches and mutes are matched against: one for each DAG. */
async function aboutOf(incident: Incident, deps: BotDeps): Promise<About[]> {
	const { id, env, cause, severity, scope, dags, tasks } = incident;
	const whole: About = { env, tags: [], owners: [], cause, severity, incident: id };
	const own = dags.slice(0, MOST_DAGS);
	const abouts: About[] = scope === 'environment' || own.length === 0 ? [whole] : [];
	const asks = await wantsTags(deps);
	for (let at = 0; at < own.length; at += ASKED_AT_ONCE)
		abouts.push(
			...(await Promise.all(
				own.slice(at, at + ASKED_AT_ONCE).map(async (dag): Promise<About> => {
					const summary = asks ? await dagOf(env, dag, deps) : undefined;
					const mine = tasks.filter((task) => task.dag === dag);
					const task = mine.length === 1 ? mine[0]?.task : undefined;
					return { ...whole, dag, task, tags: summary?.tags ?? [], owners: summary?.owners ?? [] };
				}),
			)),
		);
	return abouts;
}

/** Whether anybody asks for them; else Airflow is not asked either. */
async function wantsTags({ alerts, watches }: BotDeps): Promise<boolean> {
	if (alerts.routes.some(({ tags, owners }) => tags !== undefined || owners !== undefined)) return true;
	const heard = await watches.heard();
	return [...heard.watches, ...heard.mutes].some(({ subject }) => subject.kind === 'tag' || subject.kind === 'owner');
}

const dags = new WeakMap<BotDeps, Map<string, { at: number; dag: Promise<DagSummary | undefined> }>>();

function dagOf(env: string, dag: string, deps: BotDeps): Promise<DagSummary | undefined> {
	let known = dags.get(deps);
	if (!known) dags.set(deps, (known = new Map()));
	const key = JSON.stringify([env, dag]);
	const held = known.get(key);
	if (held && deps.now() - held.at < KEEP_MS) return held.dag;
	const asked = deps
		.airflow(env)
		.dag(dag)
		.catch((error: unknown) => {
			// Told to whom its name alone leads; the next time it is asked again.
			if (known.get(key)?.dag === asked) known.delete(key);
			if (!(error instanceof Trouble)) throw error;
			deps.log.warn({ env, dag, label: error.label }, 'tags and owners of a DAG not known');
			return undefined;
		});
	if (known.size >= KEPT) known.clear();
	known.set(key, { at: deps.now(), dag: asked });
	return asked;
}
