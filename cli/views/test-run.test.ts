import { describe, expect, it } from 'vitest';
import type { Diagnostic } from '../../schema/error.js';
import type { CaseResult, TestRun } from '../operations/test/run.js';
import { plain } from './paint.js';
import { testRunGithub, testRunJunit, testRunText } from './test-run.js';

const finding = (message: string, line: number): Diagnostic => ({
  severity: 'error',
  code: 'test_failed',
  message,
  path: 'steps.0.expect.status',
  source: { file: 'tests/a.yaml', line, column: 19 },
});
const result = (name: string, failures: readonly Diagnostic[], file = 'tests/a.yaml'): CaseResult => ({
  ...{ name, file, line: 2, column: 11, passed: failures.length === 0, duration_ms: 120, failures },
});
const run = (cases: readonly CaseResult[], diagnostics: readonly Diagnostic[] = []): TestRun => {
  const failed = cases.filter(({ passed }) => !passed).length;
  const summary = { cases: cases.length, passed: cases.length - failed, failed };
  return { schema_version: 1, passed: failed + diagnostics.length === 0, summary, duration_ms: 1250, cases, diagnostics };
};

const GOOD = run([result('is served', []), result('is <limited>', [], 'tests/b.yaml')]);
const BAD = run([result('is served', []), result('is limited', [finding('The status is 200, not 429.', 6)])]);
const WRONG = run([], [finding('The field "reqest" is not known.', 4)]);
const lines = (file: string, line: number): string => `${file} line ${line}`;

describe('for people', () => {
  it('lists the cases by file, and sums up', () => {
    expect(testRunText(GOOD, plain, lines)).toMatchInlineSnapshot(`
      "tests/a.yaml
        ok      is served

      tests/b.yaml
        ok      is <limited>

      Passed: 2 cases in 1250 ms.
      "
    `);
  });

  it('shows what failed with its line', () => {
    expect(testRunText(BAD, plain, lines)).toMatchInlineSnapshot(`
      "tests/a.yaml
        ok      is served
        failed  is limited

      tests/a.yaml:6:19: error: The status is 200, not 429. [test_failed]
        6 | tests/a.yaml line 6
          |                   ^


      Failed: 1 of 2 cases in 1250 ms.
      "
    `);
  });

  it('says that nothing was run when the files are wrong', () => {
    expect(testRunText(WRONG, plain, lines)).toMatch(/^tests\/a\.yaml:4:19: error: [^]*\nNot run: 1 error\.\n$/);
  });
});

describe('for CI systems', () => {
  it('is JUnit, a suite for each file', () => {
    expect(testRunJunit(GOOD)).toMatchInlineSnapshot(`
      "<?xml version="1.0" encoding="UTF-8"?>
      <testsuites tests="2" failures="0" errors="0" time="1.25">
        <testsuite name="tests/a.yaml" tests="1" failures="0" time="0.12">
          <testcase classname="tests/a.yaml" name="is served" file="tests/a.yaml" line="2" time="0.12"/>
        </testsuite>
        <testsuite name="tests/b.yaml" tests="1" failures="0" time="0.12">
          <testcase classname="tests/b.yaml" name="is &lt;limited&gt;" file="tests/b.yaml" line="2" time="0.12"/>
        </testsuite>
      </testsuites>
      "
    `);
    expect(testRunJunit(BAD)).toContain('<failure type="test_failed" message="The status is 200, not 429.">tests/a.yaml:6:19: The status');
    expect(testRunJunit(WRONG)).toContain('<testsuites tests="1" failures="0" errors="1"');
  });

  it('is an annotation for each failure, with the name of the case', () => {
    expect(testRunGithub(GOOD)).toBe('');
    expect(testRunGithub(BAD)).toBe('::error file=tests/a.yaml,line=6,col=19,title=test_failed::is limited: The status is 200, not 429.\n');
    expect(testRunGithub(WRONG)).toContain('::error file=tests/a.yaml,line=4,');
  });
});
