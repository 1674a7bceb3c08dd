import type { Verdict } from '../../src/diagnosis/verify.ts';
import type { Part } from '../../src/domain/reply.ts';
import type { Diagnosis } from '../../src/domain/rule.ts';
import { rules } from '../../src/rules/index.ts';
import type { CommandContext, CommandResult } from '../define.ts';
import { homeOf } from './home.ts';
import { verdictParts } from '../../src/diagnosis/verdict-message.ts';

/** What a pasted log says, by its text alone: nobody knows which try it is from, so nothing is checked against evidence. */
export async function readPasted(text: string, { deps, env, asker, typed }: CommandContext): Promise<CommandResult> {
	const { lang } = asker;
	const ja = lang === 'ja';
	const home = await homeOf(env, deps);
	const diagnosis = await deps.readLog(new TextEncoder().encode(text), { env: home.env, lang });
	const { parts } = verdictParts(toVerdict(diagnosis), { lang, full: true });
	const head: Part[] = [
		{ kind: 'title', icon: '🩺', line: [ja ? '貼り付けられたログの診断' : 'What the pasted log says'] },
		{
			kind: 'note',
			line: ja
				? [
						'テキストのみの診断で、環境の情報とは照合していません。DAG を指定すると照合します: ',
						{ code: '/dag diagnose <dag>' },
					]
				: ['By its text alone. With the DAG named it is checked against evidence: ', { code: '/dag diagnose <dag>' }],
		},
	];
	// With the shortcut it stands in the thread of the message it is about.
	return { reply: { parts: [...head, ...parts], to: typed.via === 'command' ? 'asker' : 'channel' } };
}

function toVerdict({ verdict, status, findings, notes, lastException, tail }: Diagnosis): Verdict {
	return {
		verdict,
		status,
		findings: findings.flatMap(({ status: found, ...finding }) => {
			const title = rules.find(({ id }) => id === finding.cause)?.title;
			if (title === undefined || found === 'unknown') return [];
			return [{ ...finding, title, status: found, because: undefined, gaps: [] }];
		}),
		ruledOut: [],
		beside: [],
		gaps: [],
		notes,
		lastException,
		tail,
	};
}
