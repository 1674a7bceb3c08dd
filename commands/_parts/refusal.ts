import { roleOf, type Access, type Role } from '../../src/access/roles.ts';
import type { Asker } from '../../src/domain/asking.ts';
import type { Line, Reply } from '../../src/domain/reply.ts';
import { clipHead, type Text } from '../../src/domain/text.ts';
import type { Verb } from '../define.ts';

export const ROLE_NAMES: Readonly<Record<Role, Text>> = {
	viewer: { en: 'viewer', ja: '閲覧者 (viewer)' },
	operator: { en: 'operator', ja: '運用者 (operator)' },
	admin: { en: 'admin', ja: '管理者 (admin)' },
};

type Refused = {
	verb: Pick<Verb, 'name' | 'role'>;
	asker: Asker;
	access: Access;
	channel: string;
	env?: string | undefined;
	dag?: string | undefined;
};

/** Who may not, what that would take, and who can change it. Says nothing of whether the DAG exists. */
export function refusal({ verb, asker, access, channel, env, dag }: Refused): Reply {
	const ja = asker.lang === 'ja';
	const what: Line = [
		{ code: `/dag ${verb.name}` },
		...(dag === undefined ? [] : [ja ? '（対象: ' : ' on ', { code: clipHead(dag, 80) }, ja ? '）' : '']),
		...(env === undefined || access.environments.length < 2
			? []
			: [ja ? '（環境: ' : ' in ', { bold: env }, ja ? '）' : '']),
	];
	if (asker.outsider)
		return {
			parts: [
				{
					kind: 'title',
					icon: '⛔',
					line: ja
						? ['ゲストおよび外部ワークスペースの方は、Concertmaster をご利用いただけません。']
						: ['Guests and people from other workspaces cannot use Concertmaster here.'],
				},
				{
					kind: 'note',
					line: ja
						? ['許可する場合は、設定の outsiders を管理者に変更してもらってください。']
						: ['Whoever runs the bot can let them in: the setting is called outsiders.'],
				},
			],
			to: 'asker',
		};
	const has = roleOf(access, asker, { channel, env, dag });
	const needs = ROLE_NAMES[verb.role][asker.lang];
	const hasLine = has && ROLE_NAMES[has][asker.lang];
	return {
		parts: [
			{
				kind: 'title',
				icon: '⛔',
				line: ja ? [...what, ' を実行する権限がありません。'] : ['You may not run ', ...what, '.'],
			},
			{
				kind: 'text',
				line: ja
					? [
							`必要なロール: `,
							{ bold: needs },
							hasLine === undefined ? '（ここでのロールはありません）' : `（現在: ${hasLine}）`,
						]
					: [
							'It takes the role ',
							{ bold: needs },
							hasLine === undefined ? '; you have none here.' : `; yours here is ${hasLine}.`,
						],
			},
			{
				kind: 'note',
				line: ja
					? ['ロールは Concertmaster の設定ファイルの roles で付与します。ボットの管理者にご相談ください。']
					: ['Roles are given under roles in the settings of Concertmaster: ask whoever runs the bot.'],
			},
		],
		to: 'asker',
	};
}
