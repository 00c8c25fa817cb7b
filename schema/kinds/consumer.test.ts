import { describe, expect, it } from 'vitest';
import { fieldsOf, traitsOf } from '../schema-walk.js';
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

  it('may be bound to certificates, with and without colons, and says when that locks keys out (DP22)', () => {
    const [plain, colons] = ['ab'.repeat(32), `${'AB:'.repeat(31)}AB`];
    const field = fieldsOf(consumer.spec)?.['certificate_fingerprints'];
    const reasonOf = field === undefined ? undefined : traitsOf(field).breaking;

    expect(consumer.spec.parse({ certificate_fingerprints: [plain, colons, plain] })).toMatchObject({
      certificate_fingerprints: [colons, plain],
    });
    expect(reasonOf?.(undefined, [plain])).toBe('client certificate required');
    expect(reasonOf?.([plain, colons], [plain])).toBe('client certificate removed');
    expect(reasonOf?.([plain], [plain, colons])).toBeUndefined();
    expect(reasonOf?.([plain], undefined)).toBe('authentication loosened');
  });

  it.each([
    { email: 'nobody' },
    { external_id: '' },
    { external_id: 5 },
    { consumer_metadata: [] },
    { consumer_metadata: { a: Number.NaN } },
    { api_key: 'x' },
    { certificate_fingerprints: [] },
    { certificate_fingerprints: ['ab'.repeat(20)] },
    { certificate_fingerprints: [`${'ab'.repeat(31)}zz`] },
  ])('cannot be %j', (spec) => {
    expect(consumer.spec.safeParse(spec).success).toBe(false);
  });
});
