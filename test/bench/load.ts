import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

export type Target = { port: number; secret: string; fields: Record<string, string> };

/** A signed slash command with a trigger id of its own, as bytes on the wire. */
function request({ port, secret, fields }: Target): string {
	const body = new URLSearchParams({
		...fields,
		trigger_id: `${Date.now()}.${randomBytes(9).toString('hex')}`,
	}).toString();
	const at = Math.floor(Date.now() / 1000);
	const signature = `v0=${createHmac('sha256', secret).update(`v0:${at}:${body}`).digest('hex')}`;
	return (
		`POST /slack/events HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/x-www-form-urlencoded\r\n` +
		`Content-Length: ${Buffer.byteLength(body)}\r\nX-Slack-Signature: ${signature}\r\nX-Slack-Request-Timestamp: ${at}\r\n\r\n${body}`
	);
}

/** One keep-alive connection that asks one thing at a time. */
async function open(target: Target): Promise<{ ask(): Promise<number>; close(): void }> {
	const socket: Socket = connect({ port: target.port, host: '127.0.0.1', noDelay: true });
	await new Promise<void>((done, refuse) => {
		socket.once('connect', () => done());
		socket.once('error', refuse);
	});
	let waiting: ((status: number) => void) | undefined;
	let buffer = '';
	socket.on('data', (chunk) => {
		buffer += chunk.toString('latin1');
		const head = buffer.indexOf('\r\n\r\n');
		if (head < 0) return;
		const length = Number(/content-length: (\d+)/i.exec(buffer)?.[1] ?? -1);
		// Bolt answers chunked; an empty ack ends with the zero chunk.
		const done = length >= 0 ? buffer.length >= head + 4 + length : buffer.includes('0\r\n\r\n', head);
		if (!done) return;
		const status = Number(buffer.slice(9, 12));
		const empty = length === 0 || buffer.slice(head + 4).startsWith('0\r\n');
		buffer = '';
		// An ack with words in it is a refusal, not an accepted command.
		waiting?.(empty ? status : 599);
	});
	socket.on('error', () => waiting?.(0));
	return {
		ask: () =>
			new Promise((done) => {
				waiting = done;
				socket.write(request(target));
			}),
		close: () => socket.destroy(),
	};
}

/** User and system time of a process in seconds. Source: proc(5); USER_HZ is 100 on every Linux that runs Node. */
export function cpuSeconds(pid: number): number {
	const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
	const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
	return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Closed loop: every connection asks again as soon as it is answered. */
export async function closedLoop(
	target: Target,
	pid: number,
	connections: number,
	seconds: number,
): Promise<{ acks: number; refused: number; cpu: number; perCpuSecond: number }> {
	const lines = await Promise.all(Array.from({ length: connections }, () => open(target)));
	let acks = 0;
	let refused = 0;
	const before = cpuSeconds(pid);
	const end = performance.now() + seconds * 1000;
	await Promise.all(
		lines.map(async (line) => {
			while (performance.now() < end)
				if ((await line.ask()) === 200) acks++;
				else refused++;
		}),
	);
	const cpu = cpuSeconds(pid) - before;
	for (const line of lines) line.close();
	return { acks, refused, cpu, perCpuSecond: acks / cpu };
}

/** Open loop: asks at fixed times; latency counts from when it should have been asked. Milliseconds, ascending. */
export async function openLoop(target: Target, perSecond: number, seconds: number): Promise<number[]> {
	const idle: Awaited<ReturnType<typeof open>>[] = await Promise.all(Array.from({ length: 16 }, () => open(target)));
	const all = [...idle];
	const latencies: number[] = [];
	const start = performance.now();
	const asked: Promise<void>[] = [];
	for (let i = 0; i < perSecond * seconds; i++) {
		const due = start + (i * 1000) / perSecond;
		const wait = due - performance.now();
		if (wait > 0) await new Promise((done) => setTimeout(done, wait));
		asked.push(
			(async () => {
				const line = idle.pop() ?? (await open(target));
				if (!all.includes(line)) all.push(line);
				await line.ask();
				latencies.push(performance.now() - due);
				idle.push(line);
			})(),
		);
	}
	await Promise.all(asked);
	for (const line of all) line.close();
	return latencies.sort((a, b) => a - b);
}

export const median = (values: readonly number[]): number => {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};
