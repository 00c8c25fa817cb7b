import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnswerHead } from './answer-head.js';
import { AnswerReader } from './answer-reader.js';
import type { UpstreamErrorCode } from './upstream-error.js';

interface Read {
  readonly heads: readonly Pick<AnswerHead, 'status' | 'fields'>[];
  readonly body: string;
  /** What came behind the answer; undefined: it did not come to its end. */
  readonly rest: string | undefined;
  /** The part that was said to be the last one ended the body. */
  readonly saidLast: boolean;
  readonly error: UpstreamErrorCode | undefined;
}

/** What a reader makes of an answer that comes in these pieces, and of the end of the connection behind them. */
function read(pieces: readonly string[], asked = { method: 'GET', isUpgrade: false }, isClosed = false): Read {
  const heads: Pick<AnswerHead, 'status' | 'fields'>[] = [];
  let [body, rest, saidLast] = ['', undefined as string | undefined, false];
  const reader = new AnswerReader({
    onHead: ({ status, fields }) => void heads.push({ status, fields }),
    onBody: (chunk, isLast) => {
      body += chunk.toString('latin1');
      saidLast = isLast;
    },
    onEnd: (bytes) => (rest = bytes.toString('latin1')),
  });
  reader.begin(asked);
  // One buffer for all reads, as the connections have it: nothing may be kept of it.
  const buffer = Buffer.alloc(100_000);
  for (const piece of pieces) {
    if (rest !== undefined) {
      rest += piece;
      continue;
    }
    const length = buffer.write(piece, 'latin1');
    const error = reader.read(buffer.subarray(0, length));
    buffer.fill('#', 0, length);
    if (error !== undefined) return { heads, body, rest, saidLast, error: error.code };
  }
  const error = isClosed && rest === undefined ? reader.close()?.code : undefined;
  return { heads, body, rest, saidLast, error };
}

const OK = 'HTTP/1.1 200 OK\r\n';
const chunked = (body: string): string => `${OK}Transfer-Encoding: chunked\r\n\r\n${body}`;

const VALID: readonly (readonly [name: string, text: string, expected: Partial<Read>, asked?: string])[] = [
  ['a sized body', `${OK}Content-Length: 5\r\n\r\nhello`, { body: 'hello', rest: '', saidLast: true }],
  ['no body', `${OK}Content-Length: 0\r\n\r\n`, { body: '', rest: '' }],
  ['chunks', chunked('5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n'), { body: 'hello world', rest: '' }],
  ['sizes of chunks in either case, with zeros before them', chunked('00A\r\n0123456789\r\n0a\r\n0123456789\r\n000\r\n\r\n'), { rest: '' }],
  ['extensions and trailers', chunked('2;a="b c" ; d\r\nok\r\n0 ;e\r\nX-T: t\r\nY:\r\n\r\n'), { body: 'ok', rest: '' }],
  ['a coding in capitals', `${OK}TRANSFER-ENCODING: Chunked\r\n\r\n0\r\n\r\n`, { rest: '' }],
  ['no reason', 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n', { rest: '' }],
  ['not even the space before it', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', { rest: '' }],
  ['no field', 'HTTP/1.1 204 No Content\r\n\r\n', { heads: [{ status: 204, fields: [] }], rest: '' }],
  [
    'white space around values, and bytes beyond ASCII',
    `${OK}A: \t b c\t \r\nB:\r\nC: caf\xe9\r\nContent-Length: 0\r\n\r\n`,
    { heads: [{ status: 200, fields: ['A', 'b c', 'B', '', 'C', 'caf\xe9', 'Content-Length', '0'] }], rest: '' },
  ],
  ['204 with a length', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', { body: '', rest: '' }],
  ['304 with a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', { body: '', rest: '' }],
  ['an answer to HEAD', `${OK}Content-Length: 5\r\n\r\n`, { body: '', rest: '' }, 'HEAD'],
  ['a chunked answer to HEAD', `${OK}Transfer-Encoding: chunked\r\n\r\n`, { body: '', rest: '' }, 'HEAD'],
  [
    'interim answers, of which 100 says nothing',
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`,
    {
      heads: [
        { status: 103, fields: ['Link', '</a>'] },
        { status: 200, fields: ['Content-Length', '2'] },
      ],
      body: 'ok',
      rest: '',
    },
  ],
  ['bytes behind a sized body', `${OK}Content-Length: 2\r\n\r\nok${OK}`, { body: 'ok', rest: OK }],
  ['bytes behind chunks', chunked('0\r\n\r\n0\r\n\r\n'), { body: '', rest: '0\r\n\r\n' }],
  ['a body where there may be none', 'HTTP/1.1 204 No Content\r\n\r\nevil', { body: '', rest: 'evil' }],
  ['a body behind HEAD', `${OK}Content-Length: 4\r\n\r\nevil`, { body: '', rest: 'evil' }, 'HEAD'],
];

const BROKEN: readonly (readonly [name: string, text: string, code?: UpstreamErrorCode])[] = [
  ['no HTTP', 'hello world\r\n\r\n'],
  ['a request', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['an empty line before it', `\r\n${OK}Content-Length: 0\r\n\r\n`],
  ['version 2.0', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['version 1.2', 'HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a version in small letters', 'http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['two spaces before the status', 'HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a status below 100', 'HTTP/1.1 099 Nothing\r\nContent-Length: 0\r\n\r\n'],
  ['a status above 599', 'HTTP/1.1 600 Too Much\r\nContent-Length: 0\r\n\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a control character in the reason', 'HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n'],
  ['a folded field', `${OK}A: b\r\n c\r\nContent-Length: 0\r\n\r\n`],
  ['a space before the colon', `${OK}Content-Length : 0\r\n\r\n`],
  ['a space in a name', `${OK}A b: c\r\nContent-Length: 0\r\n\r\n`],
  ['a name of no character', `${OK}: c\r\nContent-Length: 0\r\n\r\n`],
  ['a name beyond ASCII', `${OK}caf\xe9: c\r\nContent-Length: 0\r\n\r\n`],
  ['a line without a colon', `${OK}nothing\r\nContent-Length: 0\r\n\r\n`],
  ['a NUL in a value', `${OK}A: \0\r\nContent-Length: 0\r\n\r\n`],
  ['a bare line feed in a value', `${OK}A: b\nB: c\r\nContent-Length: 0\r\n\r\n`],
  ['a bare carriage return in a value', `${OK}A: b\rContent-Length: 9\r\nContent-Length: 0\r\n\r\n`],
  ['DEL in a value', `${OK}A: \x7f\r\nContent-Length: 0\r\n\r\n`],
  ['both length headers', `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
  ['both in an answer that has no body', 'HTTP/1.1 204 No\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['two lengths', `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok`],
  ['one length twice', `${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`],
  ['a list of lengths', `${OK}Content-Length: 2, 2\r\n\r\nok`],
  ['an empty length', `${OK}Content-Length:\r\n\r\nok`],
  ['a length with a sign', `${OK}Content-Length: +2\r\n\r\nok`],
  ['a negative length', `${OK}Content-Length: -2\r\n\r\nok`],
  ['a hexadecimal length', `${OK}Content-Length: 0x2\r\n\r\nok`],
  ['a length beyond what can be counted', `${OK}Content-Length: 9999999999999999\r\n\r\nok`],
  ['another coding', `${OK}Transfer-Encoding: gzip\r\n\r\n`],
  ['another coding before chunked', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
  ['chunked twice', `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['chunked that is not the last coding', `${OK}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
  ['chunked with a parameter', `${OK}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n`],
  ['chunked in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['an unsolicited upgrade', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'],
  ['interim answers without end', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(33)],
  ['a head without end', `${OK}A: ${'a'.repeat(70_000)}`, 'STOA_ANSWER_HEAD_TOO_LARGE'],
  ['a chunk without a size', chunked('\r\nok\r\n0\r\n\r\n')],
  ['a size that is no number', chunked('x\r\nok\r\n0\r\n\r\n')],
  ['a size with a sign', chunked('+2\r\nok\r\n0\r\n\r\n')],
  ['a size with a prefix', chunked('0x2\r\nok\r\n0\r\n\r\n')],
  ['a size behind a space', chunked(' 2\r\nok\r\n0\r\n\r\n')],
  ['a size before a space', chunked('2 \r\nok\r\n0\r\n\r\n')],
  ['a size beyond what can be counted', chunked('fffffffffffffffff\r\nok\r\n0\r\n\r\n')],
  ['a size that ends with a bare line feed', chunked('2\nok\r\n0\r\n\r\n')],
  ['a bare carriage return in a size', chunked('2\rok\r\n0\r\n\r\n')],
  ['a bare carriage return in an extension', chunked('2;a\rb\r\nok\r\n0\r\n\r\n')],
  ['an extension without end', chunked(`2;${'a'.repeat(5000)}`)],
  ['a chunk longer than its size', chunked('2\r\nokay\r\n0\r\n\r\n')],
  ['a chunk that ends with a bare line feed', chunked('2\r\nok\n0\r\n\r\n')],
  ['a trailer that is no field', chunked('0\r\nnothing\r\n\r\n')],
  ['a folded trailer', chunked('0\r\nA: b\r\n c\r\n\r\n')],
  ['trailers without end', chunked(`0\r\n${`A: ${'b'.repeat(1000)}\r\n`.repeat(20)}\r\n`)],
];

/** Where the last part ends is a matter of how it came; all the rest is the answer's. */
const essence = ({ saidLast: _saidLast, ...others }: Read): Omit<Read, 'saidLast'> => others;
const byteByByte = (text: string): string[] => Array.from(text);

describe('an answer', () => {
  it.each(VALID.map(([name, text, expected, method = 'GET']) => [name, text, expected, method] as const))(
    'is read: %s',
    (_name, text, expected, method) => {
      const asked = { method, isUpgrade: false };

      const [whole, inBytes] = [read([text], asked), read(byteByByte(text), asked)];

      expect(whole).toMatchObject({ error: undefined, ...expected });
      expect(essence(inBytes)).toEqual(essence(whole));
    },
  );

  it.each(BROKEN.map(([name, text, code = 'STOA_INVALID_ANSWER']) => [name, text, code] as const))(
    'is refused, whole and byte by byte: %s',
    (_name, text, code) => {
      expect(read([text])).toMatchObject({ error: code, rest: undefined });
      expect(read(byteByByte(text))).toMatchObject({ error: code, rest: undefined });
    },
  );

  it('may change the protocol where that was asked for, and to no other one', () => {
    const text = 'HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\nframe';
    const asked = { method: 'GET', isUpgrade: true };

    expect(read([text], asked)).toMatchObject({ heads: [{ status: 101 }], rest: 'frame', error: undefined });

    for (const other of [text.replace('WebSocket', 'h2c'), text.replace(', Upgrade', ''), text.replace('Upgrade: WebSocket\r\n', '')])
      expect(read([other], asked)).toMatchObject({ heads: [], error: 'STOA_INVALID_ANSWER' });
  });

  it.each([
    ['before it', '', 'STOA_CONNECTION_CLOSED'],
    ['inside of its head', OK, 'STOA_ANSWER_CUT_SHORT'],
    ['inside of a sized body', `${OK}Content-Length: 5\r\n\r\nhell`, 'STOA_ANSWER_CUT_SHORT'],
    ['inside of a chunk', chunked('5\r\nhell'), 'STOA_ANSWER_CUT_SHORT'],
    ['before the last chunk', chunked('5\r\nhello\r\n'), 'STOA_ANSWER_CUT_SHORT'],
    ['inside of the trailers', chunked('0\r\n'), 'STOA_ANSWER_CUT_SHORT'],
    ['behind an interim answer', 'HTTP/1.1 103 Early Hints\r\n\r\n', 'STOA_CONNECTION_CLOSED'],
  ])('is broken where the connection ends %s', (_where, text, code) => {
    expect(read([text], undefined, true)).toMatchObject({ error: code, rest: undefined });
  });

  it.each([OK, 'HTTP/1.0 200 OK\r\n'])('without a length ends with its connection: %j', (line) => {
    expect(read([`${line}\r\nhello`], undefined, true)).toMatchObject({ body: 'hello', saidLast: false, rest: '', error: undefined });
  });
});

describe('how long a connection may rest', () => {
  it.each([
    ['HTTP/1.1 200 OK', '', undefined],
    ['HTTP/1.1 200 OK', 'Connection: keep-alive\r\nKeep-Alive: timeout=5, max=100\r\n', 5000],
    ['HTTP/1.1 200 OK', 'Keep-Alive: max=7, Timeout=2\r\n', 2000],
    ['HTTP/1.1 200 OK', 'Connection: close\r\n', 0],
    ['HTTP/1.1 200 OK', 'Connection: x-a, Close\r\nKeep-Alive: timeout=5\r\n', 0],
    ['HTTP/1.1 200 OK', 'Connection: x-a\r\nConnection: close\r\n', 0],
    ['HTTP/1.1 200 OK', 'Connection: x-close\r\n', undefined],
    ['HTTP/1.0 200 OK', 'Connection: keep-alive\r\n', 0],
  ])('%s, %j: %j milliseconds', (line, fields, restMs) => {
    let head: AnswerHead | undefined;
    const reader = new AnswerReader({ onHead: (got) => (head = got), onBody: () => undefined, onEnd: () => undefined });

    reader.begin({ method: 'GET', isUpgrade: false });
    reader.read(Buffer.from(`${line}\r\n${fields}Content-Length: 0\r\n\r\n`));

    expect(head?.restMs).toBe(restMs);
  });
});

const SEED = { seed: Number(process.env['STOA_TEST_SEED'] ?? 20_261_130), numRuns: Number(process.env['STOA_TEST_RUNS'] ?? 400) };
const text = fc.constantFrom(...VALID.map(([, bytes]) => bytes), ...BROKEN.map(([, bytes]) => bytes.slice(0, 2000)));
const cuts = fc.array(fc.nat(3000), { maxLength: 8 });

function cut(bytes: string, at: readonly number[]): string[] {
  const places = [...new Set(at.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...places, bytes.length].map((place, index) => bytes.slice(index === 0 ? 0 : places[index - 1], place)).filter(Boolean);
}

/** An answer that is refused has shown what came before its fault, which may be more or less of its body. */
const verdict = (got: Read): unknown => (got.error === undefined ? essence(got) : { heads: got.heads, error: got.error });

describe('whatever comes', () => {
  it('means the same however it is split', () => {
    const property = fc.property(text, cuts, (bytes, at) => void expect(verdict(read(cut(bytes, at)))).toEqual(verdict(read([bytes]))));

    fc.assert(property, SEED);
  });

  it('means the same however it is split, also with bytes put in, taken out and doubled', () => {
    const pieces = fc.constantFrom(
      '',
      '\r',
      '\n',
      '\r\n',
      ' ',
      '\t',
      '\0',
      ':',
      '0',
      '1',
      'a',
      ';',
      ',',
      '\x80',
      'chunked',
      'Content-Length: 1\r\n',
    );
    const broken = fc
      .record({ bytes: text, place: fc.nat(400), length: fc.nat(4), piece: pieces })
      .map(
        ({ bytes, place, length, piece }) => bytes.slice(0, place % bytes.length) + piece + bytes.slice((place % bytes.length) + length),
      );
    const property = fc.property(broken, cuts, (bytes, at) => void expect(verdict(read(cut(bytes, at)))).toEqual(verdict(read([bytes]))));

    fc.assert(property, SEED);
  });
});
