import { describe, expect, it } from 'vitest';
import { BUILTIN_PLANS, isBuiltinPlan, plan } from './plan.js';

describe('a plan', () => {
  it.each([[{ quota: { daily: 0 } }], [{ quota: { weekly: 5 } }], [{ rate_limit: {} }], [{ requires_approval: 'yes' }]])(
    'cannot be %j',
    (spec) => {
      expect(plan.spec.safeParse(spec).success).toBe(false);
    },
  );

  it('approves by itself unless it says otherwise', () => {
    expect(plan.spec.parse({})).toEqual({ requires_approval: false });
  });

  it('called standard is there without being declared, and asks for approval', () => {
    expect(plan.spec.parse(BUILTIN_PLANS['standard'])).toEqual({ requires_approval: true });
    expect([isBuiltinPlan('standard'), isBuiltinPlan('gold'), isBuiltinPlan('constructor')]).toEqual([true, false, false]);
  });
});
