import { permissions } from '../../src/sandbox/scenarios/permissions.ts';
import { describeStories } from './stories.ts';

describeStories(permissions);
