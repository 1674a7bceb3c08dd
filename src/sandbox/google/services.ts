import type { serviceusage_v1 } from 'googleapis/build/src/apis/serviceusage/v1.js';
import { setApi } from '../world/acts.ts';
import { invalid } from '../world/refusal.ts';
import type { World } from '../world/world.ts';
import { restPage } from './pages.ts';
import type { Api, Route } from './types.ts';

/** Offered to the project and not used; enough to tell ENABLED from DISABLED in a list. */
const OFFERED = ['compute.googleapis.com', 'dataflow.googleapis.com', 'dataproc.googleapis.com', 'run.googleapis.com'];

/** Service Usage v1: which APIs are switched on. */
export function serviceUsageApi(world: World): Api {
	const NAMED = String.raw`/v1/projects/(?<project>[^/]+)/services/(?<service>[^/:]+)`;
	const change = (enabled: boolean): Route => ({
		op: enabled ? 'services.enable' : 'services.disable',
		method: 'POST',
		path: new RegExp(`^${NAMED}:${enabled ? 'enable' : 'disable'}$`),
		handle({ at, by }) {
			const api = at['service'] ?? '';
			setApi(world, by, api, enabled);
			return {
				name: `operations/acat.p2-${world.project.number}-${api}`,
				done: true,
				response: {
					'@type': `type.googleapis.com/google.api.serviceusage.v1.${enabled ? 'Enable' : 'Disable'}ServiceResponse`,
					service: describe(world, api),
				},
			} satisfies serviceusage_v1.Schema$Operation;
		},
	});
	return {
		host: 'serviceusage.googleapis.com',
		title: 'Service Usage API',
		routes: [
			{
				op: 'services.get',
				method: 'GET',
				path: new RegExp(`^${NAMED}$`),
				permission: 'serviceusage.services.get',
				handle: ({ at }) => describe(world, at['service'] ?? ''),
			},
			{
				op: 'services.list',
				method: 'GET',
				path: /^\/v1\/projects\/(?<project>[^/]+)\/services$/,
				params: ['filter', 'pageSize', 'pageToken'],
				permission: 'serviceusage.services.list',
				handle({ query, mostPerPage }) {
					const state = /^(?:state:(ENABLED|DISABLED))?$/.exec(query.get('filter') ?? '');
					if (!state) throw invalid('The filter must be of the form state:[ENABLED|DISABLED].', 'filter');
					if (Number(query.get('pageSize') ?? 0) > 200) throw invalid('Page size must not exceed 200.', 'page_size');
					const all = [...new Set([...world.project.enabledApis, ...OFFERED])]
						.toSorted()
						.map((api) => describe(world, api))
						.filter((one) => state[1] === undefined || one.state === state[1]);
					// Fifty a page unless more are asked for.
					const { page, ...rest } = restPage(all, query, Math.min(mostPerPage, query.has('pageSize') ? 200 : 50));
					return {
						...(page.length > 0 && { services: page }),
						...rest,
					} satisfies serviceusage_v1.Schema$ListServicesResponse;
				},
			},
			change(true),
			change(false),
		],
	};
}

function describe({ project }: World, api: string) {
	return {
		name: `projects/${project.number}/services/${api}`,
		parent: `projects/${project.number}`,
		config: { name: api },
		state: project.enabledApis.has(api) ? 'ENABLED' : 'DISABLED',
	} satisfies serviceusage_v1.Schema$GoogleApiServiceusageV1Service;
}
