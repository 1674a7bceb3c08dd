import { lookAlikes } from '../../src/sandbox/scenarios/look-alikes.ts';
import { describeStories } from './stories.ts';

describeStories(lookAlikes);
