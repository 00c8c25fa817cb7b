import { describe, expect, it } from 'vitest';
import type { Diagnostic } from '../../schema/error.js';
import type { Validation } from '../operations/validate.js';
import { diagnosticsText } from './diagnostics.js';
import { plain } from './paint.js';
import { validationGithub, validationJunit, validationSarif, validationText } from './validation.js';

const finding: Diagnostic = {
  severity: 'error',
  code: 'unknown_field',
  message: 'There is no field "upstreem_url".',
  hint: 'Did you mean "upstream_url"?',
  path: 'spec.upstreem_url',
  source: { file: 'apis/a.yaml', line: 2, column: 3 },
};
const warning: Diagnostic = { severity: 'warning', code: 'old_api_version', message: '50% of this, that: old\nstyle.', path: '' };

const validationOf = (diagnostics: readonly Diagnostic[]): Validation => {
  const count = (severity: Diagnostic['severity']): number => diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
  const summary = { errors: count('error'), warnings: count('warning'), notes: count('note') };
  return { schema_version: 1, valid: summary.errors === 0, files: 1, resources: 2, summary, diagnostics };
};

const sourceLine = (): string => '  upstreem_url: http://host';

describe('validationText', () => {
  it('gives place, message, line and hint, and sums up (CL3)', () => {
    expect(validationText(validationOf([finding, warning]), plain, sourceLine)).toMatchInlineSnapshot(`
      "apis/a.yaml:2:3: error: There is no field "upstreem_url". [unknown_field]
        2 |   upstreem_url: …
          |   ^
          Did you mean "upstream_url"?

      warning: 50% of this, that: old
      style. [old_api_version]

      Not valid: 1 error, 2 resources in 1 file, 1 warning.
      "
    `);
  });

  it('is one line when all is well', () => {
    expect(validationText(validationOf([]), plain, sourceLine)).toBe('Valid: 2 resources in 1 file.\n');
  });
});

describe('diagnosticsText', () => {
  it.each([
    ['literal_secret', '  secret: canary-value', 'a key with its value'],
    ['literal_secret', '    canary-value', 'a line of a block scalar'],
    ['unknown_field', '  secrt: canary-value', 'a misspelt key'],
    ['wrong_type', '  client_secret: canary-value', 'a key that looks like one'],
    ['wrong_type', '  { name: x, password: "canary-value" }', 'a flow mapping'],
    ['invalid_value', '  url: https://me:canary/value@hooks.example.com', 'an address'],
  ])('does not print a secret (%s) from the line "%s"', (code, line) => {
    const text = diagnosticsText([{ ...finding, code }], plain, () => line);

    expect(text).not.toContain('canary');
  });

  it('shows the line of a wrong value', () => {
    expect(diagnosticsText([{ ...finding, code: 'wrong_type' }], plain, () => '  retries: many')).toContain('2 |   retries: many\n');
  });
});

describe('validationGithub', () => {
  it('escapes what would end a workflow command', () => {
    expect(validationGithub(validationOf([finding, warning]))).toMatchInlineSnapshot(`
      "::error file=apis/a.yaml,line=2,col=3,title=unknown_field::There is no field "upstreem_url". Did you mean "upstream_url"?
      ::warning title=old_api_version::50%25 of this, that: old%0Astyle.
      "
    `);
  });

  it('writes at most ten annotations of a level and counts the rest', () => {
    const lines = validationGithub(validationOf(Array.from({ length: 25 }, () => finding)))
      .trimEnd()
      .split('\n');

    expect(lines).toHaveLength(10);
    expect(lines[9]).toContain('16 more of this level');
  });
});

describe('validationSarif', () => {
  it('has rules, levels and relative places', () => {
    const log = JSON.parse(validationSarif(validationOf([finding, warning]))) as {
      version: string;
      runs: { tool: unknown; results: unknown[] }[];
    };

    expect(log.version).toBe('2.1.0');
    expect(log.runs[0]?.results).toEqual([
      {
        ruleId: 'unknown_field',
        ruleIndex: 1,
        level: 'error',
        message: { text: 'There is no field "upstreem_url". Did you mean "upstream_url"?' },
        locations: [{ physicalLocation: { artifactLocation: { uri: 'apis/a.yaml' }, region: { startLine: 2, startColumn: 3 } } }],
      },
      { ruleId: 'old_api_version', ruleIndex: 0, level: 'warning', message: { text: warning.message }, locations: [] },
    ]);
  });
});

describe('validationJunit', () => {
  it('is one failing case a finding', () => {
    expect(validationJunit(validationOf([{ ...finding, message: 'a < b & "c"' }]))).toMatchInlineSnapshot(`
      "<?xml version="1.0" encoding="UTF-8"?>
      <testsuites tests="1" failures="1">
        <testsuite name="stoactl validate" tests="1" failures="1">
          <testcase classname="stoactl.validate" name="apis/a.yaml:2:3 unknown_field" file="apis/a.yaml" line="2"><failure type="unknown_field" message="a &lt; b &amp; &quot;c&quot; Did you mean &quot;upstream_url&quot;?">apis/a.yaml:2:3</failure></testcase>
        </testsuite>
      </testsuites>
      "
    `);
  });

  it('passes with one case when there is nothing to say', () => {
    expect(validationJunit(validationOf([]))).toContain('<testsuites tests="1" failures="0">');
  });
});
