import { lookAlikes } from './look-alikes.ts';
import { permissions } from './permissions.ts';
import { pods } from './pods.ts';
import type { Scenario } from './scenario.ts';
import { seedTraps } from './seed-traps.ts';
import { workers } from './workers.ts';

export type { Scenario } from './scenario.ts';

export const scenarios: readonly Scenario[] = [...seedTraps, ...workers, ...pods, ...permissions, ...lookAlikes];
