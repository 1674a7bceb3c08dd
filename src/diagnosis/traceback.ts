import type { ChainLink } from '../domain/rule.ts';
import type { LogLine } from './line.ts';

/** A traceback as it stands in the log: the chain of exceptions it prints, root first, and the lines it covers. */
export type Raised = {
	/** Index into the lines: first line of the block and the one after its last. */
	from: number;
	to: number;
	/** The log line the traceback hangs on: `Task failed with exception`. Index; -1 when it stands alone. */
	head: number;
	links: readonly ChainLink[];
	/** Which lines belong to which link: `spans[i]` are the index ranges [from, to) of `links[i]`'s exception lines. */
	spans: readonly (readonly [number, number])[];
	/** Written by a child process or a pod and only relayed by the task. */
	relayed: boolean;
};

const TRACEBACK = /^(?:Exception Group )?Traceback \(most recent call last\):/;
const FRAME = /^ {0,6}File "([^"]{1,500})", line (\d{1,9})(?:,? in (.{1,300}))?$/;
const CONNECTOR =
	/^(?:The above exception was the direct cause of|During handling of the above exception, another exception)/;
// builtins and dotted names: `KeyError`, `google.api_core.exceptions.Forbidden`, `subprocess.CalledProcessError`, `SystemExit`
const EXCEPTION = /^((?:[A-Za-z_]\w{0,80}\.){0,12}[A-Za-z_]\w{0,120})(?:: ?(.*))?$/;
/** Bars of an ExceptionGroup and the tag a pod's line wears. */
const BARS = /^ {0,40}(?:[|] ?|\+-?\+?-{3,}[^|]{0,60}$|\+ )+/;
const POD_TAG = /^\[[a-z0-9][a-z0-9.-]{0,62}\] /;

const RELAYS =
	/^(?:subprocess\.py|pod_manager\.py|process_utils\.py|python_virtualenv\.py|bash\.py|ssh\.py|docker\.py|beam\.py|dataflow\.py|spark_submit\.py|kubernetes_pod\.py|pod\.py|base_task_runner\.py|airflow\.task\.hooks\.airflow\.providers\.standard\.hooks\.subprocess\.SubprocessHook|airflow\.providers\.cncf\.kubernetes\.utils\.pod_manager.*|airflow\.utils\.process_utils|task\.std(?:out|err))$|SubprocessHook|PodManager|process_utils|BashOperator/;

/** All tracebacks of a log in their order. */
export function raised(lines: readonly LogLine[]): Raised[] {
	const found: Raised[] = [];
	for (let i = 0; i < lines.length;) {
		const line = lines[i];
		if (line && line.text.includes('Traceback (most recent call last)') && TRACEBACK.test(inner(line))) {
			const block = readBlock(lines, i);
			found.push(block);
			i = Math.max(block.to, i + 1);
		} else if (line && !line.starts && EXCEPTION.test(line.text) && (isFrame(lines[i + 1]) || isBare(lines, i))) {
			const block = readPageBlock(lines, i);
			found.push(block);
			i = block.to;
		} else i++;
	}
	return found;
}

function isFrame(line: LogLine | undefined): boolean {
	return line !== undefined && !line.starts && FRAME.test(line.text);
}

/** `Task failed with exception` and then the exception without a traceback, as some handlers write it. */
function isBare(lines: readonly LogLine[], index: number): boolean {
	const head = lines[index - 1];
	if (!head?.starts || !/Task failed with exception|Top level error/.test(head.message)) return false;
	const type = EXCEPTION.exec(lines[index]?.text ?? '')?.[1] ?? '';
	return type.includes('.') || /(?:Error|Exception|Timeout|Exit|Interrupt)$/.test(type);
}

/** Airflow 3's web page shows each exception before its frames, the last exception first. */
function readPageBlock(lines: readonly LogLine[], start: number): Raised {
	const links: ChainLink[] = [];
	const spans: (readonly [number, number])[] = [];
	let i = start;
	while (i < lines.length && lines[i] && !lines[i]?.starts) {
		const text = lines[i]?.text ?? '';
		const frame = FRAME.exec(text);
		const last = links[0];
		if (frame && last) {
			const read = {
				file: frame[1] ?? '',
				line: Number(frame[2]),
				function: frame[3] ?? '',
				own: isOwn(frame[1] ?? ''),
			};
			links[0] = { ...last, frames: [...last.frames, read] };
		} else if (text.trim() !== '') {
			const exception = EXCEPTION.exec(text);
			if (exception && (isFrame(lines[i + 1]) || links.length === 0)) {
				links.unshift({ type: exception[1] ?? '', message: exception[2] ?? '', frames: [] });
				spans.unshift([i, i + 1]);
			} else if (!last) break;
			// The rest of a message that has several lines; what stands behind the frames is not its.
			else if (last.frames.length === 0 && last.message.length < 4000)
				links[0] = { ...last, message: `${last.message}\n${text}`.trim() };
		}
		i++;
	}
	const head = lines[start - 1]?.starts ? start - 1 : -1;
	return { from: start, to: Math.max(i, start + 1), head, links, spans, relayed: false };
}

/** The message without bars and pod tags. */
function inner(line: LogLine): string {
	let { message } = line;
	if (message.charCodeAt(0) === 91) message = message.replace(POD_TAG, '');
	if (/^ {0,40}[|+]/.test(message)) {
		const bars = BARS.exec(message);
		if (bars) message = message.slice(bars[0].length);
	}
	return message;
}

/** Whether `line` may belong to a block that began on `first`: it continues, or the same relay printed it. */
function sameVoice(first: LogLine, line: LogLine): boolean {
	if (!line.starts) return true;
	return (
		first.starts && line.from !== undefined && line.from === first.from && first.message !== first.text.trimStart()
	);
}

function readBlock(lines: readonly LogLine[], start: number): Raised {
	const first = lines[start];
	const links: ChainLink[] = [];
	const spans: (readonly [number, number])[] = [];
	let frames: ChainLink['frames'][number][] = [];
	let i = start + 1;
	let end = i;
	let state: 'frames' | 'message' | 'between' = 'frames';
	// The head's own `starts` counts as the voice only for relays: a plain handler writes the traceback as continuation.
	const voice = first && first.starts && isRelay(first) ? first : undefined;
	const belongs = (line: LogLine) => (voice ? sameVoice(voice, line) : !line.starts);
	for (; i < lines.length; i++) {
		const line = lines[i];
		if (!line || !belongs(line)) break;
		const text = inner(line);
		if (TRACEBACK.test(text)) {
			// The next of a chain; after a blank gap without connector it is another traceback.
			if (state === 'message' && !barred(line)) break;
			frames = [];
			state = 'frames';
			end = i + 1;
			continue;
		}
		if (CONNECTOR.test(text)) {
			state = 'between';
			end = i + 1;
			continue;
		}
		if (state === 'frames') {
			const frame = FRAME.exec(text);
			if (frame) {
				frames.push({
					file: frame[1] ?? '',
					line: Number(frame[2]),
					function: frame[3] ?? '',
					own: isOwn(frame[1] ?? ''),
				});
			} else if (text !== '' && !/^\s/.test(text)) {
				const exception = EXCEPTION.exec(text);
				if (exception) {
					links.push({ type: exception[1] ?? '', message: exception[2] ?? '', frames });
					spans.push([i, i + 1]);
					frames = [];
					state = 'message';
				} else if (text.trim() !== '') break;
			}
			end = i + 1;
			continue;
		}
		if (state === 'between') {
			if (text.trim() === '') continue;
			break;
		}
		// The rest of a message that has several lines. A blank line may stand inside; the chain's connector may follow it.
		if (barred(line) && text.trim() === '') continue;
		const last = links.at(-1);
		const span = spans.at(-1);
		if (last && span && last.message.length < 4000) {
			if (text.trim() !== '') {
				links[links.length - 1] = { ...last, message: `${last.message}\n${text}`.trim() };
				spans[spans.length - 1] = [span[0], i + 1];
				end = i + 1;
			}
		} else if (text.trim() !== '') end = i + 1;
	}
	let head = -1;
	for (let j = start; j >= 0 && j > start - 60; j--) {
		if (lines[j]?.starts) {
			head = j;
			break;
		}
	}
	return { from: start, to: end, head, links, spans, relayed: first !== undefined && isRelay(first) };
}

function barred(line: LogLine): boolean {
	return /^ {0,40}[|+]/.test(line.message);
}

function isRelay(line: LogLine): boolean {
	return line.from !== undefined && RELAYS.test(line.from);
}

/** Neither an installed package, the standard library nor Airflow: a file the person wrote. */
export function isOwn(file: string): boolean {
	return !/\/(?:site|dist)-packages\/|\/lib\/python\d|\/lib64\/python\d|^<|^\/usr\/(?:local\/)?(?:lib|bin)\/|^\/(?:opt|home\/airflow)\/[^/]{1,40}\/bin\/|\/airflow\/(?:models|jobs|task|sdk|utils|executors|cli|serialization|providers)\//.test(
		file,
	);
}
