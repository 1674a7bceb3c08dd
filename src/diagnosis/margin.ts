/** What collectors, mail programs and people put in front of every line. First that fits wins. */
const MARGINS: readonly RegExp[] = [
	// docker compose logs:   airflow-worker-1  | …
	/^[\w.-]{2,80} {0,20}\| ?/,
	// kubectl logs --prefix:   [pod/airflow-worker-x/airflow-worker] …
	/^\[pod\/[^\]\n]{1,200}\] ?/,
	// docker logs --timestamps, kubectl logs --timestamps: a time in front of lines that have their own
	/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}(?:Z|[+-]\d\d:\d\d) (?!\[\w{4,9} {0,8}\] )/,
	// quoted in a mail or an issue
	/^> ?/,
	// numbered:   12\t…   12: …
	/^ {0,8}\d{1,7}(?:\t|: |\| )/,
];
/** So many lines tell whether all of them have it. */
const SAMPLE = 300;

/** The same text without a margin that nearly every line has, or without the blanks that all lines begin with. */
export function withoutMargin(log: string): string {
	const sample: string[] = [];
	for (let at = 0; at < log.length && sample.length < SAMPLE;) {
		let end = log.indexOf('\n', at);
		if (end < 0) end = log.length;
		const line = log.slice(at, Math.min(end, at + 300));
		if (line.trim() !== '') sample.push(line);
		at = end + 1;
	}
	if (sample.length < 3) return log;
	const margin = MARGINS.find((each) => {
		const rests = sample.flatMap((line) => (each.test(line) ? [line.replace(each, '')] : []));
		// A margin is in front of lines that begin like a log; otherwise it is the text itself.
		return (
			rests.length >= 0.9 * sample.length &&
			rests.some((rest) => /^(?:\[?\d{4}-\d\d-\d\d|\{"|Traceback \(|\*\*\* | {2}File ")/.test(rest))
		);
	});
	if (margin)
		return log
			.split('\n')
			.map((line) => line.replace(margin, ''))
			.join('\n');
	const indent = Math.min(...sample.map((line) => /^[ \t]*/.exec(line)?.[0].length ?? 0));
	if (indent === 0) return log;
	return log
		.split('\n')
		.map((line) => (line.slice(0, indent).trim() === '' ? line.slice(indent) : line))
		.join('\n');
}
