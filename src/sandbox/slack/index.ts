import type { SandboxSlack, SlackOptions } from './types.ts';

export type * from './types.ts';
export { defaultEvents, defaultScopes, defaultWorkspace } from './workspace.ts';

/** Starts the Slack stand-in on 127.0.0.1. */
export function startSlack(options: SlackOptions = {}): Promise<SandboxSlack> {
	return Promise.reject(new Error(`The Slack stand-in is being built (port ${options.port ?? 0}).`));
}
