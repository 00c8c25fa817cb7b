import { describe, expect, it } from 'vitest';
import { webhook } from './webhook.js';

const minimal = { url: 'https://hooks.example.com/in?x=1', events: ['subscription.created'] };
const parse = (more: object): boolean => webhook.spec.safeParse({ ...minimal, ...more }).success;

describe('a webhook', () => {
  it.each(['env:HOOK_SECRET', 'file:secrets/hook.txt'])('names its secret as %j', (secret_ref) => {
    expect(parse({ secret_ref })).toBe(true);
  });

  it.each(['whsec_abc123', 'env:', 'env:1X', 'env:A B', 'file:', 'vault:x', ''])('does not hold a secret such as %j', (secret_ref) => {
    expect(parse({ secret_ref })).toBe(false);
  });

  it.each([{ events: [] }, { events: ['subscription.eaten'] }, { url: 'ftp://x' }, { url: 'http://169.254.169.254/' }, { secret: 'x' }])(
    'cannot have %j',
    (more) => {
      expect(parse(more)).toBe(false);
    },
  );
});
