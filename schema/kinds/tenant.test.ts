import { describe, expect, it } from 'vitest';
import { traitsOf, fieldsOf } from '../schema-walk.js';
import { tenant } from './tenant.js';

describe('a tenant', () => {
  it.each([
    ['Starter', 'starter'],
    ['BUSINESS', 'business'],
    ['community', 'free'],
    ['Enterprise', 'enterprise'],
    [undefined, 'free'],
  ])('of tier %j is of tier %j', (tier, expected) => {
    expect(tenant.spec.parse({ tier })).toMatchObject({ tier: expected });
  });

  it.each(['gold', '', null, 5, ['free'], ' free'])('cannot be of tier %j', (tier) => {
    expect(tenant.spec.safeParse({ tier }).error?.issues.map(({ message, path }) => [path, message])).toEqual([
      [['tier'], 'Invalid tier value'],
    ]);
  });

  it.each([0, -1, 100.5, '2', Number.NaN, Number.POSITIVE_INFINITY])('cannot multiply its limits by %j', (rate_limit_multiplier) => {
    expect(tenant.spec.safeParse({ settings: { rate_limit_multiplier } }).success).toBe(false);
  });

  it.each(['apis', 'admin', 'health', 'metrics', 'mcp', 'realms', 'v1', 'docs', 'redoc', 'Acme', 'a_b', '', '-a', 'a'.repeat(64)])(
    'cannot be called %j',
    (name) => {
      expect(tenant.name.safeParse(name).success).toBe(false);
    },
  );

  it.each([
    [{ rate_limit_multiplier: 2 }, { rate_limit_multiplier: 1 }, 'limit lowered'],
    [{ rate_limit_multiplier: 2 }, {}, 'limit lowered'],
    [{}, { rate_limit_multiplier: 0.5 }, 'limit lowered'],
    [{}, { rate_limit_multiplier: 2 }, undefined],
    [{ rate_limit_multiplier: 0.5 }, {}, undefined],
  ])('whose settings change from %j to %j breaks clients: %s', (before, after, reason) => {
    const multiplier = (settings: { rate_limit_multiplier?: number }): number | undefined => settings.rate_limit_multiplier;
    const settings = fieldsOf(tenant.spec)?.['settings'];
    const field = settings === undefined ? undefined : fieldsOf(settings)?.['rate_limit_multiplier'];

    expect(field === undefined ? 'no field' : traitsOf(field).breaking?.(multiplier(before), multiplier(after))).toBe(reason);
  });
});
