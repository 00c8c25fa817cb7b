import { describe, expect, it } from 'vitest';
import { editorSchema } from './editor-schema.js';

describe('editorSchema', () => {
  it.each([undefined, 'api', 'policies', 'config'])('of %s is a JSON Schema with a dialect', (word) => {
    expect(editorSchema(word)).toMatchObject({ $schema: expect.stringContaining('json-schema.org') as string });
  });

  it('of all kinds names each of them', () => {
    expect(JSON.stringify(editorSchema(undefined))).toContain('"Subscription"');
  });

  it('of an unknown kind names the one that was probably meant', () => {
    expect(() => editorSchema('polcy')).toThrow('There is no kind "polcy".');
  });
});
