import { expect, it } from 'vitest';
import { wholeLines } from './whole-lines.js';

function collect(chunks: readonly string[], isEnded = false): string[] {
  const passed: string[] = [];
  const lines = wholeLines((bytes) => passed.push(bytes.toString('utf8')));
  for (const chunk of chunks) lines.push(Buffer.from(chunk));
  if (isEnded) lines.end();
  return passed;
}

it.each([
  { name: 'holds the beginning of a line back', chunks: ['a\nb'], passed: ['a\n'] },
  { name: 'joins a line that came in parts', chunks: ['a', 'b', 'c\nd\ne'], passed: ['abc\nd\n'] },
  { name: 'passes a chunk of whole lines on at once', chunks: ['a\nb\n', 'c\n'], passed: ['a\nb\n', 'c\n'] },
])('$name', ({ chunks, passed }) => {
  expect(collect(chunks)).toEqual(passed);
});

it('passes the last words of a stream that ends without a line end', () => {
  expect(collect(['a\nlast words'], true)).toEqual(['a\n', 'last words\n']);
});

it('does not keep a line without an end for ever', () => {
  const passed = collect(['x'.repeat(1024 * 1024), 'y']);

  expect(passed).toHaveLength(1);
});
