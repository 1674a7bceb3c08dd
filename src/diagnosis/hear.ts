import type { Failed, KubernetesEvent, LogLine, Seen, SourceName } from '../domain/evidence.ts';
import type { Diagnosis, Rule, Scene } from '../domain/rule.ts';
import type { Candidate, Heard } from './candidate.ts';

/** Lines of one component, as the engine reads them: one entry a line, so that the number of a line is that of the entry. */
export type Spoken = { source: SourceName; kind: Scene['kind']; log: string; entries: readonly LogLine[] };

const KINDS: readonly (readonly [
	'schedulerLog' | 'triggererLog' | 'dagProcessorLog' | 'agentLog' | 'autoscalerLog',
	Scene['kind'],
])[] = [
	['schedulerLog', 'scheduler'],
	['triggererLog', 'triggerer'],
	['dagProcessorLog', 'dag-processor'],
	['agentLog', 'operation'],
	['autoscalerLog', 'events'],
];

const MINUTE = 60_000;

/** Every component that said anything in what was read. */
export function spoken(seen: Seen, failed: Failed): Spoken[] {
	const found: Spoken[] = [];
	const add = (source: SourceName, kind: Scene['kind'], entries: readonly LogLine[]) => {
		if (entries.length > 0) found.push({ source, kind, log: asEntries(entries), entries });
	};
	for (const [source, kind] of KINDS) add(source, kind, seen[source] ?? []);
	add('workerLog', 'worker', whileItRan(seen.workerLog ?? [], failed));
	add(
		'kubernetesEvents',
		'events',
		eventsOf(seen.kubernetesEvents ?? [], failed).map(({ at, reason, object, message }) => ({
			at,
			severity: 'WARNING',
			text: `Warning  ${reason}  ${object}  ${message}`,
			labels: {},
		})),
	);
	return found;
}

/** One Cloud Logging entry a line. */
export function asEntries(entries: readonly LogLine[]): string {
	return entries
		.map(({ at, severity, text, labels }) => JSON.stringify({ timestamp: at, severity, textPayload: text, labels }))
		.join('\n');
}

/** Of its own pod and its worker; where no pod is known, whatever happened while it ran. */
function eventsOf(events: readonly KubernetesEvent[], failed: Failed): readonly KubernetesEvent[] {
	const { pod, hostname } = failed;
	const mine = events.filter(({ object }) =>
		[pod, hostname].some((name) => name !== undefined && object.includes(name)),
	);
	if (pod !== undefined) return mine;
	const { from, to } = span(failed);
	return events.filter((event) => mine.includes(event) || (Date.parse(event.at) >= from && Date.parse(event.at) <= to));
}

/** A worker has many tasks and a life of its own: what it said before and long after this one is not about it. */
function whileItRan(lines: readonly LogLine[], failed: Failed): LogLine[] {
	const { from, to } = span(failed);
	return lines.filter(({ at }) => Date.parse(at) >= from && Date.parse(at) <= to);
}

function span({ queuedAt, startedAt, endedAt, now }: Failed): { from: number; to: number } {
	const end = endedAt === undefined ? now : Date.parse(endedAt);
	const begin = startedAt ?? queuedAt;
	return { from: (begin === undefined ? end - 15 * MINUTE : Date.parse(begin)) - MINUTE, to: end + 2 * MINUTE };
}

/**
 * The candidates, with what a component's lines say of them, and causes that only these lines name. Such a line is about
 * everyone on that host or in that scheduler: it makes a cause likely at most, unless it names this try.
 */
export function withHeard(
	all: readonly Candidate[],
	rules: readonly Rule[],
	{ source, entries }: Spoken,
	{ findings }: Diagnosis,
	failed: Failed,
): Candidate[] {
	const out = [...all];
	for (const { cause, status, evidence, facts } of findings) {
		const rule = rules.find(({ id }) => id === cause);
		if (!rule || status === 'unknown' || !speaksOf(source, rule)) continue;
		if (facts['dag'] !== undefined && facts['dag'] !== failed.dag) continue;
		const at = out.findIndex((each) => each.rule === rule);
		// A hint nobody else has is no suspicion.
		if (at < 0 && status === 'possible') continue;
		const lines = evidence.map(({ line, text }) => ({ line, text, source, at: entries[line - 1]?.at }));
		const named =
			(facts['dag'] === failed.dag && (facts['task'] === failed.task || facts['run'] === failed.run)) ||
			evidence.some(({ line, text }) => namesTry(text, entries[line - 1], failed));
		const heard: Heard = {
			source,
			status: status === 'confirmed' && !named ? 'likely' : status,
			evidence: lines,
			facts,
		};
		const known = out[at];
		if (known) out[at] = { ...known, heard: [...known.heard, heard] };
		else out.push({ rule, finding: undefined, heard: [heard] });
	}
	return out;
}

/** Components speak of the environment, not of what tasks ask of other services, except where a rule listens to them for it. */
function speaksOf(source: SourceName, { reads, lastResort, category }: Rule): boolean {
	if (lastResort === true) return false;
	return reads?.includes(source) === true || !['data-services', 'api-access', 'quota'].includes(category);
}

function namesTry(text: string, entry: LogLine | undefined, { dag, task, run, pod }: Failed): boolean {
	if (pod !== undefined && text.includes(pod)) return true;
	if (entry?.labels['workflow'] === dag && entry.labels['task-id'] === task) return true;
	return text.includes(run) && text.includes(task);
}
