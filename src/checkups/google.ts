import type { On } from '../clients/iam.ts';
import * as filters from '../clients/logging/filters.ts';
import type { Checkup } from '../deps.ts';
import type { Environment } from '../domain/environment.ts';
import { orTrouble, Trouble } from '../domain/errors.ts';
import { grantCommand } from '../domain/grants.ts';
import { needs, type Need, type NeedName } from '../domain/needs.ts';
import type { GoogleClients } from '../sources/google-clients.ts';
import { failed, partly } from './checkup.ts';

const MINUTE = 60_000;

export type GoogleCheck = {
	env: string;
	cloud: GoogleClients;
	/** E-mail of the bot's own account, when it can be told. */
	bot: string | undefined;
	/** The settings let it change environments. */
	changes: boolean;
	/** Epoch milliseconds. */
	now: number;
};

/**
 * One Composer environment: what the bot's account lacks and what it cannot see because of it, and which API does not answer.
 * One line when all is there. What the settings switched off is neither asked nor missed.
 */
export async function googleCheckups({ env, cloud, bot, changes, now }: GoogleCheck): Promise<Checkup[]> {
	const what = `Google Cloud ${env}`;
	const home = await orTrouble(cloud.composer.describe({ fresh: true }));
	const unreadable = home instanceof Trouble && home.label !== 'google forbidden' ? [failed(what, home)] : [];
	const environment: Environment = home instanceof Trouble ? { project: cloud.project } : home.environment;
	const wanted = needs().filter(([, need]) => isWanted(need, { cloud, environment, changes }));
	const held = await heldOf(wanted, cloud, environment);
	const lacking = wanted.filter(
		([name, { permission, on }]) =>
			held[on]?.has(permission) === false ||
			(name === 'environment' && home instanceof Trouble && home.label === 'google forbidden'),
	);
	const silent = await Promise.all(
		probesOf(cloud, environment, now).map(async ([name, probe]) => {
			const alsoLacking = lacking.some(([one]) => one === name);
			if (alsoLacking || !wanted.some(([one]) => one === name)) return [];
			const answer = await orTrouble(probe());
			return answer instanceof Trouble ? [silence(what, answer, name)] : [];
		}),
	);
	const lines = [
		...unreadable,
		...grouped(lacking).map((group) => lack(what, group, { bot, project: cloud.project, environment })),
		...silent.flat(),
		...storage(what, cloud, environment),
	];
	return lines.length > 0 ? lines : [well(what, cloud, environment)];
}

/** Asked of an environment that can be read only when it is one of Composer's own. */
function isWanted(
	{ api, generation, optional, on }: Need,
	{ cloud, environment, changes }: { cloud: GoogleClients; environment: Environment; changes: boolean },
): boolean {
	if (optional && !changes) return false;
	if (generation !== undefined && generation !== environment.generation) return false;
	if (on === 'serviceAccount' && environment.serviceAccount === undefined) return false;
	if (on === 'bucket' && environment.bucket === undefined) return false;
	if (api === 'logging.googleapis.com') return cloud.logging !== undefined;
	if (api === 'monitoring.googleapis.com') return cloud.monitoring !== undefined;
	return api === 'composer.googleapis.com' || cloud.iam !== undefined;
}

type Held = Partial<Record<Need['on'], ReadonlySet<string>>>;

/** What cannot be asked is left to the probes. */
async function heldOf(
	wanted: readonly (readonly [NeedName, Need])[],
	{ iam }: GoogleClients,
	environment: Environment,
): Promise<Held> {
	if (!iam) return {};
	const places: On[] = [
		{ kind: 'project' },
		...(environment.serviceAccount === undefined
			? []
			: [{ kind: 'serviceAccount', email: environment.serviceAccount } as const]),
		...(environment.bucket === undefined ? [] : [{ kind: 'bucket', name: environment.bucket } as const]),
	];
	const found = await Promise.all(
		places.map(async (place): Promise<Held> => {
			const permissions = wanted.flatMap(([, { on, permission }]) => (on === place.kind ? [permission] : []));
			if (permissions.length === 0) return {};
			const held = await orTrouble(iam.held(place, permissions));
			return held instanceof Trouble ? {} : { [place.kind]: held };
		}),
	);
	return Object.assign({}, ...found) as Held;
}

/** One real call to each API: a permission is of no use where the way is closed. */
function probesOf(
	{ composer, logging, monitoring, iam, ...place }: GoogleClients,
	environment: Environment,
	now: number,
): [NeedName, () => Promise<unknown>][] {
	const { serviceAccount, bucket } = environment;
	const frame = { from: new Date(now - 5 * MINUTE).toISOString(), to: new Date(now).toISOString() };
	return [
		['operations', () => composer.operations(1)],
		...(logging
			? [['logs', () => logging.lines(filters.agentLines(place, frame), 1)] as [NeedName, () => Promise<unknown>]]
			: []),
		...(monitoring
			? [
					['metrics', () => monitoring.series('workers', { from: now - 10 * MINUTE, to: now })] as [
						NeedName,
						() => Promise<unknown>,
					],
				]
			: []),
		...(iam
			? ([
					['projectPolicy', () => iam.projectPolicy()],
					['enabledApis', () => iam.enabledApis()],
					...(serviceAccount === undefined ? [] : [['serviceAccountPolicy', () => iam.accountPolicy(serviceAccount)]]),
					...(bucket === undefined ? [] : [['bucketPolicy', () => iam.bucketPolicy(bucket)]]),
				] as [NeedName, () => Promise<unknown>][])
			: []),
	];
}

function silence(what: string, trouble: Trouble, name: NeedName): Checkup {
	const { found, mend } = failed(what, trouble);
	const [, need] = needs().find(([one]) => one === name) ?? [];
	const so = need?.without ?? { en: '', ja: '' };
	return partly({
		what,
		found: { en: `${found.en} So ${so.en}.`, ja: `${found.ja}${so.ja}。` },
		...(mend === undefined ? {} : { mend }),
	});
}

type Group = { need: Need; name: NeedName; without: { en: string; ja: string } };

/** Needs that one permission serves are one line. */
function grouped(lacking: readonly (readonly [NeedName, Need])[]): Group[] {
	const groups = new Map<string, Group>();
	for (const [name, need] of lacking) {
		const key = `${need.on} ${need.permission}`;
		const found = groups.get(key);
		const without = found
			? { en: `${found.without.en}; ${need.without.en}`, ja: `${found.without.ja}。${need.without.ja}` }
			: need.without;
		groups.set(key, { need: found?.need ?? need, name: found?.name ?? name, without });
	}
	return [...groups.values()];
}

function lack(
	what: string,
	{ need, name, without }: Group,
	{ bot, project, environment }: { bot: string | undefined; project: string; environment: Environment },
): Checkup {
	const command = grantCommand(need, { bot, project, serviceAccount: environment.serviceAccount });
	const alone = name === 'logs' && environment.logsInBucket === false;
	const check = {
		what,
		found: {
			en: `The bot lacks ${need.permission}. So ${without.en}${alone ? '; the task logs of this environment are kept in Cloud Logging alone' : ''}.`,
			ja: `ボットに ${need.permission} がありません。${without.ja}。${alone ? 'この環境のタスクログは Cloud Logging にのみ保存されています。' : ''}`,
		},
		mend: { en: `\`${command}\``, ja: `\`${command}\`` },
	};
	return name === 'environment' ? { ...check, ok: false } : partly(check);
}

function storage(what: string, { logging }: GoogleClients, { logsInBucket }: Environment): Checkup[] {
	if (logging || logsInBucket !== false) return [];
	return [
		partly({
			what,
			found: {
				en: 'Cloud Logging is switched off in the settings, and this environment keeps its task logs there alone. So a log that the UI has lost stays unread.',
				ja: '設定で Cloud Logging が無効ですが、この環境のタスクログは Cloud Logging にのみ保存されています。UI で失われたログは参照できません。',
			},
			mend: {
				en: 'Take `evidence: { logging: false }` out, or keep logs in the bucket too: `gcloud composer environments update … --enable-logs-in-cloud-logging-and-storage`.',
				ja: '`evidence: { logging: false }` を削除するか、バケットにもログを保存してください（`gcloud composer environments update … --enable-logs-in-cloud-logging-and-storage`）。',
			},
		}),
	];
}

function well(what: string, cloud: GoogleClients, { environment, imageVersion }: Environment): Checkup {
	const off = [
		...(cloud.logging ? [] : ['Cloud Logging']),
		...(cloud.monitoring ? [] : ['Cloud Monitoring']),
		...(cloud.iam ? [] : ['IAM']),
	];
	const image = imageVersion === undefined ? '' : ` (${imageVersion})`;
	return {
		what,
		ok: true,
		found: {
			en: `Sees the environment ${environment ?? cloud.name}${image} and all it may ask about it.${off.length > 0 ? ` Switched off: ${off.join(', ')}.` : ''}`,
			ja: `環境 ${environment ?? cloud.name}${image} と必要な情報をすべて参照できます。${off.length > 0 ? `無効: ${off.join('、')}。` : ''}`,
		},
	};
}
