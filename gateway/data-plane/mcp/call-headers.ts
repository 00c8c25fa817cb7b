import type { Route } from '../snapshot.js';
import type { McpRequest } from './carrier.js';
import type { ToolRequest } from './tool-request.js';

/** What of the asker's own request says who asks, and is true of the call as well. */
const PASSED_ON = [
  ...['x-api-key', 'authorization', 'user-agent', 'accept-language', 'traceparent', 'tracestate', 'via'],
  ...['x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port'],
] as const;

/** The fields of a call, as a client of the API would have sent them: name, value, name, value. What the asker's application is to be known by is for the API of its key alone. */
export function headersOf(asker: McpRequest, route: Route, { headers, body }: ToolRequest): readonly string[] {
  const isForeign = asker.head.apiKeys > 0 && route.api !== asker.credential?.api;
  const passed = PASSED_ON.flatMap((name) => {
    const value = isForeign && name === 'authorization' ? undefined : asker.header(name);
    return value === undefined ? [] : [name, value];
  });
  return [
    ...['Host', asker.head.host ?? 'localhost', 'Accept', 'application/json, */*;q=0.5', 'Accept-Encoding', 'identity'],
    ...passed,
    ...headers,
    ...(body === undefined ? [] : ['Content-Type', body.mediaType, 'Content-Length', String(Buffer.byteLength(body.text))]),
  ];
}
