import { describe, expect, it } from 'vitest';
import { explain } from './explain.js';
import { selector } from './inspect.js';
import { findKind, parseName } from './kinds.js';

describe('findKind', () => {
  it.each(['API', 'api', 'apis', 'APIs'])('reads %s as the kind API', (word) => {
    expect(findKind(word).kind).toBe('API');
  });

  it('names the kind that was probably meant', () => {
    expect(() => findKind('consumr')).toThrow(expect.objectContaining({ hint: 'Did you mean "consumer"?' }) as Error);
  });
});

describe('parseName', () => {
  it.each([
    ['payments', 'acme', { tenant: 'acme', name: 'payments' }],
    ['zeta/payments', 'acme', { tenant: 'zeta', name: 'payments' }],
    ['payments', undefined, { tenant: undefined, name: 'payments' }],
  ])('reads %s with --tenant %s', (text, tenant, expected) => {
    expect(parseName(text, tenant)).toEqual(expected);
  });
});

describe('selector', () => {
  const labels = { team: 'payments', stage: 'dev' };

  it.each([
    ['team=payments', true],
    ['team==payments,stage=dev', true],
    ['team=core', false],
    ['stage!=prod', true],
    ['owner', false],
    ['team', true],
  ])('%s is %s', (text, expected) => {
    expect(selector([text])(labels)).toBe(expected);
  });

  it('refuses what is no selector', () => {
    expect(() => selector(['=x'])).toThrow('is not a label selector');
  });
});

describe('explain', () => {
  it('goes down to a field', () => {
    expect(explain('api.spec.circuit_breaker.open_secs')).toMatchObject({
      path: 'API.circuit_breaker.open_secs',
      type: 'integer 1..3600',
      default: 10,
    });
  });

  it('knows defaults, also of a field that is read in several spellings', () => {
    expect(explain('tenant.tier')).toMatchObject({ default: 'free' });
    expect(explain('tenant').fields.find(({ name }) => name === 'tier')).toMatchObject({ default: 'free' });
  });

  it('looks into lists and variants', () => {
    expect(explain('policy.targets.kind').type).toBe('"API" | "Consumer" | "Tenant"');
    expect(explain('policy.config').fields.map(({ name }) => name)).toEqual(expect.arrayContaining(['requests_per_minute', 'origins']));
  });

  it('names the field that was probably meant', () => {
    expect(() => explain('api.upstream')).toThrow('API has no field "upstream".');
  });
});
