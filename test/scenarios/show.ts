/** Shows what the bot says of a story: `npx node test/scenarios/show.ts <id|all> [place] [--fix] [--log]`. */
import { scenarios } from '../../src/sandbox/scenarios/index.ts';
import { botOn } from './bot.ts';
import { ask, tell } from './tell.ts';

const [id, only] = process.argv.slice(2);
const out = (line: string): void => void process.stdout.write(`${line}\n`);
for (const scenario of scenarios.filter((one) => id === undefined || id === 'all' || one.id === id))
	for (const place of scenario.places.filter((one) => only === undefined || only.startsWith('--') || one === only)) {
		const stage = await tell(scenario, place);
		out(`\n== ${scenario.id} on ${place}`);
		const told = await ask(scenario, botOn(stage));
		if (told.kind === 'file') out(JSON.stringify(told.parts, null, 1).slice(0, 3000));
		else if (told.kind !== 'verdict') out(told.kind);
		else {
			const { verdict } = told;
			out(`VERDICT ${verdict.verdict} ${verdict.status}${told.recovered ? ' (recovered)' : ''}`);
			for (const one of verdict.findings) {
				out(`  ${one.cause} ${one.status}: ${one.evidence[0]?.text.slice(0, 160) ?? '-'}`);
				if (one.because)
					out(`     because (${one.because.source}, ${one.because.verified}) ${one.because.because.en.slice(0, 300)}`);
			}
			for (const each of verdict.ruledOut)
				out(`  NOT ${each.cause}: ${each.because.en.slice(0, 160)} (${each.source})`);
			for (const each of verdict.beside) out(`  beside ${each.cause}: ${each.because.en.slice(0, 160)}`);
			for (const gap of verdict.gaps) out(`  gap ${gap.source} ${gap.because}: ${gap.say.en}`);
			if (process.argv.includes('--fix'))
				for (const step of verdict.findings[0]?.fix ?? []) out(`   > ${step.say ?? ''}\n${step.code ?? ''}`);
		}
		if (process.argv.includes('--log'))
			for (const entry of stage.world.log.entries())
				out(
					`${new Date(entry.timestamp).toISOString().slice(11, 19)} ${entry.logName.split('/').pop()} ${entry.severity} ${(entry.textPayload ?? JSON.stringify(entry.jsonPayload ?? entry.protoPayload?.['methodName'])).slice(0, 220)}`,
				);
		await stage.close();
	}
process.exit(0);
