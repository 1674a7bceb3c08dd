import type { Hit, Scene } from '../../domain/rule.ts';

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
	return (
		/Kubernetes(?:Pod|Job)|GKE(?:Start|Resume)|EksPod|SparkKubernetes/.test(scene.operator ?? '') ||
		RUNS_POD_ASKS.some((text) => scene.has(text))
	);
}

/** What the program in the pod printed itself; the operator puts the container's name in front. It may quote anything. */
export function isPodOutput({ text }: Pick<Hit, 'text'>): boolean {
	return /(?:^| |")\[base\] /.test(text);
}

/** Composer 2 and 3 keep pods of users here. Composer 3 allows no other. */
export const USER_WORKLOADS = 'composer-user-workloads';
