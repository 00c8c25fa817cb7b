import { describe, expect, it } from 'vitest';
import { parseJson } from './body.js';

describe('parseJson', () => {
  it.each([
    ['a control character', '{"spec":{"name":"a\\u0007"}}', /control characters/],
    ['one with a short escape', '{"name":"a\\b"}', /control characters/],
    ['one behind a backslash', '{"name":"\\\\\\f"}', /control characters/],
    ['DEL as it stands', '{"name":"a\u007f"}', /control characters/],
    ['a field name with a control character', '{"a\\u0000":1}', /control characters/],
    ['half of a pair', '{"name":"\\ud83d"}', /half of a surrogate pair/],
    ['half of a pair as it stands', '{"name":"\ud83d"}', /half of a surrogate pair/],
    ['a poisoned field', '{"spec":{"__proto__":{}}}', /"__proto__" is not accepted/],
    ['a poisoned field with an escape', '{"\\u0063onstructor":{}}', /"constructor" is not accepted/],
  ])('refuses %s', (_, text, message) => {
    expect(() => parseJson(text)).toThrow(
      expect.objectContaining({ diagnostics: [expect.objectContaining({ message: expect.stringMatching(message) as string })] }),
    );
  });

  it('takes what is harmless: line feeds, whole emoji, words that are fields elsewhere', () => {
    const value = { name: 'a\nb\t"c"\\d', emoji: '🚀', text: 'the constructor of a prototype' };

    expect(parseJson(JSON.stringify(value))).toEqual(value);
  });
});
