import type { Site } from './physics-workers.ts';

/** What the image brings along, and what a package asks of it: as far as the stories here go. */
const PREINSTALLED: Readonly<Record<string, string>> = {
	numpy: '1.26.4',
	pandas: '2.2.3',
	protobuf: '5.29.5',
	'google-cloud-bigquery': '3.38.0',
};
const ASKS: Readonly<Record<string, readonly { of: string; range: string; fits: boolean }[]>> = {
	'great-expectations==0.13.49': [{ of: 'pandas', range: '<2,>=0.23.0', fits: false }],
	'tensorflow==2.11.0': [{ of: 'protobuf', range: '<3.20,>=3.9.2', fits: false }],
};

/** Builds of PyPI packages: what pip says of them decides the update. */
export function openUpdates({ world, environment, write, plain }: Site): void {
	if (plain) return;
	world.updateChecks.push(({ environment: updated, wanted }) => {
		if (updated !== environment) return undefined;
		for (const [name, range] of Object.entries(wanted.pypiPackages)) {
			const wrong = ASKS[`${name}${range}`]?.find(({ fits }) => !fits);
			if (!wrong) continue;
			const id = `${environment.name}-${world.now().toString(36)}`;
			const has = PREINSTALLED[wrong.of] ?? '0';
			const spec = `${name}${range}`;
			write.build(
				id,
				[
					`Collecting ${spec}`,
					`INFO: pip is looking at multiple versions of ${name} to determine which version is compatible with other requirements. This could take a while.`,
					`ERROR: Cannot install ${wrong.of}==${has} and ${spec} because these package versions have conflicting dependencies.`,
					`The conflict is caused by:`,
					`    The user requested ${wrong.of}==${has}`,
					`    ${spec.replace('==', ' ')} depends on ${wrong.of}${wrong.range}`,
					`ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/dependency-resolution/#dealing-with-dependency-conflicts`,
				],
				world.now() - 60_000,
			);
			write.agent(
				`Failed to install PyPI packages: ${spec.replace('==', ' ')} has requirement ${wrong.of}${wrong.range}, but you'll have ${wrong.of} ${has} which is incompatible.`,
				{ severity: 'ERROR' },
			);
			return {
				code: 9,
				message:
					'Failed to install PyPI packages. ' +
					`${name} ${range.replace('==', '')} has requirement ${wrong.of}${wrong.range}, but you'll have ${wrong.of} ${has} which is incompatible. ` +
					`Check the Cloud Build log at https://console.cloud.google.com/cloud-build/builds/${id}?project=${world.project.number} for details.`,
			};
		}
		return undefined;
	});
}
