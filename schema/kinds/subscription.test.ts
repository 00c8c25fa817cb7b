import { describe, expect, it } from 'vitest';
import { traitsOf, fieldsOf } from '../schema-walk.js';
import { resourceName } from '../name.js';
import { subscription } from './subscription.js';

describe('a subscription', () => {
  it('refers to its API, its consumer and its plan, but not to a plan that every tenant has', () => {
    expect(subscription.references({ api: 'a', consumer: 'c', plan: 'gold' }).map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'API a',
      'Consumer c',
      'Plan gold',
    ]);
    expect(subscription.references({ api: 'a', plan: 'standard' })).toHaveLength(1);
  });

  it('keeps its API and its consumer for ever', () => {
    const traits = Object.entries(fieldsOf(subscription.spec) ?? {}).map(([name, field]) => [name, traitsOf(field).immutable ?? false]);

    expect(Object.fromEntries(traits)).toEqual({
      api: true,
      consumer: true,
      plan: false,
      application: false,
      callback_url: false,
      expires_at: false,
    });
  });

  it('does not make names immutable elsewhere', () => {
    expect(traitsOf(resourceName)).toEqual({});
  });

  it.each([{}, { api: 'A B' }, { api: 'a', callback_url: 'ftp://x' }, { api: 'a', api_key: 'x' }, { api: 'a', status: 'active' }])(
    'cannot be %j',
    (spec) => {
      expect(subscription.spec.safeParse(spec).success).toBe(false);
    },
  );
});
