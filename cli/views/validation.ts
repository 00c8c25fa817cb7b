/** The outcome of `validate` for people and for CI systems. */
import type { Diagnostic } from '../../schema/error.js';
import type { Validation } from '../operations/validate.js';
import { diagnosticsText, type SourceLine } from './diagnostics.js';
import { printable, type Paint } from './paint.js';

/** `1 case`, `2 cases`. */
export const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

/** Every finding with its line, then one line that sums up. */
export function validationText(
  { valid, files, resources, summary, diagnostics }: Validation,
  paint: Paint,
  sourceLine: SourceLine,
): string {
  const extras = [
    summary.warnings > 0 ? counted(summary.warnings, 'warning') : '',
    summary.notes > 0 ? counted(summary.notes, 'note') : '',
  ].filter((text) => text !== '');
  const of = `${counted(resources, 'resource')} in ${counted(files, 'file')}`;
  const verdict = valid ? paint.green(`Valid: ${of}`) : paint.red(`Not valid: ${counted(summary.errors, 'error')}, ${of}`);
  return `${diagnosticsText(diagnostics, paint, sourceLine)}${verdict}${extras.length === 0 ? '' : `, ${extras.join(', ')}`}.\n`;
}

/** GitHub shows at most ten annotations of a level and step. */
const GITHUB_LIMIT = 10;
const GITHUB_LEVEL = { error: 'error', warning: 'warning', note: 'notice' } as const satisfies Record<Diagnostic['severity'], string>;

const escapeData = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const escapeProperty = (text: string): string => escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

/** Workflow commands of GitHub Actions. */
export const validationGithub = ({ diagnostics }: Validation): string => githubAnnotations(diagnostics, 'stoactl validate');

/** The first nine findings of a level, then a tenth line for the rest, with the command that shows them. */
export function githubAnnotations(diagnostics: readonly Diagnostic[], command: string): string {
  return (['error', 'warning', 'note'] as const)
    .flatMap((severity) => {
      const found = diagnostics.filter((diagnostic) => diagnostic.severity === severity);
      if (found.length <= GITHUB_LIMIT) return found.map(annotation);
      const rest = found.slice(GITHUB_LIMIT - 1);
      return [
        ...found.slice(0, GITHUB_LIMIT - 1).map(annotation),
        `::${GITHUB_LEVEL[severity]}::${rest.length} more of this level; run "${command}" to see them.`,
      ];
    })
    .map((line) => `${line}\n`)
    .join('');
}

function annotation({ severity, code, message, hint, source }: Diagnostic): string {
  const place = source === undefined ? '' : `file=${escapeProperty(source.file)},line=${source.line},col=${source.column},`;
  return `::${GITHUB_LEVEL[severity]} ${place}title=${escapeProperty(code)}::${escapeData(hint === undefined ? message : `${message} ${hint}`)}`;
}

/** SARIF 2.1.0 with stable rule ids and relative paths. */
export function validationSarif({ diagnostics }: Validation): string {
  const rules = [...new Set(diagnostics.map(({ code }) => code))].sort();
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'stoactl', rules: rules.map((id) => ({ id, shortDescription: { text: id.replaceAll('_', ' ') } })) } },
        results: diagnostics.map(({ severity, code, message, hint, source }) => ({
          ruleId: code,
          ruleIndex: rules.indexOf(code),
          level: severity,
          message: { text: hint === undefined ? message : `${message} ${hint}` },
          locations:
            source === undefined
              ? []
              : [
                  {
                    physicalLocation: {
                      artifactLocation: { uri: encodeURI(source.file) },
                      region: { startLine: source.line, startColumn: source.column },
                    },
                  },
                ],
        })),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

/** Text as it may stand in an element or attribute. */
export const escapeXml = (text: string): string =>
  printable(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** JUnit: one case a finding; one case that passes when there is none. */
export function validationJunit({ diagnostics, summary, resources }: Validation): string {
  const findings = diagnostics.filter(({ severity }) => severity !== 'note');
  const cases =
    findings.length === 0 ? [`    <testcase classname="stoactl.validate" name="${resources} resources"/>`] : findings.map(junitCase);
  const total = Math.max(1, findings.length);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites tests="${total}" failures="${summary.errors}">\n  <testsuite name="stoactl validate" tests="${total}" failures="${summary.errors}">\n${cases.join('\n')}\n  </testsuite>\n</testsuites>\n`;
}

function junitCase({ severity, code, message, hint, source }: Diagnostic): string {
  const place = source === undefined ? '' : `${source.file}:${source.line}:${source.column}`;
  const name = escapeXml(`${place} ${code}`.trim());
  const text = escapeXml(hint === undefined ? message : `${message} ${hint}`);
  const open = `    <testcase classname="stoactl.validate" name="${name}"${source === undefined ? '' : ` file="${escapeXml(source.file)}" line="${source.line}"`}>`;
  return severity === 'error'
    ? `${open}<failure type="${escapeXml(code)}" message="${text}">${escapeXml(place)}</failure></testcase>`
    : `${open}<system-out>${text}</system-out></testcase>`;
}
