import { exactJson, isRecord } from '../../src/domain/json.ts';
import { mistake, quoted } from './trouble.ts';
import { straight, type Word } from './words.ts';

/** `json`: what JSON held. `pairs`: key=value as typed, whose types the DAG's params decide. Later ones win over JSON. */
export type TypedConf = {
	json: Readonly<Record<string, unknown>> | undefined;
	pairs: readonly { key: string; text: string }[];
};

/** Conf out of the words after the DAG. Trouble `user`: neither JSON nor key=value, or a key twice. */
export function readConf(words: readonly Word[]): TypedConf {
	let json: Readonly<Record<string, unknown>> | undefined;
	const pairs: { key: string; text: string }[] = [];
	for (const word of words) {
		if (word.json) {
			if (json) throw mistake('json twice', { en: 'There are two JSON objects.', ja: 'JSON が 2 つあります。' });
			json = parseObject(word.text);
			continue;
		}
		const [, key, text] = /^([^=\s"'{}]+)=([^]*)$/u.exec(word.quoted ? '' : word.text) ?? [];
		if (key === undefined || text === undefined) throw notConf(word);
		if (pairs.some((pair) => pair.key === key))
			throw mistake('key twice', {
				en: `${quoted(key, 60)} is given twice.`,
				ja: `${quoted(key, 60)} が 2 回指定されています。`,
			});
		pairs.push({ key, text });
	}
	return { json, pairs };
}

const notConf = (word: Word) =>
	mistake(
		'conf malformed',
		{
			en: `“${quoted(word.text)}” is neither JSON nor key=value.`,
			ja: `「${quoted(word.text)}」は JSON でも key=value でもありません。`,
		},
		{ en: 'Text with spaces is written `key="like this"`.', ja: '空白を含む値は `key="このように"` 書いてください。' },
	);

/** A JSON object as typed on a phone or a Mac. Whole numbers of any size stay exact. Trouble `user`, without its contents. */
export function parseObject(text: string): Readonly<Record<string, unknown>> {
	let value: unknown;
	try {
		value = exactJson(text);
	} catch (first) {
		try {
			value = exactJson(straight(text));
		} catch {
			throw badJson(first, text);
		}
	}
	if (isRecord(value)) return value;
	throw mistake('conf no object', {
		en: 'The conf must be a JSON object, `{…}`.',
		ja: 'conf は JSON オブジェクト `{…}` で指定してください。',
	});
}

function badJson(error: unknown, text: string) {
	const at = /at position (\d+)/.exec(String(error))?.[1];
	const hint = /'[^']*'\s*:/.test(text)
		? { en: 'JSON takes double quotes: `{"key": "value"}`.', ja: 'JSON では二重引用符を使います: `{"key": "value"}`' }
		: /,\s*[}\]]/.test(text)
			? { en: 'There is a comma before a closing bracket.', ja: '閉じ括弧の前に余分なカンマがあります。' }
			: { en: 'For example `{"date": "2026-11-01", "full": true}`.', ja: '例: `{"date": "2026-11-01", "full": true}`' };
	return mistake(
		'json malformed',
		at === undefined
			? { en: 'The conf is not valid JSON.', ja: 'conf が正しい JSON ではありません。' }
			: {
					en: `The conf is not valid JSON: look at character ${Number(at) + 1}.`,
					ja: `conf が正しい JSON ではありません（${Number(at) + 1} 文字目付近）。`,
				},
		hint,
	);
}
