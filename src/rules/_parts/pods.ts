import type { Failed, KubernetesEvent, Seen, SourceName, Subject, Verified, Workload } from '../../domain/evidence.ts';
import type { About, Deciding, Hit, Scene } from '../../domain/rule.ts';
import type { Text } from '../../domain/text.ts';
import { confirmed, likely, unlikely } from './said.ts';
import { whileItRan } from './series.ts';

/** What `runsPod` asks for; a rule that calls it lists them in its own `asks`. */
export const RUNS_POD_ASKS = [
	'Building pod ',
	'kubernetes_pod_operator',
	'pod_manager.py',
	'PodManager',
	'cncf/kubernetes',
] as const;

/** The task runs a pod of its own: its log may hold the pod's output. */
export function runsPod(scene: Scene): boolean {
	return RUNS.test(scene.operator ?? '') || RUNS_POD_ASKS.some((text) => scene.has(text));
}

/** What the program in the pod printed itself; the operator puts the container's name in front. It may quote anything. */
export function isPodOutput({ text }: Pick<Hit, 'text'>): boolean {
	return /(?:^| |")\[base\] /.test(text);
}

/** Composer 2 and 3 keep pods of users here. Composer 3 allows no other. */
export const USER_WORKLOADS = 'composer-user-workloads';

const RUNS = /Kubernetes(?:Pod|Job)|GKE(?:Start|Resume)|EksPod|SparkKubernetes/;

/** The task waited for its pod, and says no more; or it left no log at all. */
export const startedNoPod = ({ told, operator, log }: Failed): boolean =>
	told.includes('kpo-startup-timeout') || (log !== 'there' && RUNS.test(operator ?? ''));

/** The task says that its pod failed or went, and not why. */
export const endedWithItsPod = ({ told, operator, log }: Failed): boolean =>
	told.includes('kpo-container-failed') ||
	told.includes('kpo-pod-lost') ||
	told.includes('kpo-startup-timeout') ||
	(log !== 'there' && RUNS.test(operator ?? ''));

// Airflow's own pods, whoever else's events stand beside.
const OURS = /(?:^|\/)airflow-(?:worker|scheduler|triggerer|webserver|dag-processor|redis|monitoring)/;

/** On Composer 2 the cluster's events decide: not every one lists its workloads. Composer 3 hides the events. */
export const podDecides = ({ env }: Pick<About, 'env'>): Deciding<'kubernetesEvents' | 'workloads'> =>
	env.generation === 'composer-2' ? ['kubernetesEvents'] : [['kubernetesEvents', 'workloads']];

export type PodSaid = {
	source: Extract<SourceName, 'kubernetesEvents' | 'workloads'>;
	at?: string | undefined;
	text: string;
	object: string;
	/** It was over afterwards: the pod went on. */
	over: boolean;
};

/**
 * What the cluster says of the pod that the task ran: its events (Composer 2, own clusters), or its state among the workloads
 * (Composer 3). Where the pod's name is not known, of any pod of a user while the task ran: `object` then says which. `over`:
 * what an event says when the matter is settled.
 */
export function podSaid(
	{ kubernetesEvents, workloads }: Seen<'kubernetesEvents' | 'workloads'>,
	failed: Failed,
	fits: RegExp,
	over?: RegExp,
): PodSaid | undefined {
	const mine = kubernetesEvents?.filter((one) => isMine(one, failed)) ?? [];
	const event = mine.findLast(({ reason, message }) => fits.test(`${reason} ${message}`));
	if (event) {
		const { at, reason, message, object } = event;
		const settled = mine.some(
			(one) => one.object === object && one.at > at && over?.test(`${one.reason} ${one.message}`),
		);
		return { source: 'kubernetesEvents', at, text: `${reason}: ${message}`, object, over: settled };
	}
	const pod = workloads?.find((one) => isOperatorPod(one, failed) && fits.test(one.message));
	return pod && { source: 'workloads', text: `${pod.state}: ${pod.message}`, object: pod.name, over: false };
}

/** The verdict that most rules draw from it: `en` and `ja` go on after the pod's name. */
export function fromPod(said: PodSaid | undefined, { failed, told }: About, { en, ja }: Text): Verified | undefined {
	if (!said) return undefined;
	const { source, at, text, object, over } = said;
	if (over)
		return told === undefined
			? undefined
			: unlikely(
					source,
					`the pod \`${object}\` ${en} for a while (${text}), and went on.`,
					`Pod \`${object}\`${ja}でしたが (${text})、その後は進んでいます。`,
					{ at },
				);
	const sure = told !== undefined || failed.pod !== undefined;
	return (sure ? confirmed : likely)(
		source,
		`the pod \`${object}\` ${en}: ${text}`,
		`Pod \`${object}\`${ja}です: ${text}`,
		{ at },
	);
}

/** The pod of a try that left no word of it: the operator names it after the task. */
export function podInEvents(events: readonly KubernetesEvent[] | undefined, failed: Failed): Subject | undefined {
	if (failed.pod !== undefined || !RUNS.test(failed.operator ?? '')) return undefined;
	const begins = failed.task.toLowerCase().replace(/[^a-z0-9.-]+/g, '-');
	const pod = events
		?.filter((one) => isMine(one, failed))
		.map(({ object }) => object.split('/').at(-1) ?? '')
		.find((name) => name.startsWith(`${begins}-`));
	return pod === undefined ? undefined : { pod };
}

function isMine({ object, at }: KubernetesEvent, failed: Failed): boolean {
	if (failed.pod !== undefined) return object.includes(failed.pod);
	const { from, to } = whileItRan(failed);
	return !OURS.test(object) && Date.parse(at) >= from && Date.parse(at) <= to;
}

/** It stands there while the pod does, so only a pod that is named for sure. */
const isOperatorPod = ({ name, type }: Workload, { pod }: Failed): boolean =>
	type === 'KUBERNETES_OPERATOR_POD' && pod !== undefined && name.includes(pod);
