import { seedTraps } from '../../src/sandbox/scenarios/seed-traps.ts';
import { describeStories } from './stories.ts';

describeStories(seedTraps);
