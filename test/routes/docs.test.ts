import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { readVerb } from '../../commands/route.ts';
import { alertsSchema } from '../../src/alerts/options.ts';

/** What the manual says can be typed and set can be. */
const manual = readFileSync(new URL('../../docs/alerts.md', import.meta.url), 'utf8');

const commands = [...manual.matchAll(/`(\/dag [^`]+)`|^(\/dag .+)$/gm)].map(
	([, inline, block]) => inline ?? block ?? '',
);

test('there are commands and settings to look at', () => {
	expect(commands.length).toBeGreaterThan(20);
	expect(manual.match(/```yaml/g)).toHaveLength(2);
});

test.each(commands.filter((words) => words !== '/dag watch'))('%s', (words) => {
	const read = readVerb({ words: words.replace('/dag ', ''), via: 'command' });
	if (read.kind !== 'verb') throw new Error(`${words}: there is no such verb`);
	expect(() => read.verb.prepare(read.words)).not.toThrow();
});

test.each([...manual.matchAll(/```yaml\n([^]*?)```/g)].map(([, text]) => text ?? ''))('settings %#', (text) => {
	expect(alertsSchema.safeParse((parse(text) as { alerts: unknown }).alerts).error?.issues).toBeUndefined();
});

test('each switch of the table goes with watch', () => {
	const switches = [...manual.matchAll(/`(--(?!env|map|task|downstream)[a-z-]+[^`]*)`/g)].map(
		([, words]) => words ?? '',
	);
	expect(switches.length).toBeGreaterThan(9);
	for (const words of switches) {
		const read = readVerb({ words: `watch x ${words}`, via: 'command' });
		if (read.kind !== 'verb') throw new Error('no watch');
		expect(() => read.verb.prepare(read.words)).not.toThrow();
	}
});
