/**
 * Requests that two readers could understand differently, by what the public lists of them have in common (Http11Probe, http-garden, the gadgets of HTTP
 * Request Smuggler). Each is followed by a whole second request on the same connection.
 */

export interface CorpusCase {
  readonly name: string;
  /** `{path}` stands for a path of its own below the API, `{key}` for a good key. */
  readonly bytes: string;
  /**
   * `refused`: 4xx, the connection is closed, the upstream sees nothing. `forwarded`: the upstream sees one message with this body.
   * `either`: one of both, whichever; what is forwarded has one meaning in any case.
   */
  readonly verdict: 'refused' | 'forwarded' | 'either';
  readonly body?: string;
}

const HEAD = 'Host: gateway\r\nX-API-Key: {key}\r\n';
const get = (line: string, fields = ''): string => `${line}\r\n${HEAD}${fields}\r\n`;
const post = (fields: string, body: string): string => `POST {path} HTTP/1.1\r\n${HEAD}${fields}\r\n${body}`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked\r\n', body);

type Row = readonly [name: string, bytes: string];

const REFUSED: readonly Row[] = [
  ['CL.TE', post('Content-Length: 6\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\nX')],
  ['TE.CL', post('Transfer-Encoding: chunked\r\nContent-Length: 30\r\n', '0\r\n\r\nX')],
  ['CL.TE with a coding in another case', post('Content-Length: 6\r\ntransfer-ENCODING: Chunked\r\n', '0\r\n\r\nX')],
  [
    'CL.TE behind Connection: Transfer-Encoding',
    post('Connection: Transfer-Encoding\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\nX'),
  ],
  ['two lengths', post('Content-Length: 5\r\nContent-Length: 10\r\n', 'helloworld')],
  ['the same length twice', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello')],
  ['length and length 0', post('Content-Length: 0\r\nContent-Length: 5\r\n', 'hello')],
  ['list of lengths', post('Content-Length: 5, 10\r\n', 'helloworld')],
  ['list of the same length', post('Content-Length: 5, 5, 5\r\n', 'hello')],
  ['length behind a comma', post('Content-Length: ,5\r\n', 'hello')],
  ['length before a comma', post('Content-Length: 5,\r\n', 'hello')],
  ['length with a plus', post('Content-Length: +5\r\n', 'hello')],
  ['length with a minus', post('Content-Length: -5\r\n', 'hello')],
  ['length minus zero', post('Content-Length: -0\r\n', '')],
  ['length in octal', post('Content-Length: 0o5\r\n', 'hello')],
  ['length in hexadecimal', post('Content-Length: 0x5\r\n', 'hello')],
  ['length with an exponent', post('Content-Length: 5e0\r\n', 'hello')],
  ['length with a point', post('Content-Length: 5.0\r\n', 'hello')],
  ['length with an underscore', post('Content-Length: 1_0\r\n', 'helloworld')],
  ['length with a space inside', post('Content-Length: 1 0\r\n', 'helloworld')],
  ['length that is a word', post('Content-Length: five\r\n', 'hello')],
  ['length in quotes', post('Content-Length: "5"\r\n', 'hello')],
  ['empty length', post('Content-Length:\r\n', 'hello')],
  ['length beyond 64 bits', post('Content-Length: 18446744073709551621\r\n', 'hello')],
  ['chunked twice', post('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n')],
  ['chunked on two lines', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['chunked and identity', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n')],
  ['identity and chunked', post('Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['chunked that is not last', post('Transfer-Encoding: chunked, gzip\r\n', '0\r\n\r\n')],
  ['gzip, chunked', post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n')],
  ['gzip alone', post('Transfer-Encoding: gzip\r\n', '0\r\n\r\n')],
  ['identity alone', post('Transfer-Encoding: identity\r\nContent-Length: 5\r\n', 'hello')],
  ['empty coding', post('Transfer-Encoding:\r\nContent-Length: 5\r\n', 'hello')],
  ['coding behind a comma', post('Transfer-Encoding: , chunked\r\n', '0\r\n\r\n')],
  ['coding before a comma', post('Transfer-Encoding: chunked,\r\n', '0\r\n\r\n')],
  ['coding in quotes', post('Transfer-Encoding: "chunked"\r\n', '0\r\n\r\n')],
  ['coding with a parameter', post('Transfer-Encoding: chunked;a=b\r\n', '0\r\n\r\n')],
  ['coding with a word before it', post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n')],
  ['coding with a word behind it', post('Transfer-Encoding: chunkedx\r\n', '0\r\n\r\n')],
  ['coding in HTTP/1.0', post('Transfer-Encoding: chunked\r\n', '0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0')],
  ['coding in a folded line', post('Transfer-Encoding:\r\n chunked\r\n', '0\r\n\r\n')],
  ['coding as the continuation of another field', post('X-A: b\r\n\tTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['coding behind a bare line feed', post('X-A: b\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['coding behind a bare carriage return', post('X-A: b\rTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['coding on a line of its own behind a bare carriage return', post('X-A: b\r\n\rTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['chunk size with 0x', chunked('0x5\r\nhello\r\n0\r\n\r\n')],
  ['chunk size with a plus', chunked('+5\r\nhello\r\n0\r\n\r\n')],
  ['chunk size with a minus', chunked('-1\r\nhello\r\n0\r\n\r\n')],
  ['chunk size with an underscore', chunked('1_0\r\nhello world!!!!!\r\n0\r\n\r\n')],
  ['chunk size behind a space', chunked(' 5\r\nhello\r\n0\r\n\r\n')],
  ['chunk size before a space', chunked('5 \r\nhello\r\n0\r\n\r\n')],
  ['chunk size beyond 64 bits', chunked('10000000000000005\r\nhello\r\n0\r\n\r\n')],
  ['empty chunk size', chunked('\r\nhello\r\n0\r\n\r\n')],
  ['chunk size that ends with a bare line feed', chunked('5\nhello\r\n0\r\n\r\n')],
  ['chunk size that ends with a bare carriage return', chunked('5\rhello\r\n0\r\n\r\n')],
  ['chunk that ends with a bare line feed', chunked('5\r\nhello\n0\r\n\r\n')],
  ['chunk without an end', chunked('5\r\nhello0\r\n\r\n')],
  ['chunk that is longer than its size', chunked('5\r\nhello!!\r\n0\r\n\r\n')],
  ['chunk extension that ends with a bare line feed', chunked('5;\nhello\r\n0\r\n\r\n')],
  ['chunk extension with a bare carriage return', chunked('5;a\rX\r\nhello\r\n0\r\n\r\n')],
  ['no Host', 'GET {path} HTTP/1.1\r\nX-API-Key: {key}\r\n\r\n'],
  ['two Hosts', get('GET {path} HTTP/1.1', 'Host: other\r\n')],
  ['the same Host twice', get('GET {path} HTTP/1.1', 'Host: gateway\r\n')],
  ['empty Host', get('GET {path} HTTP/1.1').replace('Host: gateway', 'Host:')],
  ['list of Hosts', get('GET {path} HTTP/1.1').replace('Host: gateway', 'Host: gateway, other')],
  ['Host with a user', get('GET {path} HTTP/1.1').replace('Host: gateway', 'Host: a@gateway')],
  ['Host with a path', get('GET {path} HTTP/1.1').replace('Host: gateway', 'Host: gateway/x')],
  ['Host in a folded line', get('GET {path} HTTP/1.1').replace('Host: gateway', 'Host:\r\n gateway')],
  ['target of another host', get('GET http://other{path} HTTP/1.1')],
  ['target with a fragment', get('GET {path}#x HTTP/1.1')],
  ['target with a space', get('GET {path} x HTTP/1.1')],
  ['target with a NUL', get('GET {path}\0x HTTP/1.1')],
  ['target with a backslash', get('GET {path}\\x HTTP/1.1')],
  ['target with a byte above ASCII', get('GET {path}caf\xe9 HTTP/1.1')],
  ['target with an overlong slash', get('GET {path}\xc0\xaf HTTP/1.1')],
  ['target with an escaped NUL', get('GET {path}%00 HTTP/1.1')],
  ['target with dot segments', get('GET {path}/../../x HTTP/1.1')],
  ['target with escaped dot segments', get('GET {path}/%2e%2e/x HTTP/1.1')],
  ['target with an escaped slash', get('GET {path}%2Fx HTTP/1.1')],
  ['target with a broken escape', get('GET {path}%zz HTTP/1.1')],
  ['no target', get('GET HTTP/1.1')],
  ['asterisk for a GET', get('GET * HTTP/1.1')],
  ['a space behind the version', get('GET {path} HTTP/1.1 ')],
  ['a tab before the target', get('GET\t{path} HTTP/1.1')],
  ['a space before the method', get(' GET {path} HTTP/1.1')],
  ['a method in lower case', get('get {path} HTTP/1.1')],
  ['a method with a separator', get('G(T {path} HTTP/1.1')],
  ['HTTP/0.9', 'GET {path}\r\n\r\n'],
  ['HTTP/1', get('GET {path} HTTP/1')],
  ['HTTP/1.2', get('GET {path} HTTP/1.2')],
  ['HTTP/01.1', get('GET {path} HTTP/01.1')],
  ['HTTP/9.9', get('GET {path} HTTP/9.9')],
  ['HTTP/ 1.1', get('GET {path} HTTP/ 1.1')],
  ['http/1.1', get('GET {path} http/1.1')],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a request line that ends with a bare line feed', get('GET {path} HTTP/1.1').replace('\r\n', '\n')],
  ['a request line that ends with a bare carriage return', get('GET {path} HTTP/1.1').replace('\r\n', '\r')],
  ['a field that ends with a bare line feed', get('GET {path} HTTP/1.1', 'X-A: b\nX-B: c\r\n')],
  ['a folded field', get('GET {path} HTTP/1.1', 'X-A: b\r\n c\r\n')],
  ['a line of blanks before the fields', get('GET {path} HTTP/1.1').replace('\r\n', '\r\n \r\n')],
  ['an empty field name', get('GET {path} HTTP/1.1', ': b\r\n')],
  ['a field without a colon', get('GET {path} HTTP/1.1', 'X-A\r\n')],
  ['a field name with a bracket', get('GET {path} HTTP/1.1', 'X[A: b\r\n')],
  ['a blank before the colon', get('GET {path} HTTP/1.1', 'X-A : b\r\n')],
  ['a control character in a value', get('GET {path} HTTP/1.1', 'X-A: b\x07c\r\n')],
  ['an unknown expectation', get('GET {path} HTTP/1.1', 'Expect: 200-ok\r\n')],
  ['CONNECT', get('CONNECT gateway:443 HTTP/1.1')],
  ['TRACE', get('TRACE {path} HTTP/1.1')],
];

const FORWARDED: readonly (readonly [...Row, body: string])[] = [
  ['a plain GET', get('GET {path} HTTP/1.1'), ''],
  ['a plain POST', post('Content-Length: 5\r\n', 'hello'), 'hello'],
  ['a body of nothing', post('Content-Length: 0\r\n', ''), ''],
  ['a GET with a body', `GET {path} HTTP/1.1\r\n${HEAD}Content-Length: 5\r\n\r\nhello`, 'hello'],
  ['one chunk', chunked('5\r\nhello\r\n0\r\n\r\n'), 'hello'],
  ['several chunks, sizes in capitals', chunked('A\r\nhelloworld\r\n1\r\n!\r\n0\r\n\r\n'), 'helloworld!'],
  ['no chunk', chunked('0\r\n\r\n'), ''],
  ['a size with zeros before it', chunked('0005\r\nhello\r\n0\r\n\r\n'), 'hello'],
  ['a coding with a blank before it', post('Transfer-Encoding: \tchunked\r\n', '5\r\nhello\r\n0\r\n\r\n'), 'hello'],
  [
    'a whole second request in a body',
    post('Content-Length: 38\r\n', 'GET /apis/acme/payments/x HTTP/1.1\r\n\r\n'),
    'GET /apis/acme/payments/x HTTP/1.1\r\n\r\n',
  ],
];

const EITHER: readonly Row[] = [
  ['two spaces before the target', get('GET  {path} HTTP/1.1')],
  ['two spaces before the version', get('GET {path}  HTTP/1.1')],
  ['a length with blanks around it', post('Content-Length: \t 5 \t\r\n', 'hello')],
  ['an upgrade that nobody knows', get('GET {path} HTTP/1.1', 'Connection: Upgrade\r\nUpgrade: made-up/1.0\r\n')],
  ['h2c', get('GET {path} HTTP/1.1', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n')],
  ['empty lines before the request', `\r\n\r\n${get('GET {path} HTTP/1.1')}`],
  ['a length with zeros before it', post('Content-Length: 005\r\n', 'hello')],
  ['a chunk extension', chunked('5;a=b\r\nhello\r\n0\r\n\r\n')],
  ['an empty chunk extension', chunked('5;\r\nhello\r\n0\r\n\r\n')],
  ['a chunk extension with a bracket', chunked('5;a[=b\r\nhello\r\n0\r\n\r\n')],
  ['a trailer', chunked('5\r\nhello\r\n0\r\nX-Sum: a\r\n\r\n')],
  ...[
    'Content-Length: 50',
    'Transfer-Encoding: chunked',
    'Host: other',
    'Authorization: Bearer x',
    'X-API-Key: x',
    'Content-Type: a/b',
  ].map((field): Row => [`a trailer ${field}`, chunked(`5\r\nhello\r\n0\r\n${field}\r\n\r\n`)]),
  ['a trailer that ends with a bare line feed', chunked('5\r\nhello\r\n0\r\nX-A: b\n\r\n')],
  ['an end that is a bare line feed', chunked('5\r\nhello\r\n0\r\n\n')],
  ['HEAD with a body', `HEAD {path} HTTP/1.1\r\n${HEAD}Content-Length: 5\r\n\r\nhello`],
  ['OPTIONS with a body', `OPTIONS {path} HTTP/1.1\r\n${HEAD}Content-Length: 5\r\n\r\nhello`],
  ['a method that nobody knows', get('FOOBAR {path} HTTP/1.1')],
  ['an expectation with its body', post('Expect: 100-continue\r\nContent-Length: 5\r\n', 'hello')],
  ['an upgrade with a body', post('Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n', 'hello')],
  ...['Content-Length', 'Transfer-Encoding', 'Host', 'X-API-Key', 'Content-Length, Host', 'close, Content-Length'].map((name): Row => [
    `a connection that names ${name}`,
    post(`Connection: ${name}\r\nContent-Length: 5\r\n`, 'hello'),
  ]),
];

/** Every byte that some reader takes for white space, for the end of a line, or for nothing at all. */
const ODD = [
  ...Array.from({ length: 33 }, (_, code) => code),
  0x22,
  0x27,
  0x2c,
  0x2d,
  0x3a,
  0x3b,
  0x5c,
  0x5f,
  0x7f,
  0x80,
  0x85,
  0xa0,
  0xad,
  0xb2,
  0xff,
];

/** A length that says one thing and a coding, with an odd byte in it, that says another to whoever passes over the byte. */
const GADGETS: readonly Row[] = ODD.flatMap((code) => {
  const odd = String.fromCharCode(code);
  const coding: Readonly<Record<string, string>> = {
    'before the name': `${odd}Transfer-Encoding: chunked`,
    'in the name': `Transfer${odd}Encoding: chunked`,
    'behind the name': `Transfer-Encoding${odd}: chunked`,
    'before the value': `Transfer-Encoding: ${odd}chunked`,
    'in place of the blank': `Transfer-Encoding:${odd}chunked`,
    'behind the value': `Transfer-Encoding: chunked${odd}`,
    'at the end of the field before it': `X-A: b${odd}Transfer-Encoding: chunked`,
  };
  const length: Readonly<Record<string, string>> = {
    'in the name of the length': `Content${odd}Length: 5`,
    'behind the name of the length': `Content-Length${odd}: 5`,
    'before the length': `Content-Length: ${odd}5`,
    'behind the length': `Content-Length: 5${odd}`,
  };
  const byte = `byte 0x${code.toString(16).padStart(2, '0')}`;
  return [
    ...Object.entries(coding).map(([where, field]): Row => [`${byte} ${where}`, post(`Content-Length: 6\r\n${field}\r\n`, '0\r\n\r\nX')]),
    ...Object.entries(length).map(([where, field]): Row => [
      `${byte} ${where}`,
      post(`${field}\r\nTransfer-Encoding: chunked\r\n`, '0\r\n\r\n'),
    ]),
  ];
});

/** All of them; names are unique. */
export const CORPUS: readonly CorpusCase[] = [
  ...REFUSED.map(([name, bytes]) => ({ name, bytes, verdict: 'refused' as const })),
  ...FORWARDED.map(([name, bytes, body]) => ({ name, bytes, verdict: 'forwarded' as const, body })),
  ...[...EITHER, ...GADGETS].map(([name, bytes]) => ({ name, bytes, verdict: 'either' as const })),
];

/** What a mutation puts in: bytes and fields that end, begin or hide something. */
export const PIECES = [
  ...['\r', '\n', '\r\n', ' ', '\t', ':', '\0', '\x7f', ';', ',', '_', '\xff', '/../', '%2f'],
  ...['Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', '0\r\n\r\n'],
] as const;
