import { workers } from '../../src/sandbox/scenarios/workers.ts';
import { describeStories } from './stories.ts';

describeStories(workers);
