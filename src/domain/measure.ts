/** What is measured, with its help text for /metrics and the labels it carries. Names are closed, so that a label never grows without bound. */
export const SECONDS = {
	detection: { help: 'From the end of a failed try to the moment it was noticed.', labels: ['env', 'by'] },
	diagnosis: { help: 'One investigation, from the question to the verdict.', labels: ['env', 'status'] },
	told: { help: 'From the end of a failed try to its message in Slack.', labels: ['env'] },
} as const;

export const COUNTS = {
	commands: { help: 'Commands carried out.', labels: ['verb', 'outcome'] },
	deliveries: { help: 'Attempts to bring a message in Slack up to date.', labels: ['outcome'] },
	failures: { help: 'Failed tries noticed.', labels: ['env', 'by'] },
} as const;

export const GAUGES = {
	blind: { help: '1 while the bot cannot see something it should.', labels: ['what', 'env'] },
	watch_lag: { help: 'Seconds since the watch last looked at an environment with success.', labels: ['env'] },
	queue_jobs: { help: 'Jobs in a queue.', labels: ['queue', 'state'] },
} as const;

type Labels<Of extends { labels: readonly string[] }> = Readonly<Record<Of['labels'][number], string>>;

/** Where figures go. Never throws. */
export type Measure = {
	seconds<Name extends keyof typeof SECONDS>(name: Name, value: number, labels: Labels<(typeof SECONDS)[Name]>): void;
	count<Name extends keyof typeof COUNTS>(name: Name, labels: Labels<(typeof COUNTS)[Name]>, by?: number): void;
	gauge<Name extends keyof typeof GAUGES>(name: Name, value: number, labels: Labels<(typeof GAUGES)[Name]>): void;
};

/** For processes and tests that measure nothing. */
export const unmeasured: Measure = { seconds: () => undefined, count: () => undefined, gauge: () => undefined };
