import { describe, expect, it } from 'vitest';
import { consumer } from './consumer.js';

describe('a consumer', () => {
  it('is known by its external id, and by its name without one', () => {
    expect(consumer.claims({ external_id: 'user-1' }, 'a')).toEqual([{ claim: 'external_id user-1', field: 'external_id' }]);
    expect(consumer.claims({}, 'a')).toEqual([{ claim: 'external_id a', field: 'external_id' }]);
  });

  it('keeps any metadata as it is', () => {
    const consumer_metadata = { user_id: '12345', nested: { list: [1, null, true, 'x'] } };

    expect(consumer.spec.parse({ consumer_metadata })).toEqual({ consumer_metadata });
  });

  it.each([
    { email: 'nobody' },
    { external_id: '' },
    { external_id: 5 },
    { consumer_metadata: [] },
    { consumer_metadata: { a: Number.NaN } },
    { api_key: 'x' },
  ])('cannot be %j', (spec) => {
    expect(consumer.spec.safeParse(spec).success).toBe(false);
  });
});
