/** The answer of an API as the result of a tool. */
import { STATUS_CODES } from 'node:http';
import { isDeeper } from './json-depth.js';
import { isJsonType, isMapping, type Mapping } from './openapi-operations.js';
import type { ToolAnswer } from './tool-exchange.js';

const TEXTUAL = /^(?:text\/|application\/(?:[\w.+-]+\+)?(?:xml|yaml|javascript|x-www-form-urlencoded|x-ndjson))/i;

/** The status decides whether it is an error; what a model reads of one says when to come back. `structuredContent` holds mappings only (MCP 2025-06-18). */
export function toolResult({ status, headers, body }: ToolAnswer, path: string, requestId: string): Mapping {
  const field = (name: string): string | undefined =>
    headers[headers.findIndex((each, index) => index % 2 === 0 && each.toLowerCase() === name) + 1];
  const has = (name: string): boolean => headers.some((each, index) => index % 2 === 0 && each.toLowerCase() === name);
  const type = has('content-type') ? (field('content-type') ?? '') : '';
  const meta = { _meta: { 'gostoa.dev/status': status, 'gostoa.dev/request_id': requestId } };
  const head = `HTTP ${status} ${STATUS_CODES[status] ?? ''}`.trim();
  if (status >= 400) {
    const wait = has('retry-after') ? ` Retry after ${field('retry-after') ?? ''} seconds.` : '';
    const text =
      body.length === 0 ? '' : isText(type) ? `\n${body.toString('utf8')}` : `\n${body.length} bytes of ${type || 'unknown type'}.`;
    return { content: [textOf(`${head}.${wait}${text}`)], isError: true, ...meta };
  }
  if (body.length === 0)
    return { content: [textOf(`${head}${has('location') ? `: ${field('location') ?? ''}` : '.'}`)], isError: false, ...meta };
  const structured = isJsonType(type) ? mappingIn(body) : undefined;
  return {
    content: [contentOf(body, type, path)],
    ...(structured === undefined ? {} : { structuredContent: structured }),
    isError: false,
    ...meta,
  };
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

function contentOf(body: Buffer, type: string, path: string): Mapping {
  if (isText(type)) return textOf(body.toString('utf8'));
  const mimeType = type.replace(/;.*/s, '').trim().toLowerCase();
  const data = body.toString('base64');
  if (mimeType.startsWith('image/')) return { type: 'image', data, mimeType };
  if (mimeType.startsWith('audio/')) return { type: 'audio', data, mimeType };
  return { type: 'resource', resource: { uri: `stoa:${path}`, mimeType, blob: data } };
}
