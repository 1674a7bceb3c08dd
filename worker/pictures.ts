import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Slack } from '../src/clients/slack.ts';
import type { Content } from '../src/clients/store.ts';
import { Trouble } from '../src/domain/errors.ts';
import type { Log } from '../src/domain/log.ts';
import { chartPng } from '../src/domain/picture.ts';
import type { Chart } from '../src/domain/reply.ts';

/** As src/slack/render.ts makes it. */
const chartBlock = z.object({
	type: z.literal('data_visualization'),
	title: z.string(),
	chart: z.object({
		series: z.array(z.object({ name: z.string(), data: z.array(z.object({ value: z.number() })) })),
		axis_config: z.object({ categories: z.array(z.string()), x_label: z.string(), y_label: z.string() }),
	}),
});
type Block = Content['blocks'][number];

const KEPT = 100;
/** A file is shown in a block when Slack is done with it, which takes it a moment. */
const READY_MS = 1500;

/** `refused`: Slack does not take charts here. `hopeless`: nor can pictures be uploaded. */
type Known = { refused: boolean; hopeless: boolean; files: Map<string, string> };
const known = new WeakMap<Slack, Known>();

function knownOf(slack: Slack): Known {
	const found = known.get(slack) ?? { refused: false, hopeless: false, files: new Map<string, string>() };
	known.set(slack, found);
	return found;
}

const isChart = ({ type }: Block): boolean => type === 'data_visualization';
export const hasChart = ({ blocks }: Content): boolean => blocks.some(isChart);

/** The content as this workspace takes it: with pictures for charts where those were refused before and the pictures are there. */
export function asTaken(content: Content, slack: Slack): Content {
	const { refused, hopeless, files } = knownOf(slack);
	if (!refused || !hasChart(content)) return content;
	if (hopeless) return withoutCharts(content);
	return {
		...content,
		blocks: content.blocks.map((block) => {
			const id = isChart(block) ? files.get(keyOf(block)) : undefined;
			const read = chartBlock.safeParse(block);
			if (id === undefined || !read.success) return block;
			return { type: 'image', slack_file: { id }, alt_text: altOf(toChart(read.data)) };
		}),
	};
}

/**
 * Slack did not take this content's charts: they are drawn and uploaded, and Trouble `slack chart drawn` says when to send again. Resolves when
 * there is nothing to draw, or when it did not help: then the charts are left out.
 */
export async function drawCharts(content: Content, slack: Slack, log: Log): Promise<void> {
	const memory = knownOf(slack);
	memory.refused = true;
	const missing = content.blocks.filter((block) => isChart(block) && !memory.files.has(keyOf(block)));
	if (missing.length === 0) return;
	try {
		for (const block of missing) {
			const chart = toChart(chartBlock.parse(block));
			const file = await slack.upload({ name: 'chart.png', alt: altOf(chart), bytes: await chartPng(chart) });
			memory.files.set(keyOf(block), file);
			const [oldest] = memory.files.keys();
			if (memory.files.size > KEPT && oldest !== undefined) memory.files.delete(oldest);
		}
	} catch (error) {
		// A chart must not cost the message, nor its next ones the time.
		memory.hopeless = true;
		log.warn({ error: error instanceof Error ? error.message : String(error) }, 'chart not drawn');
		return;
	}
	throw new Trouble('upstream', 'slack chart drawn', 'Slack does not take charts here: they are sent as pictures.', {
		retryAfterMs: READY_MS,
	});
}

/** The last resort: what charts show stands in words beside them. */
export const withoutCharts = (content: Content): Content => ({
	...content,
	blocks: content.blocks.filter((block) => !isChart(block) && block['type'] !== 'image'),
});

const keyOf = (block: Block): string => createHash('sha256').update(JSON.stringify(block)).digest('hex');

function toChart({ title, chart: { series, axis_config } }: z.output<typeof chartBlock>): Chart {
	return {
		title,
		x: axis_config.x_label,
		y: axis_config.y_label,
		categories: axis_config.categories,
		series: series.map(({ name, data }) => ({ name, values: data.map(({ value }) => value) })),
	};
}

const altOf = ({ title, series }: Chart): string =>
	`${title}: ${series.map(({ name, values }) => `${name} ≤ ${Math.max(0, ...values)}`).join(', ')}`;
