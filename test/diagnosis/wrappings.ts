/** The same log in the other forms it is met in. A verdict must not depend on them. */
export const WRAPPINGS: readonly {
	name: string;
	wrap: (log: string) => Uint8Array;
	fits?: (log: string) => boolean;
}[] = [
	{ name: 'CRLF', wrap: (log) => bytes(log.replaceAll('\n', '\r\n')) },
	{
		name: 'terminal colours',
		wrap: (log) => bytes(log.replaceAll(/\b(INFO|WARNING|ERROR)\b/g, '\u001b[31m$1\u001b[0m')),
		fits: isPlain,
	},
	{
		name: 'a terminal title and links',
		wrap: (log) =>
			bytes(
				`\u001b]0;worker\u0007${log.replaceAll(/https:\/\/docs\S+/g, (url) => `\u001b]8;;${url}\u001b\\${url}\u001b]8;;\u001b\\`)}`,
			),
		fits: isPlain,
	},
	{
		name: 'the page of Airflow 2',
		wrap: (log) =>
			bytes(JSON.stringify({ content: `[('airflow-worker-0', ${pythonRepr(log)})]`, continuation_token: 'x' })),
		fits: (log) => isPlain(log) && / (?:INFO|ERROR) - /.test(log),
	},
	{
		name: 'the page of Airflow 2.10',
		wrap: (log) => bytes(JSON.stringify({ content: log, continuation_token: 'x' }, undefined, 2)),
		fits: isPlain,
	},
	{
		name: 'Cloud Logging entries, one a line',
		wrap: (log) =>
			bytes(
				entries(log)
					.map((entry) => JSON.stringify(entry))
					.join('\n'),
			),
		fits: isPlain,
	},
	{
		name: 'Cloud Logging entries, an array, newest first',
		wrap: (log) => bytes(JSON.stringify(entries(log).reverse(), undefined, 2)),
		fits: isPlain,
	},
	{
		name: 'Cloud Logging entries as gcloud prints them',
		wrap: (log) => bytes(entries(log).reverse().map(toYaml).join('\n')),
		fits: (log) => isPlain(log) && !/^[ \t]|^\s*$/.test(log.split('\n')[0] ?? ''),
	},
	{
		name: "a collector's prefix",
		wrap: (log) => bytes(log.replaceAll(/^(?=\[\d{4}-|\d{4}-\d\d-\d\dT|\{")/gm, 'etl-logs: ')),
	},
	{ name: 'the names of docker compose', wrap: (log) => margin(log, () => 'etl-logs-1  | '), fits: isAirflow2 },
	{
		name: 'times of docker',
		wrap: (log) => margin(log, (n) => `2026-11-22T00:00:00.${String(n).padStart(9, '0')}Z `),
		fits: isAirflow2,
	},
	{ name: 'a quotation', wrap: (log) => margin(log, () => '> '), fits: isAirflow2 },
	{ name: 'line numbers', wrap: (log) => margin(log, (n) => `${String(n).padStart(5)}\t`), fits: isAirflow2 },
	{ name: 'an indentation', wrap: (log) => margin(log, () => '    '), fits: isPlain },
	{
		name: 'text of another encoding in it',
		wrap: (log) =>
			Buffer.concat([
				bytes(log.split('\n')[0] ?? ''),
				Buffer.from([10, 0xff, 0xfe, 0xc3, 0x28, 0, 10]),
				bytes(log.split('\n').slice(1).join('\n')),
			]),
		fits: isPlain,
	},
	{
		name: 'JSON lines as a page',
		wrap: (log) =>
			bytes(
				JSON.stringify({
					content: log
						.trim()
						.split('\n')
						.map((line) => JSON.parse(line) as unknown),
					continuation_token: null,
				}),
			),
		fits: (log) =>
			log
				.trim()
				.split('\n')
				.every((line) => line.startsWith('{"timestamp"')),
	},
	{
		name: 'a page as JSON lines',
		wrap: (log) =>
			bytes((JSON.parse(log) as { content: unknown[] }).content.map((line) => JSON.stringify(line)).join('\n')),
		fits: (log) => log.startsWith('{"content":['),
	},
	{
		name: 'a page spread over lines',
		wrap: (log) => bytes(JSON.stringify(JSON.parse(log), undefined, 2)),
		fits: (log) => log.startsWith('{"content":['),
	},
];

function margin(log: string, before: (n: number) => string): Uint8Array {
	return bytes(
		log
			.split('\n')
			.map((line, i) => before(i + 1) + line)
			.join('\n'),
	);
}

function isAirflow2(log: string): boolean {
	return isPlain(log) && /^\[\d{4}-/m.test(log);
}

function toYaml(entry: ReturnType<typeof entries>[number]): string {
	const { textPayload, insertId, severity, timestamp, logName } = entry;
	const block = textPayload.split('\n').map((line) => (line === '' ? '' : `  ${line}`));
	return [
		'---',
		`insertId: ${insertId}`,
		`logName: ${logName}`,
		`severity: ${severity}`,
		'textPayload: |-',
		...block,
		`timestamp: '${timestamp}'`,
	].join('\n');
}

function bytes(text: string): Uint8Array {
	return new TextEncoder().encode(text);
}

function isPlain(log: string): boolean {
	return !/^\s*[{[]["{\n]|^\{/m.test(log) && log.trim() !== '';
}

function pythonRepr(text: string): string {
	return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n').replaceAll('\t', '\\t')}'`;
}

/** As Composer's agent sends them: one entry a record, a traceback in the entry of its line. */
function entries(log: string) {
	const records = log.split(/\n(?=\[\d{4}-\d\d-\d\d|\d{4}-\d\d-\d\d[T ]\d\d:|\*\*\* )/);
	return records.map((textPayload, i) => ({
		textPayload,
		insertId: `x${i}`,
		resource: { type: 'cloud_composer_environment', labels: { environment_name: 'prod', location: 'europe-west1' } },
		timestamp: new Date(Date.UTC(2026, 10, 22, 0, 0, i)).toISOString(),
		severity: / (ERROR|WARNING|INFO) - /.exec(textPayload)?.[1] ?? 'INFO',
		logName: 'projects/p/logs/airflow-worker',
	}));
}
