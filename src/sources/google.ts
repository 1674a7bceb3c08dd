import { absent, type Sources } from '../collect.ts';
import type { SourceName } from '../domain/evidence.ts';
import { needs } from '../domain/needs.ts';
import type { GoogleClients } from './google-clients.ts';
import { iamSources } from './iam.ts';
import { logSources } from './logs.ts';
import { metricSources } from './metrics.ts';

/** Evidence from Cloud Logging, Cloud Monitoring and IAM: one call each, and none for what was asked the same moments before. */
export function googleSources(clients: GoogleClients): Sources {
	const { logging, monitoring, iam } = clients;
	return {
		...(logging ? logSources({ ...clients, logging }) : off('logging.googleapis.com')),
		...(monitoring ? metricSources({ ...clients, monitoring }) : off('monitoring.googleapis.com')),
		...(iam ? iamSources({ ...clients, iam }) : off(...IAM_APIS)),
	};
}

const IAM_APIS = [
	'cloudresourcemanager.googleapis.com',
	'iam.googleapis.com',
	'storage.googleapis.com',
	'serviceusage.googleapis.com',
] as const;

const SWITCHED_OFF = { en: 'switched off in the settings', ja: '設定で無効になっています' };

function off(...apis: readonly string[]): Sources {
	const names = needs().flatMap(([, { api, sources }]): readonly SourceName[] => (apis.includes(api) ? sources : []));
	return Object.fromEntries(names.map((name) => [name, { read: () => Promise.reject(absent(SWITCHED_OFF)) }]));
}
