import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createLineParser } from './ndjson.js';

function parse(chunks: readonly Uint8Array[], maxBytes = 1000): unknown[] {
  const values: unknown[] = [];
  const parser = createLineParser(maxBytes);
  for (const chunk of chunks) parser.push(chunk, (value) => values.push(value));
  return values;
}

it('gives back every value, wherever the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.json({ maxDepth: 2 })), fc.array(fc.nat({ max: 40 })), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(JSON.parse(line))}\n`).join(''));
      const chunks: Uint8Array[] = [];
      let from = 0;
      for (const size of cuts) {
        chunks.push(bytes.subarray(from, from + size));
        from += size;
      }
      chunks.push(bytes.subarray(from));

      expect(parse(chunks, 100_000)).toEqual(lines.map((line): unknown => JSON.parse(line)));
    }),
  );
});

it('passes over empty lines and keeps an unfinished one to itself', () => {
  expect(parse([Buffer.from('\n1\r\n\n{"a":')])).toEqual([1]);
});

it('refuses a line above its bound, finished or not', () => {
  expect(() => parse([Buffer.from(`"${'x'.repeat(2000)}"\n`)])).toThrow(RangeError);
  expect(() => parse(Array.from({ length: 30 }, () => Buffer.from('x'.repeat(100))))).toThrow(RangeError);
});

it('refuses what is no JSON', () => {
  expect(() => parse([Buffer.from('nonsense\n')])).toThrow(SyntaxError);
});
