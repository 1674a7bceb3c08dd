import type { Store } from './store.ts';

/** What "Open in Airflow" leads to in the demo: the DAG's runs and their tasks, plainly. Everything shown is escaped. */
export function runPage(store: Store, url: URL, version: string): string {
	const [, , dagPart, , runPart] = url.pathname.split('/');
	const dagId = decode(dagPart);
	const dag = dagId === undefined ? undefined : store.dags.get(dagId);
	const wanted = url.searchParams.get('dag_run_id') ?? decode(runPart);
	const rows = dag
		? [...(store.runs.get(dag.id)?.values() ?? [])]
				.toReversed()
				.slice(0, 25)
				.map(
					(run) =>
						`<tr${run.run === wanted ? ' class="wanted"' : ''}><td>${escape(run.run)}</td><td class="${run.state}">${run.state}</td><td>${time(run.startedAt)}</td><td>${run.tasks
							.map(({ task, state }) => `<span class="${state}" title="${escape(state)}">${escape(task.id)}</span>`)
							.join(' ')}</td></tr>`,
				)
				.join('\n')
		: [...store.dags.values()]
				.map(
					({ id, owner }) =>
						`<tr><td><a href="/dags/${encodeURIComponent(id)}">${escape(id)}</a></td><td>${escape(owner)}</td></tr>`,
				)
				.join('\n');
	return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Airflow (stand-in) ${version}</title><style>
body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#222}table{border-collapse:collapse}td{padding:.3rem .8rem;border-bottom:1px solid #ddd}
.success{color:#137333}.failed,.upstream_failed{color:#b3261e}.running,.up_for_retry{color:#1a56db}.wanted{background:#fff8e1}
</style></head><body><h1>${dag ? escape(dag.id) : 'DAGs'}</h1><p>A stand-in for Airflow ${version}: nothing here leaves this machine.</p><table>${rows}</table></body></html>
`;
}

function decode(part: string | undefined): string | undefined {
	if (part === undefined) return undefined;
	try {
		return decodeURIComponent(part);
	} catch {
		return undefined;
	}
}

const time = (at: number | undefined): string => (at === undefined ? '' : new Date(at).toISOString().slice(0, 19));

const ESCAPES: Readonly<Record<string, string>> = {
	'&': '&amp;',
	'<': '&lt;',
	'>': '&gt;',
	'"': '&quot;',
	"'": '&#39;',
};
const escape = (text: string): string => text.replace(/[&<>"']/g, (one) => ESCAPES[one] ?? one);
