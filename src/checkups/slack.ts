import type { Slack } from '../clients/slack.ts';
import type { Checkup } from '../deps.ts';
import { Trouble } from '../domain/errors.ts';
import { SCOPES, type Scope } from '../domain/scopes.ts';
import { failed, partly } from './checkup.ts';

const what = 'Slack';
const INSTALL = {
	en: 'Add it under OAuth & Permissions and install the app again.',
	ja: 'OAuth & Permissions で追加し、アプリを再インストールしてください。',
};

/** The bot's token and its scopes. A server that names no scopes is taken at its word. */
export async function slackCheckups(
	identity: () => Promise<Awaited<ReturnType<Slack['whoAmI']>>>,
	{ appId }: { appId: string | undefined },
): Promise<Checkup[]> {
	try {
		const { teamName, scopes } = await identity();
		const lacking = scopes.length === 0 ? [] : SCOPES.flatMap((scope) => lackingOf(scope, scopes));
		if (lacking.length > 0) return lacking;
		if (appId === undefined)
			return [
				{
					what,
					ok: true,
					found: {
						en: `Signed in to ${teamName}. The app id of what comes in is not checked.`,
						ja: `${teamName} に接続しています。受信内容のアプリ ID は確認していません。`,
					},
					mend: { en: 'Set SLACK_APP_ID to check it.', ja: '確認するには SLACK_APP_ID を設定してください。' },
				},
			];
		return [{ what, ok: true, found: { en: `Signed in to ${teamName}.`, ja: `${teamName} に接続しています。` } }];
	} catch (error) {
		return [refused(error) ?? failed(what, error)];
	}
}

/** Undefined: it is not about the token. */
function refused(error: unknown): Checkup | undefined {
	const code =
		error instanceof Trouble
			? /^slack ((?:invalid_auth|not_authed|token_|account_inactive).*)$/.exec(error.label)?.[1]
			: undefined;
	if (code === undefined) return undefined;
	return {
		what,
		ok: false,
		found: {
			en: `Slack does not accept the bot token (\`${code}\`): nothing works.`,
			ja: `Slack がボットトークンを受け付けません（\`${code}\`）。何も動作しません。`,
		},
		mend: {
			en: 'Copy the token (`xoxb-…`) anew from OAuth & Permissions into SLACK_BOT_TOKEN.',
			ja: 'OAuth & Permissions のトークン（`xoxb-…`）を SLACK_BOT_TOKEN に設定し直してください。',
		},
	};
}

function lackingOf({ names, without, must }: Scope, scopes: readonly string[]): Checkup[] {
	const lacking = names.filter((name) => !scopes.includes(name));
	if (lacking.length === 0) return [];
	const check = {
		what,
		found: {
			en: `The bot token lacks ${list(lacking)}: ${without.en}.`,
			ja: `ボットトークンに ${list(lacking, '、')} がありません。${without.ja}。`,
		},
		mend: INSTALL,
	};
	return [must ? { ...check, ok: false } : partly(check)];
}

const list = (names: readonly string[], comma = ', '): string => names.map((name) => `\`${name}\``).join(comma);
