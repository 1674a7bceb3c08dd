import type { Scenario } from './scenario.ts';
import { seedTraps } from './seed-traps.ts';

export type { Scenario } from './scenario.ts';

export const scenarios: readonly Scenario[] = [...seedTraps];
