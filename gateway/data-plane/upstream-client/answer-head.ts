/** The head of an answer, by the letter of RFC 9112: what does not match it to the last byte is refused, and so is all that two readers could frame differently. */
import { readFieldLines } from '../field-lines.js';

/** The body comes in chunks. */
export const CHUNKED = -1;
/** The body ends with its connection. */
export const UNTIL_CLOSE = -2;

export interface AnswerHead {
  readonly status: number;
  /** Name, value, name, value; as received, without the white space around values. Each byte is a character. */
  readonly fields: string[];
  /** Bytes of the body, or how else its end is known. */
  readonly length: number;
  /** How long the server lets the connection rest, in milliseconds: 0 when it ends with this answer, undefined when nothing is said. */
  readonly restMs: number | undefined;
}

/** What the answer answers. */
export interface Asked {
  readonly method: string;
  readonly isUpgrade?: boolean;
}

/** HTTP/1.1 or 1.0, a status that means something, token names, CRLF at each end of line, no folded lines; one pass, since no two parts match one character. */
const HEAD = /^HTTP\/1\.[01] [1-5][0-9]{2}(?: [\t -~\x80-\xff]*)?\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*\r\n)*\r\n$/;
const LENGTH = /^[0-9]{1,15}$/;
const TIMEOUT = /(?:^|[ ,])timeout *= *"?([0-9]{1,9})/i;
const VERSION_AT = 'HTTP/1.'.length;
const STATUS_AT = 'HTTP/1.1 '.length;

/** What the fields say of framing and of the connection, as often as they say it. */
interface Said {
  length: string | undefined;
  coding: string | undefined;
  connection: string | undefined;
  keepAlive: string | undefined;
  upgrade: string | undefined;
}

/** Reads a head that ends with an empty line; a text says why it cannot be used. */
export function readAnswerHead(text: string, asked: Asked): AnswerHead | string {
  if (!HEAD.test(text)) return 'the head is malformed';
  const status = Number(text.slice(STATUS_AT, STATUS_AT + 3));
  const fields = readFieldLines(text, text.indexOf('\n') + 1);
  const isHttp10 = text[VERSION_AT] === '0';
  const said = listen(fields);
  const length = framing(said, status, asked, isHttp10);
  if (typeof length === 'string') return length;
  return { status, fields, length, restMs: hasNoBody(status) && announcesBody(said) ? 0 : restOf(said, isHttp10) };
}

function listen(fields: readonly string[]): Said {
  const said: Said = { length: undefined, coding: undefined, connection: undefined, keepAlive: undefined, upgrade: undefined };
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    // Most names are of other lengths: they cost no more than this.
    if (name.length === 10) {
      const lower = name.toLowerCase();
      if (lower === 'connection') said.connection = joined(said.connection, fields[index + 1]);
      else if (lower === 'keep-alive') said.keepAlive = fields[index + 1];
    } else if (name.length === 7) {
      if (name.toLowerCase() === 'upgrade') said.upgrade = joined(said.upgrade, fields[index + 1]);
    } else if (name.length === 14) {
      if (name.toLowerCase() === 'content-length') said.length = joined(said.length, fields[index + 1]);
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') said.coding = joined(said.coding, fields[index + 1]);
  }
  return said;
}

const joined = (before: string | undefined, value = ''): string => (before === undefined ? value : `${before},${value}`);

/** The length of the body, or what speaks against the answer. A second Content-Length is refused even where it says the same (RFC 9112, 6.3). */
function framing(said: Said, status: number, { method, isUpgrade }: Asked, isHttp10: boolean): number | string {
  const { length, coding } = said;
  if (coding !== undefined) {
    if (length !== undefined) return 'both Content-Length and Transfer-Encoding';
    if (isHttp10) return 'HTTP/1.0 knows no Transfer-Encoding';
    if (coding.toLowerCase() !== 'chunked') return 'transfer coding other than chunked';
  }
  if (length !== undefined && !LENGTH.test(length)) return 'Content-Length is not one number';
  if (status === 101 && !(isUpgrade === true && isWebsocket(said))) return 'unsolicited upgrade';
  if (hasNoBody(status) || method === 'HEAD') return 0;
  if (coding !== undefined) return CHUNKED;
  return length === undefined ? UNTIL_CLOSE : Number(length);
}

const hasNoBody = (status: number): boolean => status < 200 || status === 204 || status === 304;

/** Where no body may be: some send one all the same, also later, and it would be the answer to the next request. */
const announcesBody = ({ length, coding }: Said): boolean => coding !== undefined || (length !== undefined && Number(length) > 0);

const isWebsocket = ({ connection = '', upgrade }: Said): boolean =>
  upgrade?.toLowerCase() === 'websocket' && /(?:^|,)[\t ]*upgrade[\t ]*(?:,|$)/i.test(connection);

function restOf({ connection, keepAlive }: Said, isHttp10: boolean): number | undefined {
  if (isHttp10) return 0;
  if (connection !== undefined && /(?:^|,)[\t ]*close[\t ]*(?:,|$)/i.test(connection)) return 0;
  const seconds = keepAlive === undefined ? undefined : TIMEOUT.exec(keepAlive)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
