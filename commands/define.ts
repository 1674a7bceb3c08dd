import type { Asker, Deps, Typed } from '../src/deps.ts';
import type { Role } from '../src/access/roles.ts';
import type { Reply } from '../src/domain/reply.ts';
import type { Text } from '../src/domain/text.ts';

/** What `run` is given beside its parsed arguments. */
export type CommandContext = {
	deps: Deps;
	/** The environment in force: `--env`, else the channel's choice, else the person's, else the setting. */
	env: string;
	typed: Typed;
	asker: Asker;
	/** Whether this person may do that here, to this DAG; for lists and did-you-mean, which never name what one may not see. */
	may(role: Role, dag?: string): boolean;
};

/** `follow`: the reply is about this run; the message is edited until it ends. */
export type CommandResult = { reply: Reply; follow?: { env: string; dag: string; run: string } | undefined };

/** One /dag verb is one file that exports this value. Help, the command reference and the role check come from it. */
export type Command<Args = never> = {
	name: string;
	summary: Text;
	/** Arguments as shown in help: `<dag> [{json} or key=value …] [--date D]`. */
	usage: string;
	examples: readonly { words: string; means: Text }[];
	role: Role;
	/** Words after the verb, without `--env`. Throws Trouble `user` whose message says what was wrong and shows the right form. No I/O. */
	parse(words: string): Args;
	/** The DAG the role check is about, when the arguments name one. */
	dagOf?(args: Args): string | undefined;
	run(args: Args, context: CommandContext): Promise<CommandResult>;
};

export function defineCommand<Args>(command: Command<Args>): Command<Args> {
	return command;
}
