import { budget } from '../../src/clients/base/budget.ts';
import { fixedToken } from '../../src/clients/base/google.ts';
import { airflow } from '../../src/clients/airflow.ts';
import { http } from '../../src/clients/base/http.ts';
import { composerSources } from '../../src/sources/composer.ts';
import { airflowSources } from '../../src/sources/airflow.ts';
import { googleClients } from '../../src/sources/google-clients.ts';
import { googleSources } from '../../src/sources/google.ts';
import type { Sources } from '../../src/collect.ts';
import type { Deps } from '../../src/deps.ts';
import { Trouble } from '../../src/domain/errors.ts';
import type { SourceName } from '../../src/domain/evidence.ts';
import { isComposer, type Stage } from '../../src/sandbox/scenarios/stage.ts';
import { clientOf, fakeDeps } from '../commands/house.ts';

/** A slow machine is no gap: what a story takes away is taken away by name. */
const PATIENT_MS = 60_000;

/** The bot in front of a stage: real clients, the stage's clock. `without`: sources that are taken away. */
export function botOn(
	stage: Pick<Stage, 'world' | 'google' | 'token' | 'environment' | 'place' | 'airflow'>,
	without: (sources: Sources) => Sources = (sources) => sources,
): Deps {
	const { world, google, token, environment, place } = stage;
	const now = world.now;
	if (!isComposer(place) || !google) {
		// Airflow 2 gives its event log to nobody below Admin.
		const client = place === 'airflow-2' ? clientOf(stage.airflow, 1, 'admin') : clientOf(stage.airflow, 2);
		const deps = fakeDeps({ prod: client }, { now });
		return { ...deps, sources: () => without(patient(airflowSources(client))) };
	}
	const clients = googleClients(
		{
			project: world.project.id,
			location: environment.location,
			name: environment.name,
			rootUrl: google.rootUrl,
			loggingEndpoint: google.loggingEndpoint,
			timeoutMs: PATIENT_MS,
		},
		fixedToken(token),
		{ now, logReads: budget(1000, now) },
	);
	const client = airflow({ url: undefined, auth: { kind: 'google' }, timeoutMs: PATIENT_MS }, http, {
		google: fixedToken(token),
		now,
		whereabouts: (options) => clients.composer.whereabouts(options),
	});
	const deps = fakeDeps({ prod: client }, { now, composer: clients.composer });
	return {
		...deps,
		logging: () => clients.logging,
		monitoring: () => clients.monitoring,
		sources: () =>
			without(
				patient({
					...airflowSources(client),
					...composerSources(clients.composer, clients.keep),
					...googleSources(clients),
				}),
			),
	};
}

const patient = (sources: Sources): Sources =>
	Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, { ...source, withinMs: PATIENT_MS }]));

/** As when the bot may not look: each of these sources is refused. */
export const refused =
	(...names: readonly SourceName[]) =>
	(sources: Sources): Sources => ({
		...sources,
		...Object.fromEntries(
			names.map((name) => [
				name,
				{
					...sources[name],
					read: () => Promise.reject(new Trouble('denied', 'google forbidden', `The bot may not read ${name}.`)),
				},
			]),
		),
	});

/** Notes which sources are asked. */
export const noting =
	(asked: Set<SourceName>) =>
	(sources: Sources): Sources =>
		Object.fromEntries(
			Object.entries(sources).map(([name, source]) => [
				name,
				{
					...source,
					read(...args: Parameters<typeof source.read>) {
						asked.add(name as SourceName);
						return source.read(...args);
					},
				},
			]),
		);
