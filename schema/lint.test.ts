import { expect, it } from 'vitest';
import type { Diagnostic } from './error.js';
import { applyLint } from './lint.js';

const finding = (severity: Diagnostic['severity'], code: string): Diagnostic => ({ severity, code, message: 'It is so.', path: '' });

it('raises, lowers and turns off warnings and notes', () => {
  const found = [finding('warning', 'older_version'), finding('note', 'foreign_document'), finding('warning', 'other')];

  const linted = applyLint(found, { older_version: 'error', foreign_document: 'off' });

  expect(linted.map(({ severity, code }) => [severity, code])).toEqual([
    ['error', 'older_version'],
    ['warning', 'other'],
  ]);
});

it('leaves errors as they are', () => {
  const found = [finding('error', 'unknown_field')];

  expect(applyLint(found, { unknown_field: 'off' })).toEqual(found);
});

it('takes no rule from the prototype of an object', () => {
  const found = [finding('warning', 'constructor')];

  expect(applyLint(found, {})).toEqual(found);
});
