/** Walks every kind and every policy type: a definition is tested before it has a test of its own. */
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { catalog } from '../gateway/catalog.js';
import type { LimitState, PolicyServices } from '../gateway/policies/contract.js';
import { STAGES } from '../gateway/policies/contract.js';
import { policies } from '../gateway/policies/index.js';
import { listUndescribedFields } from './helpers/undescribed-fields.js';

const MAX_MEMBERS = 10;
const KINDS = ['Tenant', 'API', 'Consumer', 'Plan', 'Subscription', 'Webhook', 'Policy'];
const POLICY_TYPES = ['rate_limit', 'cors'];

const unlimited: LimitState & { allowed: boolean } = {
  allowed: true,
  limit: 1,
  remaining: 1,
  resetAtMs: 0,
  retryAfterMs: 0,
  windowSeconds: 1,
};
const services: PolicyServices = {
  now: () => 0,
  limiter: () => ({ take: () => unlimited, giveBack: () => undefined }),
  quota: () => ({ request: () => undefined }),
  tokens: () => () => Promise.resolve({ claims: {} }),
  errorReply: () => ({ status: 500, headers: [], body: '' }),
};

describe('the catalog', () => {
  it('holds the kinds and policy types of the product (CL2)', () => {
    expect(catalog.kinds.map(({ kind }) => kind)).toEqual(expect.arrayContaining(KINDS));
    expect(catalog.policyTypes.map(({ type }) => type)).toEqual(expect.arrayContaining(POLICY_TYPES));
  });

  it('names each kind, plural, id prefix and policy type once', () => {
    const kinds = catalog.kinds.map(({ kind }) => kind);
    const plurals = catalog.kinds.map(({ plural }) => plural);
    const types = policies.map(({ type }) => type);

    expect([...new Set(kinds)]).toEqual(kinds);
    expect([...new Set(plurals)]).toEqual(plurals);
    expect(new Set(kinds.map((kind) => kind.slice(0, 3).toLowerCase())).size).toBe(kinds.length);
    expect([...new Set(types)]).toEqual(types);
  });

  it('finds a kind by its exact name only', () => {
    expect(catalog.find('API')?.plural).toBe('apis');
    expect(catalog.find('api')).toBeUndefined();
    expect(catalog.find('__proto__')).toBeUndefined();
  });
});

describe.each(catalog.kinds.map((definition) => ({ name: definition.kind, definition })))('the kind $name', ({ definition }) => {
  it('is frozen and has at most ten members', () => {
    expect(Object.isFrozen(definition)).toBe(true);
    expect(Object.keys(definition).length).toBeLessThanOrEqual(MAX_MEMBERS);
  });

  it('says in one sentence what it is', () => {
    expect(definition.summary).toMatch(/^[A-Z].{10,120}\.$/);
    expect(definition.kind).toMatch(/^[A-Z][A-Za-z]+$/);
    expect(definition.plural).toMatch(/^[a-z]+$/);
  });

  it('describes every field', () => {
    expect(listUndescribedFields(z.toJSONSchema(definition.spec, { io: 'input' }))).toEqual([]);
  });

  it('has an example that parses, and parses to the same a second time', () => {
    const once = definition.spec.parse(definition.example);

    expect(definition.spec.parse(once)).toEqual(once);
  });

  it('refuses a field that it does not know', () => {
    const result = definition.spec.safeParse({ ...(definition.example as object), surely_unknown: 1 });

    expect(result.success).toBe(false);
  });

  it('reads its example: references name known kinds, columns are text', () => {
    const spec = definition.spec.parse(definition.example);

    for (const reference of definition.references(spec)) expect(catalog.find(reference.kind), reference.kind).toBeDefined();
    for (const { claim, field } of definition.claims(spec, 'example')) expect([typeof claim, typeof field]).toEqual(['string', 'string']);
    for (const column of Object.values(definition.columns)) expect(typeof column(spec)).toBe('string');
  });
});

describe.each(policies.map((definition) => ({ name: definition.type, definition })))('the policy type $name', ({ definition }) => {
  it('says in one sentence what it does, and when', () => {
    expect(definition.summary).toMatch(/^[A-Z].{10,120}\.$/);
    expect(definition.type).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(STAGES).toContain(definition.stage);
  });

  it('describes every field', () => {
    expect(listUndescribedFields(z.toJSONSchema(definition.config, { io: 'input' }))).toEqual([]);
  });

  it('has an example that parses and compiles to hooks', () => {
    const config = definition.config.parse(definition.example);

    const hooks = definition.compile(config as never, services);

    expect(typeof hooks.request === 'function' || typeof hooks.response === 'function').toBe(true);
  });

  it('refuses a setting that it does not know', () => {
    const result = definition.config.safeParse({ ...(definition.example as object), surely_unknown: 1 });

    expect(result.success).toBe(false);
  });
});

describe('the walk over fields', () => {
  it('notices a field without a description, however deep', () => {
    const schema = z.strictObject({
      named: z
        .array(z.strictObject({ inner: z.union([z.string(), z.strictObject({ deep: z.int() })]).describe('Has one.') }))
        .describe('Has one.'),
    });

    expect(listUndescribedFields(z.toJSONSchema(schema))).toEqual(['named.inner.deep']);
  });
});
