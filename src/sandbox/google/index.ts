import { openFaults } from '../faults.ts';
import { seeded } from '../slack/random.ts';
import type { World } from '../world/world.ts';
import { composerApi } from './composer.ts';
import { startLogging } from './logging-door.ts';
import { monitoringApi } from './monitoring.ts';
import { iamApi, resourceManagerApi, storageApi } from './policies.ts';
import { startRest, type Desk } from './rest.ts';
import { serviceUsageApi } from './services.ts';
import type { Call, Fault, Op } from './types.ts';

export type { Call, Fault, FaultKind, Op } from './types.ts';

export type GoogleOptions = {
	/** TCP ports on 127.0.0.1; 0 = any. */
	port?: number;
	loggingPort?: number;
	/** For faults; 1. */
	seed?: number;
	/** Log reads a minute; Google's quota is 60. Default: no limit. */
	logReadsPerMinute?: number;
	/** How long a tail keeps entries back; default: as asked, 2 s. */
	tailMs?: number;
};

export type SandboxGoogle = {
	/** For `rootUrl` of googleapis, with its slash. */
	rootUrl: string;
	/** `127.0.0.1:PORT`, gRPC without TLS. */
	loggingEndpoint: string;
	/** Oldest first. */
	calls(op?: Op): readonly Call[];
	forgetCalls(): void;
	/** Returns a function that takes it back. */
	faults(fault: Fault): () => void;
	clearFaults(): void;
	/** `reached` settles once the effect has happened and the reply waits; `release` lets it go. */
	holdNextReply(op: Op, match?: (call: Call) => boolean): { reached: Promise<Call>; release(): void };
	/** No page of any list has more entries than that from now on. */
	limitPages(most: number): void;
	/** Live log sessions that are open, and an end to all of them. */
	tails(): number;
	endTails(): void;
	close(): Promise<void>;
};

/**
 * Google Cloud on 127.0.0.1, over one world: Cloud Logging over gRPC, and over REST the APIs of Composer, Monitoring, Resource
 * Manager, IAM, Storage and Service Usage, in Google's own forms and as strict as Google is.
 */
export async function startGoogle(world: World, options: GoogleOptions = {}): Promise<SandboxGoogle> {
	const faults = openFaults<Call['op'], Call, Fault>(seeded(options.seed ?? 1), ({ op }) => op);
	const desk: Desk = { world, faults, calls: [], mostPerPage: Infinity };
	const apis = [
		composerApi(world),
		monitoringApi(world),
		resourceManagerApi(world),
		iamApi(world),
		storageApi(world),
		serviceUsageApi(world),
	];
	const rest = await startRest(desk, apis, options.port ?? 0);
	const logging = await startLogging(desk, options.loggingPort ?? 0, {
		readsPerMinute: options.logReadsPerMinute,
		tailMs: options.tailMs,
	});
	return {
		rootUrl: rest.rootUrl,
		loggingEndpoint: logging.endpoint,
		calls: (op) => (op === undefined ? desk.calls : desk.calls.filter((call) => call.op === op)),
		forgetCalls() {
			desk.calls.length = 0;
		},
		faults: faults.add,
		clearFaults: () => faults.clear(),
		holdNextReply: faults.holdNextReply,
		limitPages(most) {
			desk.mostPerPage = most;
		},
		tails: logging.tails,
		endTails: () => logging.endTails(),
		async close() {
			await logging.close();
			await rest.close();
		},
	};
}
