/** The outcome of `test` for people and for CI systems. */
import type { Diagnostic } from '../../schema/error.js';
import type { CaseResult, TestRun } from '../operations/test/run.js';
import { diagnosticsText, type SourceLine } from './diagnostics.js';
import { printable, type Paint } from './paint.js';
import { counted, escapeXml, githubAnnotations } from './validation.js';

/** One line a case, under its file; what failed with its line; then one line that sums up. */
export function testRunText({ passed, summary, cases, diagnostics, duration_ms }: TestRun, paint: Paint, sourceLine: SourceLine): string {
  if (diagnostics.length > 0)
    return `${diagnosticsText(diagnostics, paint, sourceLine)}${paint.red(`Not run: ${counted(diagnostics.length, 'error')}`)}.\n`;
  const files = [...new Set(cases.map(({ file }) => file))];
  const text = files.map((file) => fileText(file, cases, paint, sourceLine)).join('');
  const verdict = passed
    ? paint.green(`Passed: ${counted(summary.cases, 'case')}`)
    : paint.red(`Failed: ${summary.failed} of ${counted(summary.cases, 'case')}`);
  return `${text}${verdict} in ${duration_ms} ms.\n`;
}

function fileText(file: string, cases: readonly CaseResult[], paint: Paint, sourceLine: SourceLine): string {
  const own = cases.filter((one) => one.file === file);
  const lines = own.map(({ name, passed, failures }) =>
    passed
      ? `  ${paint.green('ok')}      ${printable(name)}\n`
      : `  ${paint.red('failed')}  ${printable(name)}\n\n${diagnosticsText(failures, paint, sourceLine)}`,
  );
  return `${paint.bold(printable(file))}\n${lines.join('')}\n`;
}

/** Workflow commands of GitHub Actions: one annotation for each failure. */
export const testRunGithub = ({ cases, diagnostics }: TestRun): string =>
  githubAnnotations(
    [...diagnostics, ...cases.flatMap(({ name, failures }) => failures.map((failure) => withName(failure, name)))],
    'stoactl test',
  );

const withName = (failure: Diagnostic, name: string): Diagnostic => ({ ...failure, message: `${name}: ${failure.message}` });

/** JUnit: a suite for each file. What is wrong with the files themselves is an error of the suite "files". */
export function testRunJunit({ cases, diagnostics, summary, duration_ms }: TestRun): string {
  const files = [...new Set(cases.map(({ file }) => file))];
  const suites = files.map((file) =>
    suite(
      file,
      cases.filter((one) => one.file === file),
    ),
  );
  const wrong = diagnostics.length === 0 ? [] : [filesSuite(diagnostics)];
  const counts = `tests="${summary.cases + diagnostics.length}" failures="${summary.failed}" errors="${diagnostics.length}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${counts} time="${duration_ms / 1000}">\n${[...suites, ...wrong].join('')}</testsuites>\n`;
}

function suite(file: string, cases: readonly CaseResult[]): string {
  const failed = cases.filter(({ passed }) => !passed).length;
  const time = cases.reduce((sum, { duration_ms }) => sum + duration_ms, 0) / 1000;
  const name = escapeXml(file);
  return `  <testsuite name="${name}" tests="${cases.length}" failures="${failed}" time="${time}">\n${cases.map(junitCase).join('')}  </testsuite>\n`;
}

function junitCase({ name, file, line, passed, duration_ms, failures }: CaseResult): string {
  const open = `    <testcase classname="${escapeXml(file)}" name="${escapeXml(name)}" file="${escapeXml(file)}" line="${line}" time="${duration_ms / 1000}"`;
  if (passed) return `${open}/>\n`;
  return `${open}>${failures.map((failure) => problem('failure', failure)).join('')}</testcase>\n`;
}

const filesSuite = (diagnostics: readonly Diagnostic[]): string =>
  `  <testsuite name="files" tests="${diagnostics.length}" errors="${diagnostics.length}">\n${diagnostics
    .map(
      (diagnostic) =>
        `    <testcase classname="files" name="${escapeXml(placeOf(diagnostic))}">${problem('error', diagnostic)}</testcase>\n`,
    )
    .join('')}  </testsuite>\n`;

const placeOf = ({ source, path }: Diagnostic): string => (source === undefined ? path : `${source.file}:${source.line}:${source.column}`);

function problem(element: 'failure' | 'error', diagnostic: Diagnostic): string {
  const { code, message, hint } = diagnostic;
  const text = `${placeOf(diagnostic)}: ${message}${hint === undefined ? '' : ` ${hint}`}`;
  return `<${element} type="${escapeXml(code)}" message="${escapeXml(message)}">${escapeXml(text)}</${element}>`;
}
