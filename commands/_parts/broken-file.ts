import type { Deps } from '../../src/deps.ts';
import { verify } from '../../src/diagnosis/verify.ts';
import type { Verdict } from '../../src/diagnosis/verify.ts';
import type { ImportError } from '../../src/domain/airflow.ts';
import { quote } from '../../src/domain/quote.ts';
import type { Part } from '../../src/domain/reply.ts';
import { clipHead, type Lang } from '../../src/domain/text.ts';
import { isSameFile } from '../../src/rules/_parts/audit.ts';
import { rules } from '../../src/rules/index.ts';
import { homeOf } from './home.ts';
import { verdictParts } from '../../src/diagnosis/verdict-message.ts';

/** Why the file of this DAG does not import, when it does not. `file`: where Airflow says that it is. Throws Trouble. */
export async function brokenFile(
	dag: string,
	env: string,
	lang: Lang,
	deps: Deps,
	file?: string,
): Promise<Part[] | undefined> {
	const errors = await deps.airflow(env).importErrors();
	const error = errors.find((one) => (file === undefined ? isFileOf(dag, one.file) : isSameFile(one.file, file)));
	if (!error) return undefined;
	const verdict = await investigateImport(error, { env, dag, home: await homeOf(env, deps), lang }, deps);
	const ja = lang === 'ja';
	const name = { code: clipHead(quote(error.file.split('/').at(-1) ?? error.file, 200), 100) };
	return [
		{
			kind: 'title',
			icon: '💥',
			line: ja ? [name, ' をインポートできません'] : ['Airflow cannot import ', name],
		},
		{ kind: 'text', line: [{ code: clipHead(quote(error.file, 500), 200) }, ' · ', { time: error.at }] },
		...verdictParts(verdict, { lang, full: false, log: LOG }).parts,
	];
}

/** Why a file cannot be imported, by its stack trace. */
export async function investigateImport(
	error: ImportError,
	{ env, dag, home, lang }: { env: string; dag: string; home: Awaited<ReturnType<typeof homeOf>>; lang: Lang },
	deps: Deps,
): Promise<Verdict> {
	const diagnosis = await deps.readLog(new TextEncoder().encode(asLog(error)), { env: home.env, lang });
	const failed = {
		env,
		dag,
		run: '',
		task: '',
		mapIndex: -1,
		tryNumber: 0,
		ofTries: 1,
		state: 'failed',
		log: 'there' as const,
		told: [],
		now: deps.now(),
	};
	const told = diagnosis.findings.flatMap((finding) => {
		const rule = rules.find(({ id }) => id === finding.cause);
		return rule ? [{ rule, finding, heard: [] }] : [];
	});
	return verify({
		diagnosis,
		candidates: told,
		failed,
		seen: { importErrors: [error] },
		gaps: home.gaps,
		env: home.env,
		lang,
	});
}

const LOG = { en: 'the import error', ja: 'インポートエラー' };

/** As the DAG processor writes it, so that the same rules know it. */
function asLog({ file, stackTrace }: ImportError): string {
	return `Broken DAG: [${file}]\n${stackTrace}`;
}

/** Airflow does not say which DAG a broken file would make; most are named after theirs, with or without the folder. */
function isFileOf(dag: string, file: string): boolean {
	const plain = (text: string) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '_');
	return `_${plain(file.replace(/\.\w+$/, ''))}`.endsWith(`_${plain(dag)}`);
}
