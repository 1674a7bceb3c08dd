export default {
	testEnvironment: 'node',
	extensionsToTreatAsEsm: ['.ts'],
	transform: {},
	testMatch: ['<rootDir>/test/**/*.test.ts'],
	modulePathIgnorePatterns: ['<rootDir>/.data'],
	// Many of them mostly wait, for processes that are killed and come back: one core less would only be idle.
	maxWorkers: '100%',
	// Real processes and a real Redis on machines of any speed: a limit finds what hangs, it does not judge speed.
	testTimeout: 30_000,
};
