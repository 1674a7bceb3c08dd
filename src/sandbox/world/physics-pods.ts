import type { Ending, Frame, Raised, Said, Tried } from '../airflow/types.ts';
import { addPod } from './environments.ts';
import { may, podIdentity } from './may.ts';
import type { Writer } from './physics-evidence.ts';
import { callGoogle, type Caller } from './physics-google.ts';
import type { PodSpec } from './physics-needs.ts';
import type { Plan } from './physics-plan.ts';
import type { ComposerEnvironment } from './types.ts';
import type { World } from './world.ts';

const USERS = 'composer-user-workloads';
const POD_PY = 'airflow/providers/cncf/kubernetes/operators/pod.py';
const MANAGER = 'airflow/providers/cncf/kubernetes/utils/pod_manager.py';
const SECOND = 1000;

export type Kitchen = {
	world: World;
	environment: ComposerEnvironment;
	write: Writer;
	airflow: 2 | 3;
	/** As whom Airflow's own pods call Google. */
	caller: () => Caller;
};

/** Runs a pod of KubernetesPodOperator in the world, from its creation to its end, and tells of it where Google tells of it. */
export function runPod(kitchen: Kitchen, tried: Tried, spec: PodSpec): Plan {
	const { world, environment, write } = kitchen;
	const composer3 = environment.generation === 'composer-3';
	const namespace = composer3 ? USERS : (spec.namespace ?? USERS);
	const name = `${tried.task.id.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}-${tailOf(tried)}`;
	const happens: { after: number; act: () => void }[] = [];
	let clock = 0;
	const then = (ms: number, act: () => void): void => {
		clock += ms;
		happens.push({ after: clock, act });
	};
	const say = (level: Said['level'], text: string, source: string, ms = 0): void =>
		then(ms, () =>
			tried.say({
				level,
				text,
				source,
				logger: 'airflow.task.operators.airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator',
			}),
		);
	const event = (reason: string, text: string, ms = 0): void =>
		then(ms, () => {
			if (composer3) write.operator(name, `${reason}: ${text}`, { severity: isWarning(reason) ? 'WARNING' : 'INFO' });
			else write.podEvent(name, namespace, reason, text);
			if (isWarning(reason))
				tried.say({
					level: 'warning',
					text: `The Pod has an Event: ${text} from ${reason}`,
					source: 'pod_manager.py:1018',
				});
		});
	const done = (ends: Ending | undefined): Plan => ({ lasts: clock, happens, ends });
	const raises = (type: string, message: string, file = POD_PY, functionName = 'execute'): Plan =>
		done({
			raises: raised(type, message, [
				frame(POD_PY, 652, 'execute_sync', 'self.await_pod_start(pod=self.pod)'),
				frame(file, 418, functionName, `raise ${type.split('.').at(-1)}(`),
			]),
		});

	say(
		'info',
		`Building pod ${name} with labels: {'dag_id': '${tried.dag.id}', 'task_id': '${tried.task.id}', 'run_id': '${tried.run.run}', 'kubernetes_pod_operator': 'True', 'try_number': '${tried.tryNumber}'}`,
		'pod.py:1241',
	);
	const refused = refuseCreation(kitchen, namespace);
	if (refused !== undefined) {
		say(
			'error',
			`Exception when attempting to create Namespaced Pod: {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': '${name}', 'namespace': '${namespace}'}}`,
			'pod_manager.py:390',
			SECOND,
		);
		return done({ raises: apiException(refused) });
	}
	const startup = spec.startupMs ?? 120 * SECOND;
	then(SECOND, () => {
		const pod = addPod(world, environment, 'KUBERNETES_OPERATOR_POD');
		pod.name = name;
		pod.state = 'PENDING';
	});
	const status = (state: 'OK' | 'WARNING' | 'FAILED' | 'SUCCEEDED', message: string, ms = 0): void =>
		then(ms, () => {
			const pod = environment.pods.find((each) => each.name === name);
			if (pod) Object.assign(pod, { state, message });
		});

	const unplaced = composer3 ? undefined : whyUnplaced(kitchen, spec);
	if (unplaced) {
		event('FailedScheduling', unplaced.scheduling, 2 * SECOND);
		then(5 * SECOND, () => unplaced.tell(name));
		event('NotTriggerScaleUp', unplaced.scaling, SECOND);
		status('WARNING', unplaced.scheduling);
		say('error', 'Pod could not be scheduled.', 'pod_manager.py:455', Math.max(0, startup - clock));
		status('FAILED', 'The pod was never placed on a node.');
		return raises(
			'airflow.providers.cncf.kubernetes.utils.pod_manager.PodLaunchTimeoutException',
			`Pod took too long to be scheduled on the cluster, giving up. More than ${startup / SECOND}s. Check the pod events in kubernetes.`,
			MANAGER,
			'await_pod_start',
		);
	}
	if (composer3) {
		for (const warning of cappedIn3(spec)) say('warning', warning, 'utils.py:88');
		say('info', 'Awaiting for pod to start execution', 'utils.py:204', 45 * SECOND);
	} else event('Scheduled', `Successfully assigned ${namespace}/${name} to gk3-node`, 3 * SECOND);

	const unpulled = whyUnpulled(kitchen, spec);
	event('Pulling', `Pulling image "${spec.image}"`, SECOND);
	if (unpulled !== undefined) {
		event('Failed', unpulled, 3 * SECOND);
		event('Failed', 'Error: ErrImagePull');
		event('BackOff', `Back-off pulling image "${spec.image}"`, 15 * SECOND);
		status('WARNING', `ErrImagePull: ${unpulled}`);
		status('FAILED', `ErrImagePull: ${unpulled}`, 5 * SECOND);
		return raises(
			'airflow.providers.cncf.kubernetes.utils.pod_manager.PodLaunchFailedException',
			`Image cannot be pulled, unable to start: ErrImagePull\n${unpulled}`,
			MANAGER,
			'detect_pod_terminate_early_issues',
		);
	}
	event('Pulled', `Successfully pulled image "${spec.image}"`, 6 * SECOND);
	const unset = whyUnset(kitchen, spec, namespace);
	if (unset !== undefined) {
		event('Failed', `Error: ${unset}`, SECOND);
		status('WARNING', `CreateContainerConfigError: ${unset}`);
		status('FAILED', `CreateContainerConfigError: ${unset}`, Math.max(0, startup - clock));
		return raises(
			'airflow.providers.cncf.kubernetes.utils.pod_manager.PodLaunchTimeoutException',
			`Pod took too long to start. More than ${startup / SECOND}s. Check the pod events in kubernetes.`,
			MANAGER,
			'await_pod_start',
		);
	}
	event('Started', 'Started container base', SECOND);
	status('OK', '');
	for (const line of spec.prints ?? []) say('info', `[base] ${line}`, 'pod_manager.py:579', SECOND);
	const failed = spec.calls
		?.map((call) => callGoogle(world, identityOf(kitchen, namespace, spec), call))
		.find((one) => one);
	const out = (reason: string, code: number, ms: number): Plan => {
		status('FAILED', `${reason}, exit code ${code}`, ms);
		say(
			'error',
			`Container 'base': state='TERMINATED', reason='${reason}', exit_code=${code}, message=''`,
			'pod.py:1022',
		);
		return done({
			raises: raised('airflow.exceptions.AirflowException', `Pod ${name} returned a failure.`, [
				frame(POD_PY, 694, 'execute_sync', 'self.cleanup('),
				frame(POD_PY, 1046, 'cleanup', 'raise AirflowException('),
			]),
		});
	};
	if (failed) {
		for (const line of [
			'Traceback (most recent call last):',
			'  File "/app/main.py", line 31, in main',
			'    client.run()',
			`${failed.type}: ${failed.message}`,
		])
			say('info', `[base] ${line}`, 'pod_manager.py:579');
		return out('Error', 1, SECOND);
	}
	const limit = composer3 ? limitIn3(spec) : spec.memoryGb;
	if ((spec.usesGb ?? 0) > limit) return out('OOMKilled', 137, spec.runsMs * 0.6);
	if (spec.exitCode !== undefined && spec.exitCode !== 0) return out('Error', spec.exitCode, spec.runsMs);
	status('SUCCEEDED', '', spec.runsMs);
	return done(undefined);
}

const isWarning = (reason: string): boolean => /^(?:Failed|FailedScheduling|NotTriggerScaleUp|BackOff)$/.test(reason);

const frame = (file: string, line: number, name: string, code: string): Frame => ({ file, line, name, code });
const raised = (type: string, message: string, below: readonly Frame[]): Raised => ({
	type,
	message,
	line: 1,
	function: 'execute',
	frames: { own: false, below },
});

/** The tail Kubernetes operators draw; the same for the same try. */
function tailOf({ run, task, tryNumber, mapIndex }: Tried): string {
	let hash = 7;
	for (const letter of `${run.run}/${task.id}/${tryNumber}/${mapIndex}`)
		hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
	return hash.toString(36).padStart(8, '0').slice(-8);
}

/** The body of Kubernetes' refusal. */
function refuseCreation(
	{ world, environment, caller }: Kitchen,
	namespace: string,
): { status: number; message: string; reason: string } | undefined {
	const who = caller();
	if ('refused' in who) return { status: 401, reason: 'Unauthorized', message: 'Unauthorized' };
	const user = 'email' in who ? who.email : `serviceAccount:${who.pool}`;
	if (!may(world, 'email' in who ? who.email : who.pool, 'container.pods.create'))
		return {
			status: 403,
			reason: 'Forbidden',
			message: `pods is forbidden: User "${user}" cannot create resource "pods" in API group "" in the namespace "${namespace}": requires one of ["container.pods.create"] permission(s).`,
		};
	const cluster = environment.cluster === undefined ? undefined : world.clusters.get(environment.cluster);
	if (cluster && !cluster.namespaces.has(namespace))
		return { status: 404, reason: 'NotFound', message: `namespaces "${namespace}" not found` };
	return undefined;
}

function apiException({ status, reason, message }: { status: number; message: string; reason: string }): Raised {
	const body = JSON.stringify({
		kind: 'Status',
		apiVersion: 'v1',
		metadata: {},
		status: 'Failure',
		message,
		reason,
		details: { kind: 'pods' },
		code: status,
	});
	return raised(
		'kubernetes.client.exceptions.ApiException',
		[
			`(${status})`,
			`Reason: ${reason}`,
			"HTTP response headers: HTTPHeaderDict({'Audit-Id': '5f0c2a8e-1b57-4a0e-9d0f-2f6f2f0f8c11', 'Content-Type': 'application/json'})",
			`HTTP response body: ${body}`,
			'',
		].join('\n'),
		[
			frame(MANAGER, 372, 'run_pod_async', 'resp = self._client.create_namespaced_pod('),
			frame('kubernetes/client/rest.py', 238, 'request', 'raise ApiException(http_resp=r)'),
		],
	);
}

type Unplaced = { scheduling: string; scaling: string; tell: (pod: string) => void };

/** Composer 2: no node has room, and the cluster gets none that has. */
function whyUnplaced({ world, environment, write }: Kitchen, { cpu, memoryGb }: PodSpec): Unplaced | undefined {
	const nodes = (environment.cluster === undefined ? undefined : world.clusters.get(environment.cluster))?.nodes ?? [];
	if (nodes.some((node) => node.freeCpu >= cpu && node.freeMemoryGb >= memoryGb)) return undefined;
	const lacks = [
		...(nodes.some((node) => node.freeCpu < cpu)
			? [`${nodes.filter((node) => node.freeCpu < cpu).length} Insufficient cpu`]
			: []),
		...(nodes.some((node) => node.freeMemoryGb < memoryGb)
			? [`${nodes.filter((node) => node.freeMemoryGb < memoryGb).length} Insufficient memory`]
			: []),
	];
	const scheduling = `0/${nodes.length} nodes are available: ${lacks.join(', ')}. preemption: 0/${nodes.length} nodes are available: ${nodes.length} No preemption victims found for incoming pod.`;
	// The largest machine of Autopilot's general-purpose class.
	if (cpu > 30 || memoryGb > 110)
		return {
			scheduling,
			scaling:
				"pod didn't trigger scale-up (it wouldn't fit if a new node is added): 1 Insufficient cpu, 1 Insufficient memory",
			tell: () => undefined,
		};
	const quota = world.project.quotas.get('CPUS');
	if (!quota || quota.limit - quota.usage >= cpu) return undefined;
	return {
		scheduling,
		scaling: "pod didn't trigger scale-up: 2 in backoff after failed scale-up",
		tell: () =>
			write.autoscaler({
				resultInfo: {
					results: [
						{
							eventId: '8f0c5a10',
							errorMsg: {
								messageId: 'scale.up.error.quota.exceeded',
								parameters: [`gk3-${environment.cluster ?? ''}-nap-1`],
							},
						},
					],
				},
				resultError: {
					errorId: 'cloud_quota_exceeded',
					message: `Quota 'CPUS' exceeded. Limit: ${quota.limit}.0 in region ${environment.location}.`,
				},
			}),
	};
}

function whyUnpulled({ world, environment }: Kitchen, { image }: PodSpec): string | undefined {
	const known = world.images.get(image);
	const failed = (why: string): string =>
		`Failed to pull image "${image}": rpc error: code = ${why.startsWith('denied') ? 'Unknown' : 'NotFound'} desc = failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${why}`;
	if (!known) return failed(`${image}: not found`);
	if (known.repository === undefined) return undefined;
	// Nodes pull as the environment's account.
	if (
		may(world, environment.serviceAccount, 'artifactregistry.repositories.downloadArtifacts', {
			kind: 'thing',
			name: known.repository,
		})
	)
		return undefined;
	const resource = known.repository.replace('artifactregistry.googleapis.com/', '');
	return failed(
		`denied: Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "${resource}" (or it may not exist)`,
	);
}

function whyUnset({ world, environment }: Kitchen, { secrets = [] }: PodSpec, namespace: string): string | undefined {
	// Composer 3's secrets of the user's workloads stand in a namespace that only Composer sees.
	const kept = userSecrets(world, environment, namespace);
	for (const { name, key } of secrets) {
		const found = kept.get(name);
		if (!found) return `secret "${name}" not found`;
		if (!found.has(key)) return `couldn't find key ${key} in Secret ${namespace}/${name}`;
	}
	return undefined;
}

const hidden = new WeakMap<ComposerEnvironment, Map<string, ReadonlySet<string>>>();

/** Secrets a pod can name: those of its namespace on Composer 2, on Composer 3 those made through the Composer API. */
export function userSecrets(
	world: World,
	environment: ComposerEnvironment,
	namespace = USERS,
): Map<string, ReadonlySet<string>> {
	if (environment.cluster !== undefined)
		return world.clusters.get(environment.cluster)?.namespaces.get(namespace)?.secrets ?? new Map();
	const own = hidden.get(environment) ?? new Map<string, ReadonlySet<string>>();
	hidden.set(environment, own);
	return own;
}

function identityOf({ world, environment }: Kitchen, namespace: string, { ksa = 'default' }: PodSpec): Caller {
	if (environment.cluster === undefined) return { email: environment.serviceAccount };
	const found = podIdentity(world, environment.cluster, namespace, ksa);
	if (found.as !== undefined) return { email: found.as };
	if (found.because === 'no-annotation') return { pool: found.ksa };
	return { refused: found.because === 'no-account' ? 404 : 403, account: found.account };
}

/** What Composer 3 does to a request without saying so to the pod. Source: its pod_mutation_hook. */
function cappedIn3({ cpu, memoryGb }: PodSpec): string[] {
	return [
		...(cpu > 32 ? [`Resources CPU is ${cpu} which is greater than maximum allowed 32`] : []),
		...(memoryGb > limitIn3({ cpu, memoryGb })
			? [
					`Resources memory is ${memoryGb}GB which is greater than maximum allowed ${limitIn3({ cpu, memoryGb })}GB for the current amount of CPU which is ${Math.min(32, cpu)}`,
				]
			: []),
	];
}

const limitIn3 = ({ cpu, memoryGb }: Pick<PodSpec, 'cpu' | 'memoryGb'>): number =>
	Math.min(128, memoryGb, Math.max(2, 8 * Math.min(32, cpu)));
