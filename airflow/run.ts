import { startRealAirflow } from '../src/sandbox/real-airflow.ts';

// `npm run airflow -- 2|3 [--json]`: a real Airflow until Ctrl-C. What a machine reads goes to standard output, the rest to standard error.
const words = process.argv.slice(2);
const json = words.includes('--json');
const generation = words.find((word) => word !== '--json');
if (generation !== '2' && generation !== '3') {
	console.error('Usage: npm run airflow -- 2|3 [--json]');
	process.exit(2);
}

const airflow = await startRealAirflow(generation === '2' ? 2 : 3, { say: (line) => console.error(line) }).catch(
	(error: unknown) => {
		console.error(error instanceof Error ? error.message : error);
		process.exit(1);
	},
);

let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
	process.on(signal, () => {
		if (stopping) return;
		stopping = true;
		console.error('Ending Airflow…');
		void airflow.stop().then(() => process.exit(0));
	});

if (json)
	console.log(JSON.stringify({ url: airflow.url, auth: airflow.auth, users: airflow.users, took: airflow.took }));
else {
	console.log(`Airflow ${airflow.version}   ${airflow.url}`);
	for (const [role, { username, password }] of Object.entries(airflow.users))
		console.log(`${role.padEnd(8)} ${username} / ${password}`);
	console.log('Ctrl-C ends it.');
}
