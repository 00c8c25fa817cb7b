import type { McpRequest } from './carrier.js';
import type { ToolRequest } from './tool-request.js';

/** What of the asker's own request says who asks, and is true of the call as well. */
const PASSED_ON = [
  ...['x-api-key', 'authorization', 'user-agent', 'accept-language', 'traceparent', 'tracestate', 'via'],
  ...['x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port'],
] as const;

/** The fields of a call, as a client of the API would have sent them: name, value, name, value. */
export function headersOf(asker: McpRequest, { headers, body }: ToolRequest): readonly string[] {
  const passed = asker.rawHeaders.flatMap((name, index) =>
    index % 2 === 0 && PASSED_ON.some((each) => each === name.toLowerCase()) ? [name, asker.rawHeaders[index + 1] ?? ''] : [],
  );
  return [
    ...['Host', asker.head.host ?? 'localhost', 'Accept', 'application/json, */*;q=0.5', 'Accept-Encoding', 'identity'],
    ...passed,
    ...headers,
    ...(body === undefined ? [] : ['Content-Type', body.mediaType, 'Content-Length', String(Buffer.byteLength(body.text))]),
  ];
}
