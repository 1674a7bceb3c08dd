// Tells one scenario's verdict: node test/scenarios/show.ts <id> [place] [--fix]
import { investigate } from '../../commands/investigate.ts';
import { openStage } from '../../src/sandbox/scenarios/stage.ts';
import { scenarios } from '../../src/sandbox/scenarios/index.ts';
import { botOn } from './bot.ts';

const [id, only] = process.argv.slice(2);
for (const scenario of scenarios.filter((one) => id === undefined || id === 'all' || one.id === id))
	for (const place of scenario.places.filter((one) => only === undefined || only.startsWith('--') || one === only)) {
		const stage = await openStage({ place });
		try {
			await scenario.setUp(stage);
			if (scenario.happens) await scenario.happens(stage);
			else await stage.run(scenario.dag);
			const found = await investigate({ dag: scenario.dag }, 'prod', 'en', botOn(stage));
			console.log(`\n== ${scenario.id} on ${place}`);
			if (found.kind !== 'verdict') {
				console.log(found.kind);
				continue;
			}
			const { verdict, failed } = found;
			console.log(`${failed.task} ${failed.state} host=${failed.hostname} log=${failed.log} told=${failed.told.join()}`);
			console.log(`VERDICT ${verdict.verdict} ${verdict.status}`);
			for (const one of verdict.findings) {
				console.log(`  ${one.cause} ${one.status}: ${one.evidence[0]?.text.slice(0, 160) ?? '-'}`);
				if (one.because) console.log(`     because (${one.because.source}, ${one.because.verified}) ${one.because.because.en.slice(0, 220)}`);
			}
			for (const out of verdict.ruledOut) console.log(`  NOT ${out.cause}: ${out.because.en.slice(0, 120)} (${out.source})`);
			for (const out of verdict.beside) console.log(`  beside ${out.cause}: ${out.because.en.slice(0, 120)}`);
			for (const gap of verdict.gaps) console.log(`  gap ${gap.source} ${gap.because}: ${gap.say.en}`);
			if (process.argv.includes('--fix')) for (const step of verdict.findings[0]?.fix ?? []) console.log(`   > ${step.say ?? ''}\n${step.code ?? ''}`);
			if (process.argv.includes('--log')) for (const line of stage.world.log.entries()) console.log(new Date(line.timestamp).toISOString().slice(11,19), line.logName.split('/').pop(), line.severity, line.textPayload?.slice(0,200) ?? JSON.stringify(line.jsonPayload ?? line.protoPayload?.['methodName']).slice(0,200));
		} finally {
			await stage.close();
		}
	}
process.exit(0);
