import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { rateLimitConfig } from '../rate-limit.js';
import { policyKind } from './policy.js';

const policy = policyKind([
  { type: 'rate_limit', summary: 'Limits.', config: rateLimitConfig, example: { requests_per_minute: 1 } },
  {
    type: 'header',
    summary: 'Adds a header.',
    config: z.strictObject({ name: z.string().describe('Its name.') }),
    example: { name: 'x-a' },
  },
]);
const parse = (spec: object): boolean => policy.spec.safeParse(spec).success;

describe('a policy', () => {
  it('has defaults for all but its type and settings', () => {
    expect(policy.spec.parse({ policy_type: 'header', config: { name: 'x' } })).toEqual({
      policy_type: 'header',
      config: { name: 'x' },
      priority: 100,
      enabled: true,
      scope: 'tenant',
      targets: [],
    });
  });

  it.each([
    [{ policy_type: 'rate_limit', config: { name: 'x' } }],
    [{ policy_type: 'header', config: { requests_per_minute: 1 } }],
    [{ policy_type: 'header', config: { name: 'x', more: 1 } }],
    [{ policy_type: 'header' }],
    [{ policy_type: 'unknown', config: {} }],
    [{ config: { name: 'x' } }],
    [{ policy_type: '__proto__', config: {} }],
  ])('has the settings of its own type, not %j', (spec) => {
    expect(parse(spec)).toBe(false);
  });

  it.each([
    [{ kind: 'API', name: 'a' }, true],
    [{ kind: 'API', name: 'a', consumer: 'c' }, true],
    [{ kind: 'Consumer', name: 'c' }, true],
    [{ kind: 'Tenant', name: 't' }, true],
    [{ kind: 'Consumer', name: 'c', consumer: 'c' }, false],
    [{ kind: 'Tenant', name: 't', consumer: 'c' }, false],
    [{ kind: 'Plan', name: 'p' }, false],
    [{ kind: 'API' }, false],
    [{ kind: 'API', name: 'Not a name' }, false],
  ])('may target %j: %s', (target, isRight) => {
    expect(parse({ policy_type: 'header', config: { name: 'x' }, targets: [target] })).toBe(isRight);
  });

  it('refers to its targets and their consumers', () => {
    const spec = policy.spec.parse({
      policy_type: 'header',
      config: { name: 'x' },
      targets: [
        { kind: 'API', name: 'a', consumer: 'c' },
        { kind: 'Tenant', name: 't' },
      ],
    });

    expect(policy.references(spec)).toEqual([
      { kind: 'API', name: 'a', field: 'targets.0.name' },
      { kind: 'Consumer', name: 'c', field: 'targets.0.consumer' },
      { kind: 'Tenant', name: 't', field: 'targets.1.name' },
    ]);
  });
});
