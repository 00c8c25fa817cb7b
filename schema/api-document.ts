/** An OpenAPI document that an API carries. Nothing in it is followed to another place. */
import * as z from 'zod';

/** As compact JSON, so that an API with its document fits into one request to the control plane. */
const MAX_BYTES = 512 * 1024;
const MAX_DEPTH = 64;

function checkDocument(document: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  const message = documentProblem(document);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
}

function documentProblem(document: Readonly<Record<string, unknown>>): string | undefined {
  const { openapi, paths } = document;
  if (typeof openapi !== 'string' || !/^3\.\d+(\.|$)/.test(openapi))
    return 'The document is no OpenAPI 3: its field "openapi" is 3.0 or later.';
  if (paths !== undefined && !isMapping(paths)) return 'The paths of an OpenAPI document are a mapping.';
  const problem = jsonProblem(document, 0);
  if (problem !== undefined) return problem;
  const bytes = new TextEncoder().encode(JSON.stringify(document)).length;
  return bytes > MAX_BYTES ? `The document has ${bytes} bytes as JSON; at most ${MAX_BYTES} are kept.` : undefined;
}

const isMapping = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

function jsonProblem(value: unknown, depth: number): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return undefined;
  if (typeof value !== 'object') return 'The document holds a value that JSON does not know.';
  if (depth === MAX_DEPTH) return `The document is nested deeper than ${MAX_DEPTH} levels.`;
  if (Object.hasOwn(value, '__proto__')) return 'The document has a field "__proto__".';
  for (const child of Object.values(value)) {
    const problem = jsonProblem(child, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** The field of an API: a mapping, so that it is compared part by part. */
export const apiDocument = z.record(z.string(), z.unknown()).superRefine(checkDocument);
