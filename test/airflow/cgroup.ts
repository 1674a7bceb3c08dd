import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export type Cgroup = { path: string; remove(): Promise<void> };

/** More than an Airflow task needs to start, less than it takes in a second when it grows. */
const LIMIT_BYTES = 400_000_000;

/** A memory cgroup with a limit, where this machine lets us make one (as root, in a container with cgroups mounted). */
export async function memoryCgroup(): Promise<Cgroup | undefined> {
	const old = existsSync('/sys/fs/cgroup/memory');
	const path = join(old ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup', `cm-${process.pid}`);
	try {
		await mkdir(path);
		await writeFile(join(path, old ? 'memory.limit_in_bytes' : 'memory.max'), String(LIMIT_BYTES));
	} catch {
		await rmdir(path).catch((error: unknown) => error);
		return undefined;
	}
	return {
		path,
		async remove() {
			// Busy until the last process in it is gone.
			for (let left = 20; left > 0; left--) {
				const gone = await rmdir(path).then(
					() => true,
					() => false,
				);
				if (gone) return;
				await sleep(250);
			}
		},
	};
}
