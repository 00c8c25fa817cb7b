/** An upstream that reads what it is sent by the letter of RFC 9112, and says of anything else that a more lenient reader could understand it differently. */
import { startTcp } from './raw-tcp.js';

export interface StrictMessage {
  readonly target: string;
  /** Lower-case name and value. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

interface Read {
  readonly message: StrictMessage;
  readonly length: number;
}

const REQUEST_LINE = /^[A-Z]+ (\/[!-"$-[\]-~]*) HTTP\/1\.1$/;
const FIELD = /^([!#$%&'*+.^`|~0-9A-Za-z-]+): ((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)$/;
const FRAMING = ['content-length', 'transfer-encoding', 'host'];

/** The first message in some bytes; undefined while it is not whole. Throws what is wrong with it. */
function readMessage(bytes: string): Read | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [line = '', ...lines] = bytes.slice(0, end).split('\r\n');
  const target = REQUEST_LINE.exec(line)?.[1];
  if (target === undefined) throw new Error(`request line ${JSON.stringify(line)}`);
  const fields = lines.map(readField);
  const valuesOf = (name: string): string[] => fields.filter(([each]) => each === name).map(([, value]) => value);
  const [lengths, codings] = [valuesOf('content-length'), valuesOf('transfer-encoding')];
  if (valuesOf('host').length !== 1) throw new Error('not one Host');
  if (lengths.length + codings.length > 1) throw new Error('several framings');
  const rest = bytes.slice(end + 4);
  if (codings[0] !== undefined) return chunkedMessage(codings[0], target, fields, rest, end + 4);
  const [length = '0'] = lengths;
  if (!/^(?:0|[1-9]\d{0,15})$/.test(length)) throw new Error(`length ${JSON.stringify(length)}`);
  return rest.length < Number(length)
    ? undefined
    : { message: { target, fields, body: rest.slice(0, Number(length)) }, length: end + 4 + Number(length) };
}

function readField(line: string): readonly [string, string] {
  const [, name, value] = FIELD.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`field ${JSON.stringify(line)}`);
  const lower = name.toLowerCase();
  // What is left of a name when a reader passes over all that is no letter.
  const bare = lower.replace(/[^a-z]/g, '');
  if (FRAMING.some((framing) => bare === framing.replace('-', '') && lower !== framing)) throw new Error(`name ${JSON.stringify(name)}`);
  return [lower, value];
}

function chunkedMessage(coding: string, target: string, fields: StrictMessage['fields'], rest: string, start: number): Read | undefined {
  if (coding !== 'chunked') throw new Error(`coding ${JSON.stringify(coding)}`);
  let at = 0;
  let body = '';
  for (;;) {
    const lineEnd = rest.indexOf('\r\n', at);
    if (lineEnd === -1) return undefined;
    const size = rest.slice(at, lineEnd);
    if (!/^[0-9a-fA-F]{1,8}$/.test(size)) throw new Error(`chunk size ${JSON.stringify(size)}`);
    const length = parseInt(size, 16);
    const next = lineEnd + 2 + length;
    if (rest.length < next + 2) return undefined;
    if (length > 0 && rest.slice(next, next + 2) !== '\r\n') throw new Error('chunk without an end');
    body += rest.slice(lineEnd + 2, next);
    at = next + 2;
    if (length > 0) continue;
    if (rest.slice(next, next + 2) !== '\r\n') throw new Error('trailer');
    return { message: { target, fields, body }, length: start + at };
  }
}

/** Starts it. Each message is answered 200 "ok"; after a finding its connection is closed. */
export async function startStrictUpstream() {
  const messages: StrictMessage[] = [];
  const findings: string[] = [];
  const tcp = await startTcp((socket) => {
    let bytes = '';
    const readAll = (): void => {
      for (let read = readMessage(bytes); read !== undefined; read = readMessage(bytes)) {
        bytes = bytes.slice(read.length);
        messages.push(read.message);
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      }
    };
    socket.on('data', (chunk) => {
      bytes += chunk.toString('latin1');
      try {
        readAll();
      } catch (error) {
        findings.push(`${(error as Error).message} in ${JSON.stringify(bytes.slice(0, 2000))}`);
        socket.destroy();
      }
    });
  });
  return { ...tcp, messages, findings };
}
