/** The answer of an API as the result of a tool. */
import { STATUS_CODES } from 'node:http';
import { brotliDecompressSync, unzipSync } from 'node:zlib';
import { fieldsOf } from '../freshness.js';
import { isDeeper } from './json-depth.js';
import { isMapping, type Mapping } from '../../../schema/operations.js';
import { isJsonType } from './openapi-operations.js';
import { MAX_TOOL_ANSWER, type ToolAnswer } from './tool-exchange.js';

const TEXTUAL = /^(?:text\/|application\/(?:[\w.+-]+\+)?(?:xml|yaml|javascript|x-www-form-urlencoded|x-ndjson))/i;

/** The status decides whether it is an error; what a model reads of one says when to come back. `structuredContent` holds mappings only (MCP 2025-06-18). */
export function toolResult({ status, headers, body: sent }: ToolAnswer, path: string, requestId: string): Mapping {
  const fields = fieldsOf(headers);
  const body = decoded(sent, fields.get('content-encoding'));
  const meta = { _meta: { 'gostoa.dev/status': status, 'gostoa.dev/request_id': requestId } };
  const head = `HTTP ${status} ${STATUS_CODES[status] ?? ''}`.trim();
  if (body === undefined) {
    const text = `${head}: ${sent.length} bytes in the encoding ${fields.get('content-encoding') ?? ''}, which cannot be read.`;
    return { content: [textOf(text)], isError: true, ...meta };
  }
  const answer: Answer = { type: fields.get('content-type') ?? '', body };
  if (status >= 400) {
    const wait = fields.get('retry-after');
    const told = `${head}.${wait === undefined ? '' : ` Retry after ${wait} seconds.`}`;
    return { content: [textOf(told + errorText(answer))], isError: true, ...meta };
  }
  if (body.length === 0) {
    const location = fields.get('location');
    return { content: [textOf(location === undefined ? `${head}.` : `${head}: ${location}`)], isError: false, ...meta };
  }
  const structured = isJsonType(answer.type) ? mappingIn(body) : undefined;
  return {
    content: [contentOf(answer, path)],
    ...(structured === undefined ? {} : { structuredContent: structured }),
    isError: false,
    ...meta,
  };
}

interface Answer {
  readonly type: string;
  readonly body: Buffer;
}

/** Some servers encode although none was asked for. Undefined: it cannot be read, or would be longer than answers may be. */
function decoded(body: Buffer, encoding = 'identity'): Buffer | undefined {
  const limit = { maxOutputLength: MAX_TOOL_ANSWER };
  try {
    if (body.length === 0 || encoding.toLowerCase() === 'identity') return body;
    if (/^(?:x-)?gzip$|^deflate$/i.test(encoding)) return unzipSync(body, limit);
    return encoding.toLowerCase() === 'br' ? brotliDecompressSync(body, limit) : undefined;
  } catch {
    return undefined;
  }
}

/** In the character set that it says, else UTF-8. */
function read({ type, body }: Answer): string {
  const charset = /;\s*charset="?([^";\s]+)/i.exec(type)?.[1];
  if (charset === undefined) return body.toString('utf8');
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    return body.toString('utf8');
  }
}

function errorText(answer: Answer): string {
  const { type, body } = answer;
  if (body.length === 0) return '';
  return isText(type) ? `\n${read(answer)}` : `\n${body.length} bytes of ${type || 'unknown type'}.`;
}

const textOf = (text: string): Mapping => ({ type: 'text', text });
const isText = (type: string): boolean => type === '' || isJsonType(type) || TEXTUAL.test(type);

/** A longer one is told as text alone, not twice. */
const MAX_STRUCTURE = 64 * 1024;

function mappingIn(body: Buffer): Mapping | undefined {
  if (body.length > MAX_STRUCTURE) return undefined;
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return isMapping(value) && !isDeeper(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function contentOf(answer: Answer, path: string): Mapping {
  const { type, body } = answer;
  if (isText(type)) return textOf(read(answer));
  const mimeType = type.replace(/;.*/s, '').trim().toLowerCase();
  const data = body.toString('base64');
  if (mimeType.startsWith('image/')) return { type: 'image', data, mimeType };
  if (mimeType.startsWith('audio/')) return { type: 'audio', data, mimeType };
  return { type: 'resource', resource: { uri: `stoa:${path}`, mimeType, blob: data } };
}
