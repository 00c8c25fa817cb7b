import { expect, it } from 'vitest';
import { readSettings } from './settings.js';

it.each([
  [[], {}, ['master', 'stoa']],
  [[], { STOA_REALMS: '' }, ['master', 'stoa']],
  [[], { STOA_REALMS: 'stoa, acme' }, ['stoa', 'acme']],
  [['--realms', 'shop'], { STOA_REALMS: 'acme' }, ['shop']],
] as const)('realms are those of the flag, else of the variable, else of the documents: %j %j (K14)', (args, env, realms) => {
  expect(readSettings(args, env).realms).toEqual(realms);
});

it('refuses a realm that could not be in an address (K14)', () => {
  expect(() => readSettings([], { STOA_REALMS: 'stoa,a/b' })).toThrow('"a/b" is none');
});
