/** Holds every answer that a test gets against what the documentation says of it. */
import { isDeepStrictEqual } from 'node:util';
import { endpoints } from '../../gateway/control-plane/endpoints.js';
import type { Endpoint } from '../../gateway/control-plane/http/endpoint.js';

interface Route {
  readonly pattern: RegExp;
  readonly operation: Endpoint;
}

/** Plain segments before parameters, as the server's router has it. */
const routes: readonly Route[] = endpoints
  .flatMap((operation) => operation.urls.map((url) => ({ url, operation })))
  .sort((a, b) => a.url.split(':').length - b.url.split(':').length)
  .map(({ url, operation }) => ({ pattern: new RegExp(`^/v1${url.replace(/:[a-z_]+/gi, '[^/]+')}/?$`), operation }));

/** Throws when a success has another status, a missing field or an unknown one. `line` is method and path: `GET /v1/tenants`. */
export function requireDocumentedAnswer(line: string, status: number, body: unknown): void {
  const [method = '', url = ''] = line.split(' ');
  const [path = ''] = url.split('?');
  const route = routes.find(({ pattern, operation }) => pattern.test(path) && operation.methods.some((known) => known === method));
  if (route === undefined || status >= 400) return;
  const { id, answer, status: documented } = route.operation;
  if (status !== documented) throw new Error(`${line} (${id}) answers ${status}; documented is ${documented}.`);
  if (answer === undefined) return;
  const result = answer.safeParse(body);
  if (!result.success) throw new Error(`The answer to ${line} is not the documented one of ${id}: ${result.error.message}`);
  // What parsing adds or changes is a default or a preprocessing: the answer itself lacked it.
  if (!isDeepStrictEqual(result.data, body))
    throw new Error(`The answer to ${line} lacks fields that ${id} documents:\n${JSON.stringify(body)}\n${JSON.stringify(result.data)}`);
}
