/** Field lines: what they may hold, and how they are read from a head whose form is known to be good. The fast lane and the client of upstreams have them in common. */

/** A name, or another token (RFC 9110, 5.6.2). */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What no value of a field may hold (RFC 9110, 5.5): it would break out of its line, or is no byte. */
export const NO_VALUE = /[^\t -~\x80-\xff]/;

/** Where a line begins; the end of the text is the empty line that ends the head. */
export function readFieldLines(head: string, start: number): string[] {
  const fields: string[] = [];
  const end = head.length - 2;
  for (let from = start; from < end;) {
    const colon = head.indexOf(':', from);
    const lineEnd = head.indexOf('\r', colon);
    fields.push(head.slice(from, colon), valueOf(head, colon + 1, lineEnd));
    from = lineEnd + 2;
  }
  return fields;
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09;

/** Without the white space around it. */
function valueOf(head: string, start: number, end: number): string {
  let [from, to] = [start, end];
  while (from < to && isSpace(head.charCodeAt(from))) from += 1;
  while (to > from && isSpace(head.charCodeAt(to - 1))) to -= 1;
  return head.slice(from, to);
}
