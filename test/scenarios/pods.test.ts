import { pods } from '../../src/sandbox/scenarios/pods.ts';
import { describeStories } from './stories.ts';

describeStories(pods);
