import { setTimeout as sleep } from 'node:timers/promises';
import type { DemoCloud, DemoEnvironment } from './demo-google.ts';
import { changeCode } from './scenarios/repair.ts';
import { defaultWorkspace, type SandboxSlack } from './slack/index.ts';
import type { Workspace } from './slack/types.ts';
import { runPosted } from './world/gcloud-run.ts';

const SHELL = 'U0SHELL';
const CHANNEL = 'C0SHELL';
const PROGRAM = /^(?:gcloud|kubectl|terraform|bq|airflow)\s|^[A-Z][A-Z0-9_]*=/;

/** The demo's people, and a shell of the project's owner that answers in a channel of its own and where the bot posts. */
export function workspaceWithShell(): Workspace {
	const { users, channels, ...rest } = defaultWorkspace();
	const everyone = users.map(({ id }) => id);
	return {
		...rest,
		users: [
			...users,
			{
				id: SHELL,
				name: 'cloud-shell',
				realName: 'Cloud Shell',
				locale: 'en-US',
				tz: 'Etc/UTC',
				title: 'Runs what is pasted of gcloud, kubectl, terraform (demo)',
			},
		],
		channels: [
			...channels.map((channel) =>
				channel.kind === 'public' ? { ...channel, members: [...channel.members, SHELL] } : channel,
			),
			{
				id: CHANNEL,
				name: 'cloud-shell',
				kind: 'public',
				members: [...everyone, SHELL],
				topic: "Paste the bot's commands here: they run in the demo's Google Cloud project",
			},
		],
	};
}

/**
 * Runs what people paste of a fix in the demo's project, as its owner, and answers in the thread. Scripts may stand in a code
 * block; `edit <dag>` above a snippet of Python changes that DAG's pods and calls; YAML is kept as `object.yaml`. Returns a
 * function that ends it.
 */
export function openCloudShell(slack: SandboxSlack, cloud: DemoCloud): () => void {
	const files = new Map<string, string>();
	let last: Promise<unknown> = Promise.resolve();
	slack.say({ user: SHELL, channel: CHANNEL, text: WELCOME });
	return slack.onEvent((event) => {
		if (event.kind !== 'message' || event.change !== 'posted') return;
		const message = slack.messages(event.channel).find(({ ts }) => ts === event.ts);
		if (!message || message.via !== 'person' || message.user === SHELL) return;
		const script = scriptOf(message.text);
		if (script === undefined) return;
		const answer = (text: string): void => {
			slack.say({ user: SHELL, channel: event.channel, threadTs: message.threadTs ?? message.ts, text });
		};
		// One after the other, as in one terminal.
		last = last.then(() => carryOut(script, cloud, files, answer)).catch((error: unknown) => answer(refusal(error)));
	});
}

const WELCOME =
	'Paste what the bot posts: gcloud, kubectl, terraform, airflow, bq. It runs in the demo\'s project as its owner, and fails as it would at Google. "edit <dag>" above a snippet of Python changes that DAG.';

const refusal = (error: unknown): string =>
	`\`\`\`\nERROR: ${error instanceof Error ? error.message : String(error)}\n\`\`\``;

/** What is to be run of a message; undefined: it is talk. */
function scriptOf(text: string): string | undefined {
	const plain = text
		.replaceAll(/<(https?:[^>|]+)(?:\|[^>]*)?>/g, '$1')
		.replaceAll('&lt;', '<')
		.replaceAll('&gt;', '>')
		.replaceAll('&amp;', '&')
		.replaceAll(/^```\w*\n?|\n?```$/gm, '')
		.trim();
	const first = plain.split('\n').find((line) => line.trim() !== '' && !line.startsWith('#')) ?? '';
	return PROGRAM.test(first) || /^(?:apiVersion:|edit \S)/.test(first) ? plain : undefined;
}

async function carryOut(
	script: string,
	cloud: DemoCloud,
	files: Map<string, string>,
	answer: (text: string) => void,
): Promise<void> {
	if (script.startsWith('apiVersion:')) {
		files.set('object.yaml', script);
		answer('Kept as `object.yaml`.');
		return;
	}
	const [, id, code] = /^edit (\S+)\s+([^]+)$/.exec(script) ?? [];
	if (id !== undefined && code !== undefined) {
		const changed = [cloud.prod, cloud.staging, cloud.finance].filter((one) => edit(one, id, code));
		answer(changed.length > 0 ? `\`${id}\` is changed.` : `Nothing in that snippet changes \`${id}\`.`);
		return;
	}
	const lines: string[] = [];
	try {
		await runPosted(script, {
			world: cloud.world,
			by: cloud.owner,
			files,
			terraform: cloud.terraform,
			did: (text, how) =>
				void lines.push(how === 'changed' ? `${text}\n  done.` : `${text}\n  (only looks; nothing is printed here)`),
			async wait(operation) {
				answer(
					`Waiting for the update of \`${operation.environment}\` … (about ${Math.round(cloud.world.updateMs / 1000)} s)`,
				);
				while (operation.state === 'RUNNING') {
					await sleep(200);
					cloud.world.tick();
				}
			},
		});
	} finally {
		if (lines.length > 0) answer(`\`\`\`\n${lines.join('\n')}\n\`\`\``);
	}
}

function edit({ physics, airflow }: DemoEnvironment, id: string, code: string): boolean {
	return changeCode(
		{
			dags: physics.dag,
			add(dag) {
				physics.add(dag);
				airflow.setDag(dag.id, dag);
			},
		},
		id,
		code,
	);
}
