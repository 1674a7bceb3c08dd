import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { COUNTS, GAUGES, SECONDS } from '../domain/measure.ts';
import type { Measure } from '../domain/measure.ts';

export type Metrics = Measure & {
	/** The text a Prometheus scrape reads, and its content type. */
	text(): Promise<{ type: string; body: string }>;
};

const PREFIX = 'concertmaster_';
/** From one poll's pause to a lost hour. */
const BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 8, 12, 15, 30, 60, 300, 900, 3600];

/** Prometheus metrics of this process. */
export function metrics(): Metrics {
	const registry = new Registry();
	collectDefaultMetrics({ register: registry });
	const registers = [registry];
	const histograms = each(SECONDS, (name, { help, labels }) => {
		const full = `${PREFIX}${name}_seconds`;
		return new Histogram({ name: full, help, labelNames: [...labels], buckets: BUCKETS, registers });
	});
	const counters = each(COUNTS, (name, { help, labels }) => {
		return new Counter({ name: `${PREFIX}${name}_total`, help, labelNames: [...labels], registers });
	});
	const gauges = each(GAUGES, (name, { help, labels }) => {
		return new Gauge({ name: `${PREFIX}${name}`, help, labelNames: [...labels], registers });
	});
	return {
		seconds: (name, value, labels) => {
			// A clock that is behind must not end a measurement below nothing.
			if (Number.isFinite(value)) histograms.get(name)?.observe({ ...labels }, Math.max(0, value));
		},
		count: (name, labels, by = 1) => counters.get(name)?.inc({ ...labels }, by),
		gauge: (name, value, labels) => gauges.get(name)?.set({ ...labels }, value),
		async text() {
			return { type: registry.contentType, body: await registry.metrics() };
		},
	};
}

type Described = { help: string; labels: readonly string[] };

function each<Name extends string, Made>(
	table: Readonly<Record<Name, Described>>,
	make: (name: string, what: Described) => Made,
): ReadonlyMap<string, Made> {
	return new Map(Object.entries<Described>(table).map(([name, what]) => [name, make(name, what)]));
}
