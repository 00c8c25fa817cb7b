/** The head of a request as it is written: one framing field, one field of the connection, and nothing that could break out of its line. */
import type { UpstreamRequest } from './exchange-handler.js';
import { UpstreamError } from './upstream-error.js';

/** One pass over all lines. That there are as many as there should be says that none was brought along in a name, a value or a path. */
const VALID = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [!-~\x80-\xff]+ HTTP\/1\.1\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t -~\x80-\xff]*\r\n)*\r\n$/;
/** Methods of which a server may want to be told that there is no body (RFC 9110, 8.6). */
const EXPECTS_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);
/** Written here alone. */
const OWN: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade']);

/** Throws UpstreamError for a request that cannot be written. */
export function requestHead(request: UpstreamRequest): string {
  const { method, path, headers } = request;
  let text = `${method} ${path} HTTP/1.1\r\n`;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (isOwn(name)) throw new UpstreamError('STOA_INVALID_REQUEST', `The field ${name} is not for a request to say.`);
    text += `${name}: ${headers[index + 1] ?? ''}\r\n`;
  }
  const own = ownFields(request);
  text += own;
  if (!VALID.test(text) || linesOf(text) !== 1 + headers.length / 2 + linesOf(own))
    throw new UpstreamError('STOA_INVALID_REQUEST', 'The request has a part that cannot be written.');
  return text;
}

const isOwn = (name: string): boolean => OWN.has(name) || (name.length < 18 && OWN.has(name.toLowerCase()));

/** Whether the server is asked to close the connection: some send a body behind an answer to HEAD, which is nobody's answer. */
export const isLastRequest = ({ method, isUpgrade }: UpstreamRequest): boolean => method === 'HEAD' || isUpgrade === true;

function linesOf(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}

function ownFields(request: UpstreamRequest): string {
  const { method, body, bodyLength, isUpgrade } = request;
  if (isUpgrade === true) return 'connection: upgrade\r\nupgrade: websocket\r\n\r\n';
  const connection = isLastRequest(request) ? 'connection: close\r\n' : 'connection: keep-alive\r\n';
  const length = body === undefined ? (EXPECTS_BODY.has(method) ? 0 : undefined) : Buffer.isBuffer(body) ? body.length : bodyLength;
  if (length !== undefined) return `${connection}content-length: ${length}\r\n\r\n`;
  return body === undefined ? `${connection}\r\n` : `${connection}transfer-encoding: chunked\r\n\r\n`;
}
