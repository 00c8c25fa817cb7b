import { expect, it } from 'vitest';
import { forwardLines } from './log-lines.js';

it('hands on whole lines, in whatever pieces they come, and nothing of one that was not finished', () => {
  const written: string[] = [];
  const take = forwardLines((lines) => written.push(lines.toString()));

  for (const piece of ['{"a":1}\n{"b"', ':2', '}\n', '{"c":3}\n', '{"d"']) take(Buffer.from(piece));

  expect(written).toEqual(['{"a":1}\n', '{"b":2}\n', '{"c":3}\n']);
});
