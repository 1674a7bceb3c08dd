import { evictionPolicy, type Redis } from '../clients/base/redis.ts';
import type { Store } from '../clients/store.ts';
import type { Checkup } from '../deps.ts';
import { Trouble } from '../domain/errors.ts';
import { failed } from './checkup.ts';

const what = 'Redis';

export async function redisCheckup(redis: Redis, kept: Store): Promise<Checkup> {
	try {
		if (redis.status !== 'ready') throw new Trouble('upstream', 'redis unreachable', 'Redis does not answer.');
		const policy = await evictionPolicy(redis);
		const { blindPosts = '0', doubled = '0' } = await kept.counts();
		const aside = Object.keys(await kept.quarantined()).length;
		if (policy !== undefined && policy !== 'noeviction')
			return {
				what,
				ok: false,
				found: {
					en: `maxmemory-policy is ${policy}: when memory is short, accepted commands may vanish.`,
					ja: `maxmemory-policy が ${policy} のため、メモリ不足時に受け付けたコマンドが失われる可能性があります。`,
				},
				mend: { en: 'Set it to noeviction.', ja: 'noeviction に設定してください。' },
			};
		return {
			what,
			ok: aside === 0,
			found: {
				en: `Answers. Set aside: ${aside}. Messages sent again unseen: ${blindPosts}; known to stand twice: ${doubled}.`,
				ja: `応答しています。隔離済み: ${aside} 件。未確認での再送: ${blindPosts} 件、重複を確認: ${doubled} 件。`,
			},
		};
	} catch (error) {
		return failed(what, error);
	}
}
