import type { LogStorage, Place } from './types.ts';

type ComponentChange = { cpu?: number; memoryGb?: number; storageGb?: number; count?: number };

/** One update of an environment: gcloud takes one kind at a time, as the API does. */
export type Change =
	| {
			kind: 'workloads';
			worker?: ComponentChange & { minCount?: number; maxCount?: number };
			scheduler?: ComponentChange;
			webServer?: ComponentChange;
			triggerer?: ComponentChange;
			dagProcessor?: ComponentChange;
	  }
	| { kind: 'size'; size: 'small' | 'medium' | 'large' | 'extra-large' }
	/** `section-key` → value; undefined: taken away. `clear`: all others go. */
	| { kind: 'configs' | 'variables' | 'packages'; set: Readonly<Record<string, string | undefined>>; clear: boolean }
	| { kind: 'image'; version: string }
	| { kind: 'logs'; storage: LogStorage }
	| { kind: 'retention'; days: number }
	| { kind: 'window'; startTime: string; endTime: string; recurrence: string }
	| { kind: 'addresses'; add: readonly { value: string; description: string }[] }
	| { kind: 'attachment'; name: string }
	| { kind: 'private-builds'; only: boolean };

export type At = { environment: string; location: string; project: string | undefined };

/** What a posted command does to the project. `undefined` names: those of whoever runs it. */
export type Call =
	| { do: 'grant' | 'revoke'; on: Place; project: string | undefined; member: string; role: string }
	| { do: 'enable'; apis: readonly string[]; project: string | undefined }
	| { do: 'account'; act: 'create' | 'enable' | 'disable' | 'undelete'; who: string; project: string | undefined }
	/** Makes Google's own agent of a service. */
	| { do: 'agent'; service: string; project: string | undefined }
	| { do: 'update'; at: At; change: Change }
	/** Airflow's command line; `at` is undefined where it is run on the machine itself. */
	| { do: 'airflow'; at: At | undefined; words: readonly string[] }
	| { do: 'credentials'; cluster: string; location: string }
	| { do: 'namespace'; name: string }
	| { do: 'ksa'; name: string; namespace: string }
	| { do: 'annotate'; ksa: string; namespace: string; annotations: Readonly<Record<string, string>> }
	| { do: 'kubernetes-secret'; name: string; namespace: string; keys: readonly string[] }
	| { do: 'kubernetes-role'; name: string; namespace: string; verbs: readonly string[]; resources: readonly string[] }
	| { do: 'kubernetes-binding'; name: string; namespace: string; role: string; ksa: string }
	| { do: 'user-secret'; at: At; file: string }
	| { do: 'secret'; id: string; project: string | undefined }
	| { do: 'repository'; name: string; location: string; project: string | undefined }
	| { do: 'network'; what: 'router' | 'nat' | 'firewall'; name: string; flags: Readonly<Record<string, string>> }
	| { do: 'billing'; project: string; account: string }
	| { do: 'upload'; from: string; to: string }
	/** `terraform state rm`: what it managed stays, and it does not manage it any more. */
	| { do: 'forget'; address: string }
	| { do: 'pip'; packages: readonly string[] };

/** A dataset, a repository: full resource name without the `//` in front. */
export const dataset = (project: string, name: string): Place => ({
	kind: 'thing',
	name: `bigquery.googleapis.com/projects/${project}/datasets/${name}`,
});
export const repository = (project: string, location: string, name: string): Place => ({
	kind: 'thing',
	name: `artifactregistry.googleapis.com/projects/${project}/locations/${location}/repositories/${name}`,
});
