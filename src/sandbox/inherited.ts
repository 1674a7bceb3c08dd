/** For child processes, which read their settings from it as we do. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
	return { ...process.env };
}
