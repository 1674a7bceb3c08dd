export async function runDemo(_args: readonly string[]): Promise<void> {
	process.stderr.write('The demo is being put together.\n');
}
