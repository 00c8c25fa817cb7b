/** Which bytes the fast lane reads by itself: one whole message that nobody could read in two ways. Everything else is node's to read, and node's to refuse. */
import { readFieldLines } from '../field-lines.js';

/** A message as it stands in the bytes, its head not yet judged. */
export interface CanonicalMessage {
  readonly method: string;
  readonly target: string;
  /** Name, value, name, value; as node has them. */
  readonly rawHeaders: string[];
  /** What follows the head, as bytes of its own. */
  readonly rest: Buffer;
}

/** Larger heads are rare. Names and values are slices of the head's text: whoever keeps one keeps no more than this. */
const MAX_HEAD = 8 * 1024;
const NOTHING = Buffer.alloc(0);
const END = '\r\n\r\n';

/**
 * Known methods, origin-form, HTTP/1.1, token names, printable ASCII values, CRLF at every end of line. No two parts can match the same character, so that a head
 * which does not match is known after one pass.
 */
const HEAD =
  /^(?:DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT) \/[!$%&'()*+,\-./0-9:=?@A-Z_a-z~]* HTTP\/1\.1\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~]*\r\n)+\r\n$/;

/** Fields that change what a message is, where it ends or what comes after it; `Connection` may say no more than that it is kept, and node takes no tab behind a length. */
const SPECIAL =
  /\n(?:(?:transfer-encoding|expect|upgrade|te|trailer|http2-settings|keep-alive|proxy-connection):|connection:(?![\t ]*keep-alive[\t ]*\r)|content-length:[^\r\n]*[0-9] *\t)/i;

/** Reads the message that these bytes begin with; undefined when it is not whole or not canonical. */
export function readCanonical(bytes: Buffer): CanonicalMessage | undefined {
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, MAX_HEAD));
  const end = text.indexOf(END);
  if (end === -1) return undefined;
  const head = text.slice(0, end + END.length);
  if (!HEAD.test(head) || SPECIAL.test(head)) return undefined;
  const methodEnd = head.indexOf(' ');
  const targetEnd = head.indexOf(' ', methodEnd + 1);
  return {
    method: head.slice(0, methodEnd),
    // The path outlives the head, in logs and events: it is a text of its own.
    target: bytes.toString('latin1', methodEnd + 1, targetEnd),
    rawHeaders: readFieldLines(head, head.indexOf('\r\n', targetEnd) + 2),
    rest: bytes.length === head.length ? NOTHING : Buffer.from(bytes.subarray(head.length)),
  };
}
