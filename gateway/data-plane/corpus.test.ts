/** The committed corpus of ambiguous requests, and random ones around it, before an upstream that reads by the letter. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CORPUS, PIECES, type CorpusCase } from '../../test/corpus/requests.js';
import { KEY, makeRoute, startGateway } from '../../test/helpers/data-plane.js';
import { sendRaw } from '../../test/helpers/raw-tcp.js';
import { startStrictUpstream } from '../../test/helpers/strict-upstream.js';

const WAIT_MS = 1500;
const TOGETHER = 24;

async function strictGateway() {
  const upstream = await startStrictUpstream();
  const gateway = await startGateway({ routes: [makeRoute({ upstreamUrl: upstream.url })] });
  const panics = (): unknown[] => gateway.lines().filter(({ event }) => String(event).startsWith('PANIC'));
  return { upstream, gateway, panics };
}

type Stack = Awaited<ReturnType<typeof strictGateway>>;

/** A request and a second one behind it; what came back, and what the upstream saw of both. */
async function send({ upstream, gateway }: Stack, bytes: string, id: string) {
  const path = `/apis/acme/payments/${id}`;
  const second = `GET ${path}-second HTTP/1.1\r\nHost: gateway\r\nX-API-Key: ${KEY}\r\n\r\n`;
  const isDone = (text: string): boolean =>
    (text.match(/^HTTP\/1\.1 [2-5]|ok(?=HTTP\/1\.1 [2-5])|\}(?=HTTP\/1\.1 [2-5])/gm) ?? []).length > 1 && /(?:ok|\})$/.test(text);
  const answer = await sendRaw(gateway.port, bytes.replaceAll('{path}', path).replaceAll('{key}', KEY) + second, isDone, WAIT_MS);
  const seen = (target: string) =>
    upstream.messages.filter((message) => message.target.startsWith(target) && !message.target.startsWith(`${target}-`));
  return { answer, first: seen(`/${id}`), second: seen(`/${id}-second`) };
}

/** What is wrong with how a case was treated; undefined for nothing. */
function complaint({ name, verdict, body }: CorpusCase, { answer, first, second }: Awaited<ReturnType<typeof send>>): string | undefined {
  const say = (what: string): string => `${name}: ${what}; answered ${JSON.stringify(answer.text.slice(0, 200))}`;
  const isRefused = answer.status >= 400 && answer.isClosed && first.length === 0 && second.length === 0;
  if (answer.status >= 500 && ![501, 505].includes(answer.status)) return say('is a fault of ours');
  if (first.length > 1 || second.length > 1) return say('went on twice');
  if (verdict === 'refused' && !isRefused) return say('is not refused');
  if (verdict === 'forwarded' && (first[0]?.body !== body || second.length !== 1))
    return say(`went on as ${JSON.stringify(first[0]?.body)}`);
  // What was not forwarded is answered by the gateway, or waits for its rest: nothing behind it is served.
  if (verdict === 'either' && first.length === 0 && second.length > 0 && answer.status >= 400 && answer.isClosed)
    return say('was refused, and what came behind it was served');
  return undefined;
}

it.each([
  'GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  'GET /x HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n',
  'GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'GET /x HTTP/1.1\r\nHost: a\r\nX-A: b\rX-B: c\r\n\r\n',
  'POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n',
  'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 01\r\n\r\na',
])('the upstream of these tests notices %j', async (bytes) => {
  const upstream = await startStrictUpstream();

  await sendRaw(Number(new URL(upstream.url).port), bytes);

  expect(upstream.findings).toHaveLength(1);
  expect(upstream.messages).toEqual([]);
});

describe('the corpus of ambiguous requests', () => {
  it('has one meaning for the gateway and for any upstream, or is refused', { timeout: 120_000 }, async () => {
    const stack = await strictGateway();
    const complaints: string[] = [];
    const waiting = CORPUS.map((one, index) => ({ one, id: `c${index}x` }));

    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const found = complaint(next.one, await send(stack, next.one.bytes, next.id));
        if (found !== undefined) complaints.push(found);
      }
    };
    await Promise.all(Array.from({ length: TOGETHER }, worker));

    expect(complaints).toEqual([]);
    expect(stack.upstream.findings).toEqual([]);
    expect(stack.panics()).toEqual([]);
    expect(new Set(CORPUS.map(({ name }) => name)).size).toBe(CORPUS.length);
  });

  it('has one meaning also with bytes that are put in, taken out and doubled at random', { timeout: 120_000 }, async () => {
    const stack = await strictGateway();
    const mutation = fc.record({
      one: fc.constantFrom(...CORPUS),
      edits: fc.array(fc.record({ at: fc.nat(400), cut: fc.nat(6), piece: fc.constantFrom('', ...PIECES) }), {
        minLength: 1,
        maxLength: 3,
      }),
    });
    let count = 0;

    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: TOGETHER, maxLength: TOGETHER }), async (batch) => {
        const answers = await Promise.all(
          batch.map(({ one, edits }) => {
            const bytes = edits.reduce((text, { at, cut, piece }) => {
              const place = at % text.length;
              return text.slice(0, place) + piece + text.slice(place + cut);
            }, one.bytes);
            return send(stack, bytes, `f${(count += 1)}x`);
          }),
        );
        expect(stack.upstream.findings).toEqual([]);
        expect(
          answers.filter(({ answer }) => answer.status >= 500 && ![501, 505].includes(answer.status)).map(({ answer }) => answer.text),
        ).toEqual([]);
      }),
      { numRuns: 25 },
    );

    expect(stack.panics()).toEqual([]);
  });
});
