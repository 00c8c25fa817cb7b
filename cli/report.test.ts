import { describe, expect, it } from 'vitest';
import { StoaError } from '../schema/error.js';
import { toFailure } from './report.js';
import { plain } from './views/paint.js';

describe('toFailure', () => {
  it('makes exit code, JSON and text of one error', () => {
    const failure = toFailure(new StoaError('conflict', 'It has moved.', { hint: 'Run diff again.' }));

    expect([failure.exit, failure.json, failure.text(plain)]).toEqual([
      5,
      { schema_version: 1, error: { code: 'conflict', message: 'It has moved.', hint: 'Run diff again.' } },
      'Error: It has moved.\nRun diff again.\n',
    ]);
  });

  it('shows a bug of ours with its stack and exits with 70', () => {
    const failure = toFailure(new TypeError('x is not a function'));

    expect(failure.exit).toBe(70);
    expect(failure.text(plain)).toContain('TypeError: x is not a function\n    at ');
    expect(JSON.stringify(failure.json)).not.toContain('x is not a function');
  });

  it.each([
    ['Expected --output=jsn to be one of: human, json', 'Expected --output=jsn to be one of: human, json.', 'Did you mean "json"?'],
    ['The following error occurred:\n  Missing required flag to\nSee more help with --help', '--to is missing.', undefined],
    [
      'Missing 1 required arg:\nkind  Kind, such as API.\n\nNote: --selector allows multiple values.',
      'KIND is missing: Kind, such as API.',
      undefined,
    ],
    ['Parsing --control-port \n\tExpected an integer', '--control-port: Expected an integer.', undefined],
  ])('says wrong usage on one line, and what was meant: %s', (said, message, hint) => {
    const { json } = toFailure(Object.assign(new Error(said), { oclif: { exit: 2 } }));

    expect(json.error).toMatchObject({ code: 'usage_error', message, hint: hint ?? 'Run the command with --help to see how it is used.' });
  });

  it('does not show a stack for an error of the server', () => {
    expect(toFailure(new StoaError('internal_error', 'Server error (request abc).')).text(plain)).toBe(
      'Error: Server error (request abc).\n',
    );
  });

  it('prints no API key, wherever it comes from', () => {
    const key = `stoa_sk_${'a1'.repeat(16)}`;

    expect(toFailure(new StoaError('bad_request', `What is ${key}?`)).text(plain)).toBe('Error: What is stoa_sk_a1a1…?\n');
  });
});
