import base from './jest.config.mjs';

// A real Airflow takes half a minute to start and seconds for each task, hence the long limit and one file at a time.
export default { ...base, testMatch: ['<rootDir>/test/airflow/**/*.live.ts'], testTimeout: 300_000 };
