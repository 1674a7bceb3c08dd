import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Source = { path: string; imports: readonly string[]; text: string };

const IMPORT =
	/(?:^|\n)\s*(?:import|export)\s(?:[^'";]*?\sfrom\s)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** Every TypeScript file of the product (not its tests) with what it imports, `import type` included. */
export function sources(folders: readonly string[] = ['src', 'commands', 'worker']): Source[] {
	return folders.flatMap((folder) =>
		readdirSync(folder, { recursive: true, encoding: 'utf8' })
			.filter((name) => name.endsWith('.ts'))
			.map((name) => {
				const path = join(folder, name);
				const text = readFileSync(path, 'utf8');
				return { path, text, imports: [...text.matchAll(IMPORT)].map((m) => m[1] ?? m[2] ?? '') };
			}),
	);
}
