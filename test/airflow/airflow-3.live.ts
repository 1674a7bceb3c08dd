import { withRealAirflow } from './real.ts';
import { realSuites } from './suites.ts';

await withRealAirflow(3, realSuites);
