import { expect, test } from 'vitest';
import { StoaError } from '../../../schema/error.js';
import { planRotation } from './rotation.js';
import type { ApiKeyRow } from './store.js';

const NOW = Date.parse('2026-02-13T10:00:00.000Z');
const HOUR = 3_600_000;
const at = (hours: number): string => new Date(NOW + hours * HOUR).toISOString();

function key(id: string, fields: Partial<ApiKeyRow> = {}): ApiKeyRow {
  return {
    id,
    tenant: 'acme',
    subscription_id: 'sub-1',
    name: 'default',
    prefix: 'stoa_sk_e7f8',
    digest: id,
    status: 'active',
    not_before: at(-100),
    expires_at: null,
    grace_until: null,
    not_after: null,
    rotated_from: null,
    created_at: at(-100),
    revoked_at: null,
    last_used_at: null,
    ...fields,
  };
}

const request = { graceHours: 24, force: false, now: NOW };

function refusal(work: () => unknown): StoaError {
  try {
    work();
  } catch (error) {
    if (error instanceof StoaError) return error;
    throw error;
  }
  throw new Error('Nothing was refused.');
}

test('lets the current key live on for the grace window', () => {
  const current = key('key-1');

  const { replaced, dropped, oldKeyExpiresAt } = planRotation({ ...request, keys: [current] });

  expect(replaced).toEqual({ key: current, graceUntil: at(24), notAfter: at(24) });
  expect(dropped).toBeUndefined();
  expect(oldKeyExpiresAt).toBe(at(24));
});

test("never lets a key outlive its owner's expiry", () => {
  const { replaced } = planRotation({ ...request, keys: [key('key-1', { expires_at: at(3), not_after: at(3) })] });

  expect(replaced).toMatchObject({ graceUntil: at(24), notAfter: at(3) });
});

test('refuses while the previous key is in its grace window, and says when that closes', () => {
  const keys = [key('key-2', { rotated_from: 'key-1' }), key('key-1', { status: 'grace', not_after: at(5) })];

  const error = refusal(() => planRotation({ ...request, keys }));

  expect(error.code).toBe('conflict');
  expect(error.message).toContain(at(5));
});

test('force ends the oldest key at once and puts the current one into grace', () => {
  const current = key('key-2', { rotated_from: 'key-1' });
  const oldest = key('key-1', { status: 'grace', not_after: at(5) });

  const rotation = planRotation({ ...request, keys: [current, oldest], force: true });

  expect(rotation.dropped).toBe(oldest);
  expect(rotation.replaced?.key).toBe(current);
});

test('rotates again as soon as the grace window has closed', () => {
  const current = key('key-2', { rotated_from: 'key-1' });
  const keys = [current, key('key-1', { status: 'grace', not_after: at(0) })];

  const rotation = planRotation({ ...request, keys });

  expect(rotation).toMatchObject({ replaced: { key: current }, dropped: undefined });
});

test('an open window of one key does not hold up another key of the subscription', () => {
  const other = key('key-9', { created_at: at(-200) });
  const keys = [key('key-2', { rotated_from: 'key-1' }), key('key-1', { status: 'grace', not_after: at(5) }), other];

  const rotation = planRotation({ ...request, keys, target: other });

  expect(rotation.replaced?.key).toBe(other);
});

test('makes a first key when there is none, and reports no old one', () => {
  expect(planRotation({ ...request, keys: [] })).toEqual({ replaced: undefined, dropped: undefined, oldKeyExpiresAt: null });
});

test.each([
  ['grace', { status: 'grace', not_after: at(5) }, at(5)],
  ['revoked', { status: 'revoked', not_after: at(-1) }, 'revoked'],
  ['expired', { status: 'active', not_after: at(-1) }, 'expired'],
])('refuses to rotate a key that is %s', (_name, fields, expected) => {
  const target = key('key-1', fields);

  const error = refusal(() => planRotation({ ...request, keys: [target], target, force: true }));

  expect(error.code).toBe('conflict');
  expect(error.message).toContain(expected);
});
