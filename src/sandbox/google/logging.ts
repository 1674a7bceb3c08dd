import {
	Metadata,
	Server,
	ServerCredentials,
	type ServerDuplexStream,
	type ServerUnaryCall,
	type sendUnaryData,
} from '@grpc/grpc-js';
import { createHash, randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { may, must } from '../world/may.ts';
import { denied, GoogleRefusal, invalid, rateLimited } from '../world/refusal.ts';
import type { LogEntry, World } from '../world/world.ts';
import { logFilter } from './match.ts';
import { checkDoor, record, unauthenticated, type Desk } from './rest.ts';
import type { Call, Fault, Op } from './types.ts';
import { loadWire } from './wire.ts';

const API = { host: 'logging.googleapis.com', title: 'Cloud Logging API' };
const MOST = 1000;
/** Live sessions a project may have. */
const MOST_TAILS = 10;

export type LoggingOptions = {
	/** Reads of entries a minute; more is RESOURCE_EXHAUSTED. Undefined: no limit. Google's default quota is 60. */
	readsPerMinute: number | undefined;
	/** How long a tail keeps entries back to put them in order; default: what is asked for, 2 s. */
	tailMs: number | undefined;
};

const listRequest = z.object({
	resourceNames: z.array(z.string()).default([]),
	filter: z.string().default(''),
	orderBy: z.string().default(''),
	pageSize: z.number().default(0),
	pageToken: z.string().default(''),
});
const tailRequest = z.object({
	resourceNames: z.array(z.string()).default([]),
	filter: z.string().default(''),
	bufferWindow: z.object({ seconds: z.string(), nanos: z.number() }).nullish(),
});

/** Cloud Logging over gRPC, without TLS, on the connections it is handed: ListLogEntries and TailLogEntries. */
export function openLogging(desk: Desk, options: LoggingOptions) {
	const { world, faults } = desk;
	const wire = loadWire();
	const server = new Server();
	const reads: number[] = [];
	const tails = new Set<() => void>();
	/** Pages that were given out: where each goes on. */
	const pages = openPages();

	function callOf(op: Op, metadata: Metadata, query: Record<string, string>): Call {
		const bearer = /^Bearer (.+)$/i.exec(String(metadata.get('authorization')[0] ?? ''))?.[1];
		const by = world.callers.get(bearer ?? '');
		return {
			op,
			method: 'grpc',
			path: op === 'logging.entries.list' ? 'ListLogEntries' : 'TailLogEntries',
			query,
			by,
			at: world.now(),
		};
	}

	function admit(call: Call, fault: Fault | undefined, resourceNames: readonly string[]): string {
		world.tick();
		if (fault?.kind === 'internal' || fault?.kind === 'html')
			throw new GoogleRefusal('INTERNAL', 'Internal error encountered.');
		if (fault?.kind === 'unavailable' || fault?.kind === 'reset' || fault?.kind === 'reset-after-effect')
			throw new GoogleRefusal('UNAVAILABLE', 'The service is currently unavailable.');
		if (call.by === undefined || fault?.kind === 'unauthenticated') throw unauthenticated();
		if (fault?.kind === 'denied') throw denied('logging.logEntries.list');
		if (fault?.kind === 'rate-limited') throw overQuota(world);
		if (resourceNames.length === 0) throw invalid('resource_names must not be empty.');
		for (const name of resourceNames) {
			const project = /^projects\/([^/]+)(\/locations\/[^/]+\/buckets\/[^/]+\/views\/[^/]+)?$/.exec(name)?.[1];
			if (project === undefined) throw invalid(`Invalid resource name: ${name}`);
			checkDoor(world, API, call.by, { project });
		}
		must(world, call.by, 'logging.logEntries.list');
		return call.by;
	}

	/** Entries the caller may see: data-access logs are private. */
	const visible = (by: string): ((entry: LogEntry) => boolean) => {
		const all = may(world, by, 'logging.privateLogEntries.list');
		return ({ logName }) => all || !logName.endsWith('%2Fdata_access');
	};

	async function list(call: ServerUnaryCall<unknown, unknown>, reply: sendUnaryData<unknown>): Promise<void> {
		const asked = listRequest.parse(call.request);
		const made = callOf('logging.entries.list', call.metadata, {
			filter: asked.filter,
			order_by: asked.orderBy,
			page_size: String(asked.pageSize),
			page_token: asked.pageToken,
		});
		record(desk, made);
		const fault = faults.strike(made);
		if (fault?.kind === 'timeout') return;
		try {
			const by = admit(made, fault, asked.resourceNames);
			takeQuota(made.at);
			const answer = page(asked, by, fault?.kind === 'empty-page');
			if (fault?.kind === 'late') await sleep(fault.lateMs ?? 5000, undefined, { ref: false });
			await faults.held(made);
			reply(null, answer);
		} catch (error) {
			reply(toStatus(error));
		}
	}

	function takeQuota(at: number): void {
		if (options.readsPerMinute === undefined) return;
		while ((reads[0] ?? Infinity) <= at - 60_000) reads.shift();
		if (reads.length >= options.readsPerMinute) throw overQuota(world);
		reads.push(at);
	}

	function page(asked: z.output<typeof listRequest>, by: string, empty: boolean): object {
		if (asked.pageSize < 0) throw invalid('page_size must be non-negative.');
		if (!['', 'timestamp asc', 'timestamp desc'].includes(asked.orderBy))
			throw invalid(`order_by must be "timestamp asc" or "timestamp desc", is "${asked.orderBy}".`);
		const newest = asked.orderBy === 'timestamp desc';
		const size = empty ? 0 : Math.min(asked.pageSize || 50, MOST, desk.mostPerPage);
		const question = createHash('sha256')
			.update(JSON.stringify([asked.resourceNames, asked.filter, newest]))
			.digest('base64url');
		const matches = logFilter(asked.filter);
		const may = visible(by);
		const after = pages.after(asked.pageToken, question);
		const all = world.log.entries();
		if (newest) all.reverse();
		const found: LogEntry[] = [];
		let more = empty;
		for (const entry of all) {
			if (after && !isBeyond(entry, after, newest)) continue;
			if (!may(entry) || !matches(entry)) continue;
			if (found.length === size) {
				more = true;
				break;
			}
			found.push(entry);
		}
		const last = found.at(-1) ?? after;
		return {
			entries: found.map(wire.entry),
			nextPageToken: more ? pages.token(question, last) : '',
		};
	}

	function tail(stream: ServerDuplexStream<unknown, unknown>): void {
		let timer: NodeJS.Timeout | undefined;
		let leave = (): void => {};
		const stop = (): void => {
			clearInterval(timer);
			leave();
			tails.delete(end);
		};
		const end = (): void => {
			stop();
			stream.end();
		};
		const fail = (error: unknown): void => {
			stop();
			stream.emit('error', toStatus(error));
		};
		let begun = false;
		stream.on('data', (message: unknown) => {
			const asked = tailRequest.parse(message);
			const made = callOf('logging.entries.tail', stream.metadata, { filter: asked.filter });
			record(desk, made);
			const fault = faults.strike(made);
			if (fault?.kind === 'timeout') return;
			try {
				const by = admit(made, fault, asked.resourceNames);
				if (tails.size >= MOST_TAILS)
					throw rateLimited(API.host, 'TailSessionsPerProject', 'Tail sessions', MOST_TAILS, world.project.number);
				if (begun) throw invalid('A tail session takes one request.');
				begun = true;
				start(by, asked);
			} catch (error) {
				fail(error);
			}
		});
		stream.on('end', end);
		stream.on('cancelled', stop);
		stream.on('error', stop);

		function start(by: string, asked: z.output<typeof tailRequest>): void {
			const matches = logFilter(asked.filter);
			const may = visible(by);
			let waiting: LogEntry[] = [];
			leave = world.log.listen((entry) => {
				if (may(entry) && matches(entry)) waiting.push(entry);
			});
			const window = asked.bufferWindow
				? Number(asked.bufferWindow.seconds) * 1000 + asked.bufferWindow.nanos / 1e6
				: 2000;
			timer = setInterval(
				() => {
					const now = world.now();
					const ready = waiting.filter(({ receivedAt }) => receivedAt <= now);
					if (ready.length === 0) return;
					waiting = waiting.filter(({ receivedAt }) => receivedAt > now);
					ready.sort((a, b) => a.timestamp - b.timestamp);
					stream.write({ entries: ready.map(wire.entry), suppressionInfo: [] });
				},
				Math.max(10, options.tailMs ?? window),
			);
			timer.unref();
			tails.add(end);
		}
	}

	function toStatus(error: unknown): { code: number; details: string; metadata: Metadata } {
		const refusal = error instanceof GoogleRefusal ? error : new GoogleRefusal('INTERNAL', String(error));
		const metadata = new Metadata();
		metadata.set('grpc-status-details-bin', wire.status(refusal.grpc, refusal.message, refusal.details));
		return { code: refusal.grpc, details: refusal.message, metadata };
	}

	server.addService(wire.logging, {
		ListLogEntries: (call: ServerUnaryCall<unknown, unknown>, reply: sendUnaryData<unknown>) => void list(call, reply),
		TailLogEntries: tail,
	});
	const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
	return {
		take: (connection: Duplex): void => injector.injectConnection(connection),
		/** Google ends a live session after an hour at the latest; this ends them all now. */
		endTails(): void {
			for (const end of tails) end();
		},
		tails: (): number => tails.size,
		close(): void {
			for (const end of tails) end();
			injector.destroy();
			server.forceShutdown();
		},
	};
}

export type Logging = ReturnType<typeof openLogging>;

const overQuota = (world: World): GoogleRefusal =>
	rateLimited(API.host, 'ReadRequestsPerMinutePerProject', 'Read requests', 60, world.project.number);

type Cursor = { timestamp: number; insertId: string };

/** Whether an entry comes after the cursor, in the order that is read in. */
function isBeyond(entry: LogEntry, after: Cursor, newest: boolean): boolean {
	if (entry.timestamp !== after.timestamp)
		return newest ? entry.timestamp < after.timestamp : entry.timestamp > after.timestamp;
	return newest ? entry.insertId < after.insertId : entry.insertId > after.insertId;
}

/** Tokens are worth something only with the same question. Without a cursor: it begins at the beginning. */
function openPages() {
	const known = new Map<string, { question: string; after: Cursor | undefined }>();
	return {
		token(question: string, after: Cursor | undefined): string {
			const token = randomBytes(12).toString('base64url');
			known.set(token, { question, after: after && { timestamp: after.timestamp, insertId: after.insertId } });
			if (known.size > 1000) known.delete(known.keys().next().value ?? '');
			return token;
		},
		after(token: string, question: string): Cursor | undefined {
			if (token === '') return undefined;
			const found = known.get(token);
			if (found?.question !== question) throw invalid('page_token is invalid or was made for another request.');
			return found.after;
		},
	};
}
