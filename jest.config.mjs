export default {
	testEnvironment: 'node',
	extensionsToTreatAsEsm: ['.ts'],
	transform: {},
	testMatch: ['<rootDir>/test/**/*.test.ts'],
	modulePathIgnorePatterns: ['<rootDir>/.data'],
};
