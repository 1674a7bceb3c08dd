import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { SCOPES } from '../../src/domain/scopes.ts';

test('the app asks for the scopes that src/domain/scopes.ts explains, and for no other', () => {
	const manifest = z
		.object({ oauth_config: z.object({ scopes: z.object({ bot: z.array(z.string()) }) }) })
		.parse(JSON.parse(readFileSync('manifest.json', 'utf8')));
	expect(manifest.oauth_config.scopes.bot.toSorted()).toEqual(SCOPES.flatMap(({ names }) => names).toSorted());
});
