import { Trouble } from '../../src/domain/errors.ts';
import { near } from '../../src/domain/near.ts';
import { clipHead, visible } from '../../src/domain/text.ts';
import type { CommandContext } from '../define.ts';
import { mistake } from './trouble.ts';

/** How many DAGs are looked through for a name that is near. */
const MOST = 1000;

/** There is no such DAG: what may have been meant among those the asker may see, and whether files fail to import just now. */
export async function unknownDag(dag: string, context: CommandContext): Promise<Trouble> {
	const { deps, env } = context;
	const airflow = deps.airflow(env);
	const [dags, broken] = await Promise.all([
		orElse(airflow.dags({ limit: MOST }), []),
		orElse(
			airflow.importErrors().then((errors) => errors.length),
			0,
		),
	]);
	const seen = dags.map(({ id }) => id).filter((id) => context.may('viewer', id));
	const meant = near(dag, seen).map((id) => `\`${clipHead(visible(id), 100)}\``);
	const where = deps.environments.length > 1 ? { en: ` in ${env}`, ja: `環境 ${env} に` } : { en: '', ja: '' };
	const shown = clipHead(visible(dag), 100);
	const hints = { en: [] as string[], ja: [] as string[] };
	if (meant.length > 0) {
		hints.en.push(`Did you mean ${meant.join(' or ')}?`);
		hints.ja.push(`${meant.join('、')} のことでしょうか。`);
	} else {
		hints.en.push('`/dag list` shows what there is.');
		hints.ja.push('`/dag list` で一覧を確認できます。');
	}
	if (broken > 0) {
		hints.en.push(
			broken === 1
				? 'One DAG file cannot be imported just now: if the DAG is new, that may be it.'
				: `${broken} DAG files cannot be imported just now: if the DAG is new, it may be in one of them.`,
		);
		hints.ja.push(
			`現在 ${broken} 件の DAG ファイルがインポートに失敗しています。新しい DAG の場合、その中にある可能性があります。`,
		);
	}
	return mistake(
		'dag unknown',
		{ en: `There is no DAG ${shown}${where.en}.`, ja: `${where.ja}DAG ${shown} はありません。` },
		{ en: hints.en.join(' '), ja: hints.ja.join('') },
	);
}

/** What only makes an answer kinder must not take its place. */
export async function orElse<T>(asked: Promise<T>, otherwise: T): Promise<T> {
	try {
		return await asked;
	} catch (error) {
		if (error instanceof Trouble) return otherwise;
		throw error;
	}
}
