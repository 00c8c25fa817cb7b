import { expect, it } from 'vitest';
import { readCanonical } from './canonical.js';

const read = (text: string) => readCanonical(Buffer.from(text, 'latin1'));
const GET = 'GET /apis/acme/payments/x?a=1 HTTP/1.1\r\nHost: gateway\r\n';

it('reads method, target, fields and what follows the head', () => {
  const message = read('POST /a/b?c=%20 HTTP/1.1\r\nHost: gateway\r\nX-A: \t b: c \t\r\nX-Empty:\r\nContent-Length: 5\r\n\r\nhello');

  expect(message).toEqual({
    method: 'POST',
    target: '/a/b?c=%20',
    rawHeaders: ['Host', 'gateway', 'X-A', 'b: c', 'X-Empty', '', 'Content-Length', '5'],
    rest: Buffer.from('hello'),
  });
});

it.each(['Connection: keep-alive', 'connection:Keep-Alive \t', 'X-TE: a', 'Test: a', 'X-Upgrade: b', 'Connections: close'])(
  'reads the field %s',
  (field) => {
    expect(read(`${GET}${field}\r\n\r\n`)?.rawHeaders).toHaveLength(4);
  },
);

it.each([
  ['a head that is not whole', GET],
  ['no field at all', 'GET / HTTP/1.1\r\n\r\n'],
  ['an empty line before it', `\r\n${GET}\r\n`],
  ['another version', `${GET.replace('1.1', '1.0')}\r\n`],
  ['another method', `${GET.replace('GET', 'TRACE')}\r\n`],
  ['a method in lower case', `${GET.replace('GET', 'get')}\r\n`],
  ['an absolute target', `${GET.replace('/apis', 'http://gateway/apis')}\r\n`],
  ['a fragment', `${GET.replace('?a', '#a')}\r\n`],
  ['a backslash in the target', `${GET.replace('/x', '\\x')}\r\n`],
  ['a byte beyond ASCII in the target', `${GET.replace('/x', '/\xe9')}\r\n`],
  ['two spaces', `${GET.replace('GET ', 'GET  ')}\r\n`],
  ['a bare line feed', `${GET}X-A: b\n\r\n`],
  ['a bare carriage return', `${GET}X-A: b\rc\r\n\r\n`],
  ['a space before the colon', `${GET}X-A : b\r\n\r\n`],
  ['a folded line', `${GET}X-A: b\r\n c\r\n\r\n`],
  ['a control character', `${GET}X-A: b\x01\r\n\r\n`],
  ['a byte beyond ASCII in a value', `${GET}X-A: \xe9\r\n\r\n`],
  ['a field without a name', `${GET}: b\r\n\r\n`],
  ['a field without a colon', `${GET}X-A\r\n\r\n`],
  ['Transfer-Encoding', `${GET}Transfer-Encoding: chunked\r\n\r\n`],
  ['Expect', `${GET}EXPECT: 100-continue\r\n\r\n`],
  ['Upgrade', `${GET}upgrade: h2c\r\n\r\n`],
  ['TE', `${GET}TE: trailers\r\n\r\n`],
  ['Connection: close', `${GET}Connection: close\r\n\r\n`],
  ['a Connection that names a field', `${GET}Connection: keep-alive, x-a\r\n\r\n`],
  ['a head above 8 kB', `${GET}X-A: ${'a'.repeat(8200)}\r\n\r\n`],
])('leaves %s to node', (_name, text) => {
  expect(read(text)).toBeUndefined();
});

it('is done with a long head in time that grows with its length, whatever is in it', () => {
  const onceMs = (length: number): number => {
    const bytes = Buffer.from(`${GET}${'A:'.repeat(10)}${' \t'.repeat(length / 2)}\x01\r\n\r\n`, 'latin1');
    const began = performance.now();
    for (let n = 0; n < 300; n += 1) readCanonical(bytes);
    return performance.now() - began;
  };
  const leastMs = (length: number): number => Math.min(...Array.from({ length: 9 }, () => onceMs(length)));

  // Ten times the length: ten times the time, or a hundred times if it were read again for each of its characters.
  expect(leastMs(7000) / leastMs(700)).toBeLessThan(40);
});
