/** One Cloud Logging entry as `gcloud logging read` prints it by default, and the line it begins on. */
export type YamlEntry = {
	line: number;
	timestamp: string;
	severity: string | undefined;
	textPayload: string | undefined;
	jsonPayload: { message: string } | undefined;
	labels: Readonly<Record<string, string>>;
};

/**
 * The entries of `gcloud logging read` without `--format`: YAML documents, newest first, the payload's lines indented. Empty
 * when the text is something else. Only what a diagnosis needs is read, so no YAML reader is loaded for it.
 */
export function yamlEntries(log: string): YamlEntry[] {
	if (!/^(?:textPayload|jsonPayload): ?/m.test(log) || !/^(?:insertId|logName|severity): /m.test(log)) return [];
	const entries: YamlEntry[] = [];
	let line = 1;
	for (const document of log.split(/^---\s*$/m)) {
		const entry = readEntry(document.split('\n'), line);
		if (entry) entries.push(entry);
		line += document.split('\n').length - 1;
	}
	const [first, last] = [entries[0], entries.at(-1)];
	return first && last && first.timestamp > last.timestamp ? entries.reverse() : entries;
}

function readEntry(lines: readonly string[], line: number): YamlEntry | undefined {
	const top = new Map<string, string[]>();
	let key = '';
	for (const text of lines) {
		const field = /^(\w{1,40}):(?: (.*))?$/.exec(text);
		if (field) {
			key = field[1] ?? '';
			top.set(key, [field[2] ?? '']);
		} else top.get(key)?.push(text);
	}
	const textPayload = top.get('textPayload');
	const message = top
		.get('jsonPayload')
		?.flatMap((text, i, all) =>
			/^ {2}message: ?/.test(text)
				? [scalar([text.replace(/^ {2}message: ?/, ''), ...indented(all.slice(i + 1), 4)])]
				: [],
		)[0];
	if (textPayload === undefined && message === undefined) return undefined;
	const labels: Record<string, string> = {};
	for (const text of top.get('labels') ?? []) {
		const label = /^ {2}([\w./-]{1,80}): ['"]?(.{0,400}?)['"]?$/.exec(text);
		if (label) labels[label[1] ?? ''] = label[2] ?? '';
	}
	return {
		line,
		timestamp: scalar(top.get('timestamp') ?? ['']),
		severity: top.get('severity')?.[0],
		textPayload: textPayload && scalar(textPayload),
		jsonPayload: message === undefined ? undefined : { message },
		labels,
	};
}

function indented(lines: readonly string[], by: number): string[] {
	const end = lines.findIndex((text) => text.trim() !== '' && !text.startsWith(' '.repeat(by)));
	return end < 0 ? [...lines] : lines.slice(0, end);
}

/** A YAML scalar: block (`|-`), quoted or plain, folded over indented lines. */
function scalar([head = '', ...rest]: readonly string[]): string {
	if (/^[|>][+-]?\d?$/.test(head)) {
		const by = /^ */.exec(rest.find((text) => text.trim() !== '') ?? '')?.[0].length ?? 0;
		return rest
			.map((text) => text.slice(by))
			.join('\n')
			.trimEnd();
	}
	const folded = [head, ...rest.map((text) => text.trim())].join('\n').trimEnd();
	if (folded.startsWith('"')) {
		return folded
			.slice(1, -1)
			.replaceAll(/\\\n/g, '')
			.replaceAll(/\n+/g, (gap) => (gap.length === 1 ? ' ' : gap.slice(1)))
			.replaceAll(
				/\\(n|t|r|"|\\|x1b)/gi,
				(_, c: string) => ({ n: '\n', t: '\t', r: '', '"': '"', '\\': '\\' })[c] ?? '\u001b',
			);
	}
	const plain = folded.replaceAll(/\n+/g, (gap) => (gap.length === 1 ? ' ' : gap.slice(1)));
	return plain.startsWith("'") ? plain.slice(1, -1).replaceAll("''", "'") : plain;
}
