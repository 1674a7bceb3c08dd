import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

/** Airflow's own OpenAPI document of one generation, asked what a body must look like. */
export type Document = {
	/** Flaws of a response body, one line each: `GET /dags/{dag_id} 200 /owners: must be array`. */
	response(method: string, path: string, status: number, contentType: string, body: unknown): string[];
	request(method: string, path: string, body: unknown): string[];
};

type Node = { [key: string]: Node } | Node[] | string | number | boolean | null;
type Mapping = { [key: string]: Node };
type Operation = { responses?: Mapping; requestBody?: Mapping };

const FILES = { 1: 'airflow-2.11.0-v1.yaml', 2: 'airflow-3.1.8-v2.yaml' } as const;
const ROOTS = { 1: '/api/v1', 2: '' } as const;

export function openDocument(api: 1 | 2): Document {
	const file = new URL(`specs/${FILES[api]}`, import.meta.url);
	const document = withNulls(parse(readFileSync(file, 'utf8')) as Node) as Mapping;
	const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
	const dateTime = (text: string): boolean => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text);
	for (const name of ['date-time', 'datetime']) ajv.addFormat(name, dateTime);
	for (const name of ['date', 'time', 'uri', 'email', 'path', 'duration', 'uuid', 'float', 'int32', 'timedelta'])
		ajv.addFormat(name, true);
	ajv.addSchema(document, 'document');
	const paths = Object.entries(document['paths'] as Mapping).map(([template, item]) => ({
		template,
		// The more literal segments, the more exact: `/dags/~/dagRuns/list` before `/dags/{dag_id}/dagRuns/{id}`.
		weight: template.split('/').filter((part) => !part.startsWith('{')).length,
		pattern: new RegExp(`^${template.replace(/[.~]/g, '\\$&').replace(/\{[^}]+\}/g, '[^/]+')}$`),
		item: item as Mapping,
	}));
	paths.sort((a, b) => b.weight - a.weight);
	const compiled = new Map<string, ValidateFunction>();

	function operation(method: string, path: string): { template: string; pointer: string; it: Operation } | undefined {
		const below = path.startsWith(ROOTS[api]) ? path.slice(ROOTS[api].length) : path;
		const verb = method.toLowerCase();
		const found = paths.find(({ pattern, item }) => pattern.test(below) && item[verb] !== undefined);
		if (!found) return undefined;
		const pointer = `#/paths/${escape(found.template)}/${verb}`;
		return { template: found.template, pointer, it: found.item[verb] as Operation };
	}

	function check(pointer: string, body: unknown): string[] {
		let validate = compiled.get(pointer);
		if (!validate) compiled.set(pointer, (validate = ajv.compile({ $ref: `document${pointer}` })));
		if (validate(body)) return [];
		return (validate.errors ?? []).map(
			({ instancePath, message, params }) =>
				`${instancePath.replace(/\/\d+/g, '/#')}: ${message ?? ''}${'additionalProperty' in params ? ` (${String(params['additionalProperty'])})` : ''}`,
		);
	}

	/** Follows one reference, as responses and request bodies may be one. */
	function resolve(pointer: string, node: Mapping): { pointer: string; node: Mapping } {
		const ref = node['$ref'];
		if (typeof ref !== 'string') return { pointer, node };
		let at: Node = document;
		for (const part of ref.slice(2).split('/'))
			at = (at as Mapping)[part.replaceAll('~1', '/').replaceAll('~0', '~')] ?? null;
		return { pointer: ref, node: at as Mapping };
	}

	return {
		response(method, path, status, contentType, body) {
			const found = operation(method, path);
			if (!found) return [`${method} ${path}: not in the document`];
			const name = `${method} ${found.template} ${status}`;
			const raw = found.it.responses?.[String(status)];
			if (raw === undefined) return [`${name}: status is not in the document`];
			const { pointer, node } = resolve(`${found.pointer}/responses/${status}`, raw as Mapping);
			const content = node['content'] as Mapping | undefined;
			if (!content) return [];
			const media = content[contentType] === undefined ? 'application/json' : contentType;
			const described = content[media] as Mapping | undefined;
			if (described?.['schema'] === undefined)
				return content[contentType] ? [] : [`${name}: ${contentType} is not in the document`];
			return check(`${pointer}/content/${escape(media)}/schema`, body).map((flaw) => `${name} ${flaw}`);
		},
		request(method, path, body) {
			const found = operation(method, path);
			if (!found) return [`${method} ${path}: not in the document`];
			const raw = found.it.requestBody;
			if (raw === undefined) return [];
			const { pointer } = resolve(`${found.pointer}/requestBody`, raw);
			return check(`${pointer}/content/application~1json/schema`, body).map(
				(flaw) => `${method} ${found.template} ${flaw}`,
			);
		},
	};
}

// In a URI fragment: JSON pointer escapes first, then percent signs for what a fragment may not hold.
const escape = (part: string): string =>
	part.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('{', '%7B').replaceAll('}', '%7D');

/** OpenAPI 3.0's `nullable` in the words of JSON Schema; a reference beside it would otherwise forbid null. */
function withNulls(node: Node): Node {
	if (Array.isArray(node)) return node.map(withNulls);
	if (typeof node !== 'object' || node === null) return node;
	const { nullable, ...rest } = node;
	const changed = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, withNulls(value)]));
	if (nullable !== true) return nullable === undefined ? changed : changed;
	return { anyOf: [changed, { type: 'null' }] };
}
