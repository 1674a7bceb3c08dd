import type { Scene } from '../../domain/rule.ts';

/** A quote as it stands in a log: bare, escaped once by JSON or twice by a Python `b'…'` around it. */
export const QUOTE = String.raw`[\\"']{1,8}`;

/** Kubernetes' names: lower case, digits, hyphens, dots. */
export const KUBE_NAME = String.raw`[a-z0-9][a-z0-9.-]{0,252}`;

/** The task runs a pod of its own: its log may hold the pod's output. */
export function runsPod(scene: Scene): boolean {
	return (
		/Kubernetes(?:Pod|Job)|GKE(?:Start|Resume)|EksPod|SparkKubernetes/.test(scene.operator ?? '') ||
		scene.has('Building pod ') ||
		scene.has('kubernetes_pod_operator') ||
		scene.has('pod_manager.py') ||
		scene.has('PodManager')
	);
}

/** What `runsPod` asks for; a rule that calls it lists them in its own `asks`. */
export const RUNS_POD_ASKS = ['Building pod ', 'kubernetes_pod_operator', 'pod_manager.py', 'PodManager'] as const;

/** Composer 2 and 3 keep pods of users here. Composer 3 allows no other. */
export const USER_WORKLOADS = 'composer-user-workloads';
