/** docs/reference/http.md: what RFC 9110 and 9112 require of a gateway, what this one does, and the test that holds it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

interface Row {
  /** Number of the RFC and section. */
  readonly source: string;
  readonly requirement: string;
  /** What happens here, where the requirement leaves a choice. */
  readonly here: string;
  /** File below gateway/data-plane and words of the title of a test in it. */
  readonly test: readonly [file: string, words: string];
}

const row = (source: string, requirement: string, here: string, file: string, words: string): Row => ({
  source,
  requirement,
  here,
  test: [`${file}.test.ts`, words],
});

const ROWS: readonly Row[] = [
  row('9112, 2.2', 'A bare CR is no line end', 'refused, as is a bare LF', 'server', 'bare carriage return'),
  row(
    '9112, 2.2',
    'Whitespace between the request line and the first field is refused or dropped',
    'refused',
    'server',
    'field on the second line that begins with a space',
  ),
  row('9112, 2.2', 'An empty line before a request is ignored', 'ignored', 'http-semantics', 'ignores an empty line before a request'),
  row('9112, 2.3', 'A gateway sends its own version', 'HTTP/1.1 to both sides', 'http-semantics', 'version: speaks HTTP/1.1'),
  row('9112, 2.3', 'Another major version is answered 505 or refused', '505 or 400, and the end', 'server', 'HTTP/2.0 in the request line'),
  row('9112, 3', 'A request line that is too long is refused', '431, at 32 kB with the fields', 'server', 'too long a target'),
  row('9112, 3.2', 'No Host, several, or an invalid one: 400', '400 and the end', 'server', 'two Hosts'),
  row(
    '9112, 3.2.2',
    'The absolute form is accepted',
    'of the same host; another is 400',
    'server',
    'accepts an absolute target of the same host',
  ),
  row('9112, 3.2.3', 'The authority form is for CONNECT', '405: no tunnels', 'server', "['CONNECT'"),
  row('9112, 3.2.4', 'The asterisk form is for OPTIONS', '400: no API is published there', 'server', 'asterisk target'),
  row('9112, 5.1', 'Whitespace before the colon: 400', '400 and the end', 'server', 'coding with a space before the colon'),
  row('9112, 5.2', 'A folded line in a request: 400, or unfolded', '400', 'server', "['obs-fold'"),
  row('9112, 5.2', 'A folded line in an answer: 502, or unfolded', '502', 'proxy', 'a folded field'),
  row('9112, 6.1', 'Transfer codings that are not understood are refused', '400: chunked alone is accepted', 'server', 'unknown coding'),
  row('9112, 6.1', 'Chunked is applied once and last', '400 otherwise', 'server', 'chunked twice'),
  row('9112, 6.1', 'Transfer-Encoding in HTTP/1.0 has faulty framing', '400 and the end', 'server', 'coding in HTTP/1.0'),
  row(
    '9112, 6.3',
    'Transfer-Encoding and Content-Length together may be an attack',
    '400 and the end',
    'server',
    'request-smuggling CL.TE',
  ),
  row(
    '9112, 6.3',
    'An invalid Content-Length: 400 and the end',
    'also one that is repeated with one value',
    'server',
    'repeated Content-Length',
  ),
  row('9112, 6.3', 'An invalid Content-Length of an answer: 502, and the connection is closed', '502', 'proxy', 'two lengths'),
  row('9112, 6.3', 'HEAD, 1xx, 204 and 304 have no body', 'none is sent, none is waited for', 'proxy', 'HEAD with a length'),
  row('9112, 6.3', 'A body that ends with the connection', 'gets chunks', 'http-semantics', 'an answer that ends with its connection'),
  row('9112, 7.1', 'Chunk sizes are hexadecimal and may not overflow', '400', 'server', 'chunk size that overflows'),
  row(
    '9112, 7.1.1',
    'Chunk extensions that are not understood are ignored',
    'dropped, and bounded in size',
    'proxy',
    'forwards one framing field, rebuilt',
  ),
  row('9112, 7.1.2', 'Trailers may be dropped', 'dropped both ways', 'proxy', 'forwards one framing field, rebuilt'),
  row(
    '9112, 8',
    'A message that was cut off is not taken for whole',
    'the client sees the cut',
    'streaming',
    'cut-off: the client sees that',
  ),
  row(
    '9112, 8',
    'Also where only the end of the connection ends a body',
    'a reset, not an end',
    'streaming',
    'a client of HTTP/1.0 sees a reset',
  ),
  row('9112, 9.2', 'Bytes behind an answer belong to no request', 'the connection is thrown away', 'proxy', 'response-queue-poisoning'),
  row(
    '9112, 9.3',
    'Connections persist, unless one side says close',
    'close is honoured',
    'http-semantics',
    'connection: a client that asks for the end',
  ),
  row(
    '9112, 9.3.1',
    'A request that is not idempotent is not repeated by itself',
    'never, once a byte was sent: 502, also where a kept connection was closed under it',
    'proxy',
    'never sends a request twice that is not idempotent',
  ),
  row(
    '9112, 9.3.1',
    'An idempotent one may be, when its connection died',
    'on a fresh connection',
    'proxy',
    'retries an idempotent request whose kept connection died',
  ),
  row(
    '9112, 9.3.2',
    'Pipelined requests are answered in their order',
    '16 at a time',
    'server',
    'answers pipelined requests in their order',
  ),
  row('9112, 9.5', 'Time limits close a connection', 'a head has 10 s, an idle one 65 s', 'server', 'slowloris'),
  row(
    '9112, 9.6',
    'A close must not reset what was sent',
    'the connection is read on for a second',
    'server',
    'early answer: does not wait for a large body',
  ),
  row(
    '9112, 9.6',
    'Nothing is interpreted behind the last request',
    'also not when it came already',
    'server',
    'a refusal holds although the rest of the connection arrives later',
  ),
  row(
    '9112, 9.8',
    'An answer whose TLS ended without close_notify may be cut off',
    'an answer without a length is taken for whole: Node.js does not tell',
    'upstream-client/upstream-connection',
    'whose connection ends without a word of TLS',
  ),
  row('9110, 5.3', 'Fields of one name keep their order', 'and their lines', 'http-semantics', 'field-order'),
  row('9110, 5.5', 'CR, LF and NUL in a value are invalid', '400, and 502 in an answer', 'server', 'NUL in a value'),
  row('9110, 6.6.1', 'An answer without Date gets one', 'added', 'http-semantics', 'date: adds one'),
  row('9110, 7.2', 'Host is rebuilt for the next hop', 'that of the upstream', 'proxy', 'sends the fields that it sets'),
  row(
    '9110, 7.6.1',
    'Connection, and the fields that it names, go no further',
    'both ways',
    'proxy',
    'hop-by-hop-headers: what Connection names',
  ),
  row(
    '9110, 7.6.1',
    'Connection cannot take away what is not of the connection',
    'what the gateway sets stays',
    'proxy',
    'cannot take away what the gateway sets',
  ),
  row('9110, 7.6.2', 'Max-Forwards of OPTIONS is counted down, and answered at 0', '204 with Allow', 'http-semantics', 'max-forwards'),
  row('9110, 7.6.3', 'Via is sent with a request', 'also with an answer; it tells a loop', 'http-semantics', 'via: names the gateway'),
  row('9110, 7.6.3', 'A request that comes back is a loop', '400', 'proxy', 'notices a request that has passed it before'),
  row('9110, 7.7', 'no-transform: content is not changed', 'never, whatever the answer says', 'http-semantics', 'no-transform'),
  row('9110, 7.8', 'Upgrade is of the connection, and may be ignored', 'websocket alone; h2c is ignored', 'proxy', 'h2c-smuggling'),
  row('9110, 7.8', 'A switch that was not asked for is an error', '502', 'proxy', 'an unsolicited upgrade'),
  row('9110, 8.6', '204 and 1xx carry no Content-Length', 'removed', 'proxy', '204 without a length'),
  row('9110, 9.1', 'A method that is not allowed: 405 with Allow', 'the methods of the API', 'http-semantics', 'allow: a method'),
  row(
    '9110, 9.1',
    'The method is that of the request line',
    '`X-HTTP-Method-Override` and its like go no further to an API that takes some methods alone',
    'http-semantics',
    'method-override: what asks for another method',
  ),
  row('9110, 9.3.8', 'TRACE must not show secrets', '405', 'server', "['TRACE'"),
  row(
    '9110, 10.1.1',
    '100 Continue is sent when the body is wanted',
    'after the key and the limits were checked',
    'server',
    'sends 100 Continue only after the key is checked',
  ),
  row('9110, 10.1.1', 'Another expectation: 417', '417', 'server', 'unknown expectation'),
  row('9110, 11.6.1', '401 carries WWW-Authenticate', 'Bearer', 'http-semantics', 'www-authenticate'),
  row('9110, 13', 'Conditional requests go through', 'the upstream answers them', 'http-semantics', 'conditional requests'),
  row('9110, 14', 'Ranges go through', 'as they are', 'http-semantics', 'range: requests'),
  row('9110, 15.2', '1xx answers are forwarded', 'but 100 that nobody asked for', 'proxy', 'early hints'),
  row('9110, 15.6.3', 'An unusable answer: 502', 'with the error body', 'proxy', 'answers 502 when the upstream sends'),
  row(
    '9110, 15.6.5',
    'No answer in time: 504',
    'counted from when the request was sent',
    'proxy',
    'answers 504 when the upstream takes too long',
  ),
];

/** The page. Throws when a test that it names is not there. */
export function httpPage(root: string): string {
  const texts = new Map<string, string>();
  const textOf = (file: string): string => {
    const text = texts.get(file) ?? readFileSync(path.join(root, 'gateway/data-plane', file), 'utf8');
    texts.set(file, text);
    return text;
  };
  for (const {
    test: [file, words],
    requirement,
  } of ROWS)
    if (!textOf(file).includes(words)) throw new Error(`"${requirement}": no test in ${file} says "${words}".`);
  return [
    '<!-- Written by "npm run generate" from scripts/http-reference.ts, which checks that each test is there. -->',
    '',
    '# HTTP',
    '',
    'What [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110) and [RFC 9112](https://www.rfc-editor.org/rfc/rfc9112) require of a gateway or leave to it, what this one does, and the',
    'test in `gateway/data-plane` that holds it. Where a recipient may be lenient about framing, this one is strict: what two readers could understand in two ways goes nowhere.',
    '',
    '| RFC | Requirement | Here | Test |',
    '| --- | --- | --- | --- |',
    ...ROWS.map(
      ({ source, requirement, here, test: [file, words] }) =>
        `| ${source} | ${requirement} | ${here} | \`${file}\`: ${words.replace(/^\['|'$/g, '')} |`,
    ),
    '',
  ].join('\n');
}
