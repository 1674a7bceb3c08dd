import type { ChainLink, Hit, Scene, Weighing } from '../../domain/rule.ts';

// Raised by the machine or by a service below the user's line, whosever line it is: never a mistake of the code by itself.
const MACHINE =
	/(?:^|\.)(?:OSError|IOError|MemoryError|_ArrayMemoryError|ConnectionError|\w{1,60}ConnectionError|Connection\w{1,40}Error|TimeoutError|ImportError|ModuleNotFoundError|\w{0,60}OperationalError|AirflowTaskTimeout|AirflowTaskTerminated|AirflowSensorTimeout|TaskDeferralError|TaskDeferralTimeout|SystemExit|KeyboardInterrupt|\w{0,60}PicklingError)$|^(?:google|grpc|googleapiclient|kubernetes|urllib3|requests|httpx|aiohttp|botocore|ssl|socket)\./;
// Python's own words for a value it cannot pickle: raised in C, so the last frame is the user's.
const PICKLE = /^(?:cannot pickle|Can't pickle) /;

// Airflow 3 prints classes without their package. Names that only Google's library has, and those whose message begins with the status.
const GOOGLE =
	/^(?:Forbidden|PermissionDenied|Unauthenticated|ResourceExhausted|TooManyRequests|DeadlineExceeded): |^(?:Unauthorized|NotFound|BadRequest|Conflict|InternalServerError|ServiceUnavailable|GatewayTimeout|BadGateway|InvalidArgument|FailedPrecondition|AlreadyExists|Aborted|Unknown): [45]\d\d /;

/** The user's own file raised this exception itself, and it is none of the machine's. */
export function isOwnRaise(link: ChainLink): boolean {
	return (
		(link.frames.at(-1)?.own ?? false) &&
		!MACHINE.test(link.type) &&
		!PICKLE.test(link.message) &&
		!GOOGLE.test(`${link.type}: ${link.message.slice(0, 8)}`)
	);
}

// An exception that only says that a child, a pod or a job failed.
const WRAPPED =
	/Bash command failed|non-zero exit|returned non-zero|exit status|returned a failure|RetryError|Trigger failure|died with/i;

/**
 * A second look at what stands beside the failure. The sentence was quoted when the user's own code raised every exception
 * of the chain, and it was chatter when it stands in an info line before an exception that says itself what happened:
 * both are possible at most. What Airflow logged as a warning or an error keeps its weight.
 */
export function sober(
	weighing: Weighing | undefined,
	hits: readonly Hit[],
	{ kind, chain }: Scene,
): Weighing | undefined {
	if (weighing === undefined || weighing.says === 'weak' || chain.length === 0) return weighing;
	const quoted = chain.every(isOwnRaise);
	const spoken = kind === 'task' && !chain.every(({ message, type }) => WRAPPED.test(`${type}: ${message}`));
	const idle = hits.every(
		({ place, level }) =>
			(quoted && (place === 'root' || place === 'chain')) ||
			((quoted || spoken) && (place === 'body' || place === 'end') && (level === 'info' || level === 'debug')),
	);
	return idle ? { ...weighing, says: 'weak' } : weighing;
}
