import { expect, test } from '@jest/globals';
import { sources } from './sources.ts';

/** Foreign systems are spoken to in one place each: package, and the only paths that may import it. */
const SDKS: readonly [sdk: RegExp, where: RegExp][] = [
	[/^@slack\/bolt$/, /^src\/slack\//],
	[/^@slack\/(web-api|types)$/, /^src\/(clients\/slack|slack\/|sandbox\/slack\/)/],
	[/^bullmq$/, /^src\/clients\/(queue|base\/)/],
	[/^ioredis$/, /^src\/(clients\/(base\/|queue|store|slack)|sandbox\/redis\.ts)/],
	[/^googleapis/, /^src\/(clients\/(composer|monitoring|iam)|sandbox\/google\/)/],
	[/^google-auth-library$/, /^src\/clients\//],
	[/^@google-cloud\/logging/, /^src\/(clients\/logging|sandbox\/)/],
	[/^@grpc\//, /^src\/(clients\/logging|sandbox\/)/],
	[/^@bull-board\//, /^src\/clients\/queue-board/],
	[/^prom-client$/, /^src\/clients\/metrics/],
	[/^ws$/, /^src\/sandbox\//],
	[/^(react|react-dom|slack-blocks-to-jsx)(\/|$)/, /^src\/sandbox\//],
	[/^@resvg\//, /^src\/domain\/picture/],
];

test('each SDK is imported only where the map says', () => {
	const strays = sources().flatMap(({ path, imports }) =>
		imports
			.filter((name) => SDKS.some(([sdk, where]) => sdk.test(name) && !where.test(path)))
			.map((name) => `${path} imports ${name}`),
	);
	expect(strays).toEqual([]);
});

test('only the settings, the sandbox and the command lines read the process environment', () => {
	const readers = sources()
		.filter(({ text }) => /process\.env\b/.test(text))
		.map(({ path }) => path)
		.filter((path) => !/^src\/(config\.ts|main\.ts|sandbox\/|diagnosis\/cli\.ts)/.test(path));
	expect(readers).toEqual([]);
});

test('the ground is pure: no clock, no network, no process', () => {
	const impure = sources(
		['src/domain', 'src/rules', 'src/access', 'src/scaling', 'src/alerts'].filter((folder) =>
			sources(['src']).some(({ path }) => path.startsWith(`${folder}/`)),
		),
	).filter(
		({ path, text, imports }) =>
			path !== 'src/scaling/cli.ts' &&
			(/\bDate\.now\(\)|new Date\(\)|Math\.random\(|\bfetch\(/.test(text) ||
				imports.some((name) => /^node:(fs|net|http|https|child_process|dns|process)/.test(name))),
	);
	expect(impure.map(({ path }) => path)).toEqual([]);
});
