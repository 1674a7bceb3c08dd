import { boundTo } from '../../src/access/approvals.ts';
import { Trouble } from '../../src/domain/errors.ts';
import { applyReply } from '../../src/scaling/apply-words.ts';
import { valuesOf, type Applying, type Proposal } from '../../src/scaling/applying.ts';
import { environmentOf } from '../../src/scaling/environment.ts';
import type { Head } from '../../src/scaling/history.ts';
import type { Composer } from '../../src/clients/composer.ts';
import type { CommandContext, CommandResult } from '../define.ts';
import { refusal } from './refusal.ts';
import { mistake } from './trouble.ts';

/** Whoever changes an environment is an admin of all of it: `*` fits no grant that is for some DAGs only. */
export const WHOLE = '*';

/** Undefined: they may, and the settings let anybody. */
export function mayNotApply(name: string, context: CommandContext): CommandResult | undefined {
	const { deps, env, asker, typed, may } = context;
	if (!may('admin', WHOLE))
		return {
			reply: refusal({ verb: { name, role: 'admin' }, asker, access: deps, channel: typed.channel, env }),
			act: { result: 'refused' },
		};
	if (!deps.scaling.apply)
		throw mistake(
			'apply switched off',
			{
				en: 'Changing an environment from Slack is switched off here.',
				ja: 'Slack からの環境の変更は無効になっています。',
			},
			{
				en: 'The commands in the advice do the same. Whoever runs the bot may set `scaling.apply: true`.',
				ja: '提案に記載のコマンドで同じ変更ができます。ボットの運用担当者が `scaling.apply: true` を設定すると有効になります。',
			},
		);
	if (typed.direct)
		throw mistake('apply in a direct message', {
			en: 'A change needs a second admin: ask for it in a channel.',
			ja: '変更には別の管理者の承認が必要です。チャンネルで実行してください。',
		});
	return undefined;
}

export function composerOf({ deps, env }: CommandContext): Composer {
	const composer = deps.composer(env);
	if (composer) return composer;
	throw mistake('apply without composer', {
		en: `${env} is no Composer environment: its settings are changed where it was set up.`,
		ja: `${env} は Composer 環境ではありません。設定は構築元で変更してください。`,
	});
}

/** As it stands just now: read anew, settled, and as it was when the change was worked out. Throws Trouble `user` otherwise. */
export async function standsAs(values: Readonly<Record<string, string>>, proposal: Proposal, context: CommandContext) {
	const composer = composerOf(context);
	const [{ state, environment }, operations] = await Promise.all([
		composer.describe({ anew: true }),
		composer.operations(20),
	]);
	const home = environmentOf(environment, context.env);
	const busy = state !== 'RUNNING' || operations.some(({ state }) => state === 'PENDING' || state === 'RUNNING');
	if (busy)
		throw mistake(
			'environment busy',
			{
				en: `${context.env} is being changed just now (state ${state}).`,
				ja: `${context.env} は現在変更中です（状態 ${state}）。`,
			},
			{ en: 'Ask again when that has ended.', ja: '完了してから再度お試しください。' },
		);
	const now = valuesOf(home, proposal.updates);
	if (Object.entries(values).some(([kind, value]) => now[kind] !== value)) throw changedMeanwhile(context, proposal);
	return home;
}

function changedMeanwhile({ env }: CommandContext, { reverts }: Proposal): Trouble {
	if (reverts !== undefined)
		return mistake('values no longer ours', {
			en: `${env} was changed again since: its values are no longer those that were applied here, so they are not set back.`,
			ja: `${env} はその後さらに変更されています。ここで適用した値ではないため、元に戻しません。`,
		});
	return mistake(
		'values changed meanwhile',
		{
			en: `${env} is no longer as it was when this was worked out.`,
			ja: `${env} は、提案の作成時から変更されています。`,
		},
		{ en: 'Ask `/dag scale` again.', ja: '`/dag scale` を再度実行してください。' },
	);
}

/** The question to a second admin: a message in the channel, which then shows all that becomes of it. */
export async function askForApproval(
	proposal: Proposal,
	home: Head['environment'],
	{ deps, typed, asker }: CommandContext,
): Promise<CommandResult> {
	const now = deps.now();
	const wanted: Applying = {
		v: 1,
		// Exactly this change, asked for by exactly this command.
		id: boundTo({ proposal, asked: typed.key }),
		proposal,
		by: { user: asker.user, name: asker.name },
		at: now,
		until: now + deps.scaling.approvalMinutes * 60_000,
		message: typed.key,
		channel: typed.channel,
		thread: typed.thread,
		lang: asker.lang,
		steps: [],
	};
	const applying = await deps.applies.ask(wanted);
	return {
		reply: applyReply(applying, home, asker.lang),
		apply: { id: applying.id, expiresInMs: Math.max(0, applying.until - now) },
		act: { what: boundWhat(applying), result: 'done', why: 'asked for approval' },
	};
}

/** For the audit: which change. */
export const boundWhat = ({ id, proposal }: Applying): string =>
	`${proposal.reverts === undefined ? 'change' : 'revert'} ${id.slice(0, 8)}: ${proposal.updates.map(({ kind }) => kind).join(', ')}`;
