/** The head of a request as it is written: one framing field, one field of the connection, and nothing that could break out of its line. */
import { NO_VALUE, TOKEN } from '../field-lines.js';
import type { UpstreamRequest } from './exchange-handler.js';
import { UpstreamError } from './upstream-error.js';

const NO_PATH = /[^!-~\x80-\xff]/;
/** Methods of which a server may want to be told that there is no body (RFC 9110, 8.6). */
const EXPECTS_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);
/** Written here alone. By length: most names are of another one, and cost no more than that. */
const OWN: readonly (readonly string[] | undefined)[] = Object.assign([], {
  7: ['upgrade'],
  10: ['connection', 'keep-alive'],
  14: ['content-length'],
  17: ['transfer-encoding'],
});

/** Throws UpstreamError for a request that cannot be written. */
export function requestHead(request: UpstreamRequest): string {
  const { method, path, headers } = request;
  if (!TOKEN.test(method) || path === '' || NO_PATH.test(path)) throw refusal('method or path');
  let text = `${method} ${path} HTTP/1.1\r\n`;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    const value = headers[index + 1] ?? '';
    // One by one: a pattern for all lines together takes longer, and a line that a value brings along would look like one of them.
    if (!TOKEN.test(name) || NO_VALUE.test(value) || isOwn(name)) throw refusal(`the field ${JSON.stringify(name)}`);
    text += `${name}: ${value}\r\n`;
  }
  return text + ownFields(request);
}

const refusal = (what: string): UpstreamError =>
  new UpstreamError('STOA_INVALID_REQUEST', `The request has a part that cannot be written: ${what}.`);

const isOwn = (name: string): boolean => OWN[name.length]?.includes(name.toLowerCase()) === true;

/** Whether the server is asked to close the connection: some send a body behind an answer to HEAD, which is nobody's answer. */
export const isLastRequest = ({ method, isUpgrade }: UpstreamRequest): boolean => method === 'HEAD' || isUpgrade === true;

function ownFields(request: UpstreamRequest): string {
  const { method, body, bodyLength, isUpgrade } = request;
  if (isUpgrade === true) return 'connection: upgrade\r\nupgrade: websocket\r\n\r\n';
  const connection = isLastRequest(request) ? 'connection: close\r\n' : 'connection: keep-alive\r\n';
  const length = body === undefined ? (EXPECTS_BODY.has(method) ? 0 : undefined) : Buffer.isBuffer(body) ? body.length : bodyLength;
  if (length !== undefined) return `${connection}content-length: ${length}\r\n\r\n`;
  return body === undefined ? `${connection}\r\n` : `${connection}transfer-encoding: chunked\r\n\r\n`;
}
