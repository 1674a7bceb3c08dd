import { addBinding, removeBinding, setApi, setServiceAccountDisabled } from './acts.ts';
import { addAccount } from './environments.ts';
import type { At, Call, Change } from './gcloud-calls.ts';
import { Malformed, readPosted, type Posted } from './gcloud.ts';
import { must } from './may.ts';
import { readPatch } from './patch.ts';
import { give, newPolicy } from './policy.ts';
import { invalid, notFound } from './refusal.ts';
import { userSecrets } from './physics-pods.ts';
import type { Cluster, ComposerEnvironment, JsonObject, LongOperation } from './types.ts';
import { updateEnvironment } from './updates.ts';
import type { World } from './world.ts';

export type Shell = {
	world: World;
	/** Who runs it; an e-mail. */
	by: string;
	/** Files that lie in the folder it is run in. */
	files?: ReadonlyMap<string, string>;
	/** The Airflow on the machine itself, where there is one. */
	machine?: ComposerEnvironment | undefined;
	/** Resources of Terraform by address: what its state holds. */
	terraform?: Set<string>;
	/** Commands that are not filled in are left out, as by a person who reads before pasting. Default: they are refused. */
	leaveOpen?: boolean;
	/** Told of each command as it is done, and of those that only look. */
	did?(text: string, how: 'changed' | 'looked' | 'left open'): void;
	/** Comes back when the operation has ended, as gcloud does. */
	wait(operation: LongOperation): Promise<void>;
};

/**
 * Runs a posted script in the world, as the person who pasted it. Stops where a shell with `set -e` does: throws Malformed for
 * what is no command or is not filled in, GoogleRefusal for what Google refuses, an Error for an update that failed.
 */
export async function runPosted(script: string, shell: Shell): Promise<Call[]> {
	const calls: Call[] = [];
	let failed = false;
	let cluster: Cluster | undefined;
	for (const posted of readPosted(script)) {
		if (posted.otherwise && !failed) continue;
		failed = posted.call === undefined && !looksGood(posted, shell);
		const { call } = posted;
		if (!call) {
			shell.did?.(posted.text, 'looked');
			continue;
		}
		if (posted.placeholders.length > 0 && shell.leaveOpen === true) {
			shell.did?.(posted.text, 'left open');
			continue;
		}
		if (posted.placeholders.length > 0)
			throw new Malformed(`to be filled in first: ${posted.placeholders.join(', ')} in ${posted.text}`);
		calls.push(call);
		if (call.do === 'credentials') cluster = clusterOf(shell.world, call.cluster);
		if (call.do !== 'update') {
			run(call, shell, cluster);
			shell.did?.(posted.text, 'changed');
			continue;
		}
		// Nothing here depends on these, and they replace no pods.
		if (/^(?:retention|attachment|private-builds)$/.test(call.change.kind)) {
			must(shell.world, shell.by, 'composer.environments.update');
			shell.did?.(posted.text, 'changed');
			continue;
		}
		const operation = update(call, shell);
		await shell.wait(operation);
		if (operation.error) throw new Error(`Error updating [${operation.environment}]: ${operation.error.message}`);
		shell.did?.(posted.text, 'changed');
	}
	return calls;
}

/** Of the looks only one decides what comes after it: whether an account is there. */
function looksGood({ text }: Posted, { world }: Shell): boolean {
	const account = /^gcloud iam service-accounts describe (\S+)/.exec(text)?.[1];
	return account === undefined || world.accounts.has(account);
}

function update({ at, change }: Extract<Call, { do: 'update' }>, { world, by }: Shell): LongOperation {
	const environment = environmentOf(world, at);
	const { mask, body } = patchOf(environment, change);
	return updateEnvironment(world, by, environment.name, readPatch(environment, mask, body));
}

function run(call: Exclude<Call, { do: 'update' }>, shell: Shell, cluster: Cluster | undefined): void {
	const { world, by, files, terraform, machine } = shell;
	const inProject = 'project' in call ? call.project : undefined;
	if (inProject !== undefined && inProject !== world.project.id && inProject !== world.project.number) {
		if (call.do === 'grant' && grantElsewhere(world, call, inProject)) return;
		throw notFound(`Project '${inProject}' was not found or permission denied.`);
	}
	switch (call.do) {
		case 'grant':
			addBinding(world, by, call.on, call.role, call.member);
			return;
		case 'revoke':
			removeBinding(world, by, call.on, call.role, call.member);
			return;
		case 'enable':
			for (const api of call.apis) setApi(world, by, api, true);
			return;
		case 'account':
			runAccount(call, world, by);
			return;
		case 'airflow': {
			const environment = call.at ? environmentOf(world, call.at) : machine;
			if (!environment) throw new Malformed('there is no Airflow on this machine');
			if (call.at) must(world, by, 'composer.environments.executeAirflowCommand');
			const { exitCode, lines } = world.airflowCommand(environment, call.words);
			if (exitCode !== 0) throw invalid(lines.join('\n'));
			return;
		}
		case 'secret':
			must(world, by, 'secretmanager.secrets.create');
			world.secrets.set(call.id, { id: call.id, policy: newPolicy(), versions: 1 });
			return;
		case 'user-secret': {
			const environment = environmentOf(world, call.at);
			if (environment.generation !== 'composer-3') throw invalid('User workloads Secrets are a matter of Composer 3.');
			const file = files?.get(call.file);
			if (file === undefined) throw new Malformed(`there is no file ${call.file}`);
			const { name, keys } = readSecretFile(file);
			userSecrets(world, environment).set(name, new Set(keys));
			return;
		}
		case 'repository':
			world.things.set(
				`artifactregistry.googleapis.com/projects/${world.project.id}/locations/${call.location}/repositories/${call.name}`,
				{ policy: newPolicy() },
			);
			return;
		case 'billing':
			if (call.project !== world.project.id) throw notFound(`Project '${call.project}' was not found.`);
			world.project.billingEnabled = true;
			return;
		case 'upload': {
			const [, bucket, object] = /^gs:\/\/([^/]+)\/(.+)$/.exec(call.to) ?? [];
			const found = bucket === undefined ? undefined : world.buckets.get(bucket);
			if (!found || object === undefined) throw notFound(`${call.to}: The specified bucket does not exist.`);
			found.objects.set(object, { bytes: 1024 });
			return;
		}
		case 'forget':
			if (terraform && !terraform.delete(call.address))
				throw new Malformed(`terraform state rm: no resource ${call.address} in the state`);
			return;
		case 'credentials':
		case 'agent':
		case 'network':
		case 'pip':
			return;
		default:
			runKubernetes(call, world, cluster);
	}
}

/** What another project's owner gives on that project, as far as something of it is known here. */
function grantElsewhere(
	world: World,
	{ role, member }: Extract<Call, { do: 'grant' | 'revoke' }>,
	project: string,
): boolean {
	const things = [...world.things.keys()].filter((name) => name.includes(`/projects/${project}/`));
	for (const name of things) give(world, { kind: 'thing', name }, role, member);
	return things.length > 0;
}

function runAccount(call: Extract<Call, { do: 'account' }>, world: World, by: string): void {
	switch (call.act) {
		case 'create':
			must(world, by, 'iam.serviceAccounts.create');
			addAccount(world, `${call.who}@${world.project.id}.iam.gserviceaccount.com`);
			return;
		case 'undelete':
			throw notFound('Unknown service account');
		default:
			setServiceAccountDisabled(world, by, call.who, call.act === 'disable');
	}
}

function environmentOf(world: World, { environment, location, project }: At): ComposerEnvironment {
	const found = world.environments.get(environment);
	if (!found || found.location !== location || (project !== undefined && project !== world.project.id))
		throw notFound(
			`Environment projects/${project ?? world.project.id}/locations/${location}/environments/${environment} was not found.`,
		);
	return found;
}

function clusterOf(world: World, name: string): Cluster {
	const found = world.clusters.get(name);
	if (!found) throw notFound(`Not found: projects/${world.project.id}/locations/-/clusters/${name}`);
	return found;
}

type Kubernetes = Extract<
	Call,
	{ do: 'namespace' | 'ksa' | 'annotate' | 'kubernetes-secret' | 'kubernetes-role' | 'kubernetes-binding' }
>;

function runKubernetes(call: Kubernetes, world: World, chosen: Cluster | undefined): void {
	const [only, ...more] = world.clusters.values();
	const cluster = chosen ?? (more.length === 0 ? only : undefined);
	if (!cluster)
		throw new Malformed(
			'kubectl: The connection to the server localhost:8080 was refused: no credentials of a cluster',
		);
	if (call.do === 'namespace') {
		if (!cluster.namespaces.has(call.name))
			cluster.namespaces.set(call.name, {
				accounts: new Map([['default', undefined]]),
				secrets: new Map(),
				configMaps: new Map(),
			});
	} else {
		const namespace = cluster.namespaces.get(call.namespace);
		if (!namespace) throw notFound(`Error from server (NotFound): namespaces "${call.namespace}" not found`);
		if (call.do === 'ksa') {
			if (!namespace.accounts.has(call.name)) namespace.accounts.set(call.name, undefined);
		} else if (call.do === 'annotate') {
			if (!namespace.accounts.has(call.ksa))
				throw notFound(`Error from server (NotFound): serviceaccounts "${call.ksa}" not found`);
			const account = call.annotations['iam.gke.io/gcp-service-account'];
			if (account !== undefined) namespace.accounts.set(call.ksa, account);
		} else if (call.do === 'kubernetes-secret') namespace.secrets.set(call.name, new Set(call.keys));
	}
	world.tell({ what: 'kubernetes', cluster: cluster.name });
}

/** Name and keys of a Secret or ConfigMap written in YAML; its values do not matter here. */
function readSecretFile(text: string): { name: string; keys: string[] } {
	const name = /^\s*name:\s*["']?([\w.-]+)/m.exec(text)?.[1];
	if (name === undefined) throw new Malformed('the file of the Secret names none');
	const data = text.split(/^(?:stringData|data):\s*$/m)[1] ?? '';
	const keys = [...data.matchAll(/^ {2,}["']?([\w.-]+)["']?:/gm)].map(([, key = '']) => key);
	return { name, keys };
}

/** The patch that gcloud sends for a change. */
function patchOf(environment: ComposerEnvironment, change: Change): { mask: string; body: JsonObject } {
	const { settings } = environment;
	const software = (
		key: string,
		before: Readonly<Record<string, string>>,
		{ set, clear }: Extract<Change, { set: unknown }>,
	) => {
		const after: Record<string, string> = clear ? {} : { ...before };
		for (const [name, value] of Object.entries(set)) {
			if (value === undefined) delete after[name];
			else after[name] = value;
		}
		return { mask: `config.softwareConfig.${key}`, body: { config: { softwareConfig: { [key]: after } } } };
	};
	switch (change.kind) {
		case 'workloads': {
			const { worker, scheduler, webServer, triggerer, dagProcessor } = settings.workloads;
			if (change.dagProcessor && !dagProcessor) throw invalid('--dag-processor flags are for Composer 3 only.');
			return {
				mask: 'config.workloadsConfig',
				body: {
					config: {
						workloadsConfig: {
							worker: { ...worker, ...change.worker },
							scheduler: { ...scheduler, ...change.scheduler },
							webServer: { ...webServer, ...change.webServer },
							triggerer: { ...triggerer, ...change.triggerer },
							...(dagProcessor && { dagProcessor: { ...dagProcessor, ...change.dagProcessor } }),
						},
					},
				},
			};
		}
		case 'size':
			return {
				mask: 'config.environmentSize',
				body: { config: { environmentSize: `ENVIRONMENT_SIZE_${change.size.toUpperCase().replace('-', '_')}` } },
			};
		case 'configs':
			return software('airflowConfigOverrides', settings.airflowConfigOverrides, change);
		case 'variables':
			return software('envVariables', settings.envVariables, change);
		case 'packages':
			return software('pypiPackages', settings.pypiPackages, change);
		case 'image':
			return {
				mask: 'config.softwareConfig.imageVersion',
				body: { config: { softwareConfig: { imageVersion: change.version } } },
			};
		case 'logs':
			return {
				mask: 'config.dataRetentionConfig.taskLogsRetentionConfig.storageMode',
				body: { config: { dataRetentionConfig: { taskLogsRetentionConfig: { storageMode: change.storage } } } },
			};
		case 'window': {
			const { startTime, endTime, recurrence } = change;
			return {
				mask: 'config.maintenanceWindow',
				body: { config: { maintenanceWindow: { startTime, endTime, recurrence } } },
			};
		}
		case 'addresses':
			return {
				mask: 'config.webServerNetworkAccessControl',
				body: {
					config: {
						webServerNetworkAccessControl: {
							allowedIpRanges: [...settings.allowedIpRanges, ...change.add].map(({ value, description }) => ({
								value,
								description,
							})),
						},
					},
				},
			};
		case 'retention':
		case 'attachment':
		case 'private-builds':
			throw invalid(`No update of ${change.kind}.`);
		default: {
			const never: never = change;
			return never;
		}
	}
}
