import type { Environment, Generation } from '../../domain/environment.ts';
import type { FixContext, FixStep } from '../../domain/rule.ts';
import { shellQuote } from '../../domain/text.ts';
import type { Lang } from '../../domain/text.ts';

/** The sentence in the language that was asked for. */
export function inLang(lang: Lang): (en: string, ja: string) => string {
	return (en, ja) => (lang === 'ja' ? ja : en);
}

/** A step that is a sentence, and steps that can be pasted. */
export const say = (text: string): FixStep => ({ say: text });
export const sh = (code: string | readonly string[], text?: string): FixStep => codeStep('sh', code, text);
export const hcl = (code: string | readonly string[], text?: string): FixStep => codeStep('hcl', code, text);
export const python = (code: string | readonly string[], text?: string): FixStep => codeStep('python', code, text);
export const yaml = (code: string | readonly string[], text?: string): FixStep => codeStep('yaml', code, text);
export const ini = (code: string | readonly string[], text?: string): FixStep => codeStep('ini', code, text);

type CodeStep = Extract<FixStep, { lang: string }>;

function codeStep(lang: CodeStep['lang'], code: string | readonly string[], text?: string): FixStep {
	const step = { code: typeof code === 'string' ? code : code.join('\n'), lang };
	return text === undefined ? step : { ...step, say: text };
}

/**
 * One shell command. Every word is quoted when it has to be; in `--flag=value` only the value is, so that it stays readable.
 * Words may come out of a log: nothing in them can end the argument they stand in.
 */
export function command(...words: readonly string[]): string {
	return words
		.map((word) => {
			if (word === '--') return word;
			const flag = /^(--?[a-z][a-z0-9_-]*)(?:=([^]*))?$/.exec(word);
			if (!flag) return shellQuote(word);
			return flag[2] === undefined ? word : `${flag[1]}=${shellQuote(flag[2])}`;
		})
		.join(' ');
}

/** A string literal of Python, JSON and YAML. */
export const quoted = (value: string): string => JSON.stringify(value);

/** A string literal of Terraform: `${` and `%{` would be run as a template. */
export const hclQuoted = (value: string): string => JSON.stringify(value).replace(/[$%](?=\{)/g, (mark) => mark + mark);

/** What the environment is called in a command; what is not known stands there in capitals, to be filled in. */
export function names(env: Environment): {
	project: string;
	location: string;
	environment: string;
	serviceAccount: string;
	bucket: string;
	cluster: string;
	at: readonly string[];
} {
	const location = env.location ?? 'LOCATION';
	const environment = env.environment ?? 'ENVIRONMENT';
	return {
		project: env.project ?? 'PROJECT',
		location,
		environment,
		serviceAccount: env.serviceAccount ?? 'ENVIRONMENT_SERVICE_ACCOUNT',
		bucket: env.bucket ?? 'BUCKET',
		cluster: env.cluster ?? 'CLUSTER',
		/** `ENVIRONMENT --location=LOCATION --project=PROJECT`, the project only where it is known. */
		at: [environment, `--location=${location}`, ...(env.project === undefined ? [] : [`--project=${env.project}`])],
	};
}

/** `gcloud composer environments update E --location=L …` */
export function updateEnvironment(env: Environment, ...flags: readonly string[]): string {
	return command('gcloud', 'composer', 'environments', 'update', ...names(env).at, ...flags);
}

/** `gcloud projects add-iam-policy-binding`, without the question about conditions. Additive. */
export function grantOnProject(project: string, member: string, role: string): string {
	return command(
		'gcloud',
		'projects',
		'add-iam-policy-binding',
		project,
		`--member=${member}`,
		`--role=${role}`,
		'--condition=None',
	);
}

/** `kubectl` needs the credentials of Composer 2's own cluster first. */
export function clusterCredentials(env: Environment): string {
	const { cluster, location, project } = names(env);
	return command(
		'gcloud',
		'container',
		'clusters',
		'get-credentials',
		cluster,
		`--location=${location}`,
		`--project=${project}`,
	);
}

const HEADING: Readonly<Record<Generation, { en: string; ja: string }>> = {
	'composer-2': { en: 'Composer 2', ja: 'Composer 2' },
	'composer-3': { en: 'Composer 3', ja: 'Composer 3' },
	airflow: { en: 'plain Airflow', ja: 'Composer 以外の Airflow' },
};

/**
 * The steps of the environment's generation. When it is not known, all of them, each under its name; generations that
 * are given the same function share one heading.
 */
export function forGeneration(
	{ env, lang }: Pick<FixContext, 'env' | 'lang'>,
	steps: Readonly<Record<Generation, () => readonly FixStep[]>>,
): FixStep[] {
	if (env.generation) return [...steps[env.generation]()];
	const groups = new Map<() => readonly FixStep[], Generation[]>();
	for (const generation of ['composer-2', 'composer-3', 'airflow'] as const) {
		const group = groups.get(steps[generation]);
		if (group) group.push(generation);
		else groups.set(steps[generation], [generation]);
	}
	if (groups.size === 1) return [...steps.airflow()];
	return [...groups].flatMap(([make, generations]) => {
		const made = make();
		if (made.length === 0) return [];
		const which = generations.map((generation) => HEADING[generation][lang]).join(lang === 'ja' ? '、' : ', ');
		return [say(lang === 'ja' ? `【${which} の場合】` : `On ${which}:`), ...made];
	});
}
