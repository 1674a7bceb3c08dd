import type { Asker, Deps, Typed } from '../src/deps.ts';
import type { AuditEntry } from '../src/access/audit.ts';
import type { Access, Role } from '../src/access/roles.ts';
import type { Trouble } from '../src/domain/errors.ts';
import type { Reply } from '../src/domain/reply.ts';
import type { Text } from '../src/domain/text.ts';

/** What `run` is given beside its parsed arguments. */
export type CommandContext = {
	deps: Deps;
	/** The environment in force: `--env`, else the channel's choice, else the person's, else the setting. */
	env: string;
	typed: Typed;
	asker: Asker;
	/**
	 * Whether this person may do that here, to this DAG; for lists and did-you-mean, which never name what one may not see.
	 * Without a DAG: to any DAG at all.
	 */
	may: (role: Role, dag?: string) => boolean;
	/**
	 * Says what is known so far; what `run` returns takes its place in the same message. Only for a reply to the channel: what one
	 * person alone sees cannot be edited in Slack (replace_original of a slash command posts anew, bolt-js #2287).
	 */
	progress(reply: Reply): Promise<void>;
};

/** What a verb knows that is answered at once: who asks and what they may do, nothing of the outside world. */
export type AtOnce = { asker: Asker; channel: string; access: Access; verbs: readonly Verb[] };

export type CommandResult = {
	reply: Reply;
	/** The reply is about this run; the message is edited until it ends. */
	follow?: { env: string; dag: string; run: string; rerun?: { cleared: number } | undefined } | undefined;
	/** An incident that it changed: its card is brought up to that. */
	card?: string | undefined;
	/** A change of an environment: to be carried out if it was decided, to be ended when nobody decides in time. */
	apply?: { id: string; expiresInMs?: number } | undefined;
	/** What was changed, for the audit; `execute` notes it with who asked. Absent: nothing was, or it was only asked about. */
	act?: Act | undefined;
	/**
	 * Why the verb was not carried out; `reply` says it to the asker. `upstream`: carry the same words out again with the same
	 * key (nothing is ever started twice by that), and say `reply` only when no more attempts follow.
	 */
	trouble?: Trouble | undefined;
};

/** `dag` and `run` only where it was about them; `what`: a pattern, a cause, an incident, a setting. */
export type Act = Pick<AuditEntry, 'dag' | 'run' | 'what' | 'result' | 'why'>;

/** Under which heading the help shows a verb, in the order of the headings. */
export const GROUPS = {
	run: { en: 'Run', ja: '実行' },
	look: { en: 'Look', ja: '確認' },
	alerts: { en: 'Failures and alerts', ja: '失敗と通知' },
	bot: { en: 'The bot', ja: 'ボット' },
} as const satisfies Record<string, Text>;

/** One /dag verb is one file that exports this value. Help, the command reference and the role check come from it. */
export type Command<Args = never> = {
	name: string;
	summary: Text;
	group: keyof typeof GROUPS;
	/** It is typed after this verb too: `/dag scale apply`. */
	under?: string;
	/** Arguments as shown in help: `<dag> [{json} or key=value …] [--date D]`. */
	usage: string;
	/** `words` as typed after `/dag`; the first is the best one to begin with. */
	examples: readonly { words: string; means: Text }[];
	role: Role;
	/** Words after the verb, without `--env`. Throws Trouble `user` whose message says what was wrong and shows the right form. No I/O. */
	parse(words: string): Args;
	/** The DAG the role check is about, when the arguments name one. */
	dagOf?(args: Args): string | undefined;
	/** Its answer is a message in the channel, so the bot must be in it before the command is taken. */
	posts?: true;
	/** Its words may be left out: a form asks for them where Slack can open one. */
	form?: true;
	/** It changes something: what goes wrong, refusals by Airflow too, is kept in the audit. */
	changes?: true;
	/** Does not depend on the environment, so that it works while the chosen one is gone. */
	anywhere?: true;
	/** Answers in the ack, without any I/O, in place of `run`. */
	atOnce?(args: Args, known: AtOnce): Reply;
	run(args: Args, context: CommandContext): Promise<CommandResult>;
};

/** A command whose arguments are parsed but no longer known by type: what the router and the help see. */
export type Verb = Omit<Command, 'parse' | 'dagOf' | 'atOnce' | 'run'> & {
	/** Throws what `parse` throws. */
	prepare(words: string): Prepared;
};

export type Prepared = {
	dag: string | undefined;
	/** Undefined: it needs the outside world. */
	atOnce: ((known: AtOnce) => Reply) | undefined;
	run(context: CommandContext): Promise<CommandResult>;
};

export function defineCommand<Args>(command: Command<Args>): Command<Args> & Verb {
	return {
		...command,
		prepare(words) {
			const args = command.parse(words);
			return {
				dag: command.dagOf?.(args),
				atOnce: command.atOnce && ((known) => command.atOnce?.(args, known) ?? { parts: [], to: 'asker' }),
				run: (context) => command.run(args, context),
			};
		},
	};
}
