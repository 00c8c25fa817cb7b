/** A YAML file that is one document of a known shape, such as stoa.config.yaml: its value, or every finding with its place. */
import { checkSpec, type SpecFinding } from './check-spec.js';
import type { Diagnostic, Source } from './error.js';
import type { KindDefinition } from './kind.js';
import { pathText } from './shown.js';
import { placeFinder } from './yaml-exact.js';
import { parseYaml, type YamlDocument } from './yaml.js';

/** Finds the place of a value, or of the deepest part of the path that is there. */
export type Place = (path: readonly (string | number)[], part?: 'key' | 'value') => Source;

export interface OneDocument {
  /** What the definition's schema has parsed; undefined when there are findings. */
  readonly value?: unknown;
  readonly diagnostics: readonly Diagnostic[];
  readonly place: Place;
}

/** Reads a text against the `spec` of a definition, whose checks it borrows: the same sentences, the same "did you mean". Never throws. */
export function parseOneDocument(definition: KindDefinition, text: string, file: string): OneDocument {
  const { documents, problem } = parseYaml(text);
  const source = { file, line: 1, column: 1 };
  const start: Place = () => source;
  const whole = { severity: 'error', path: '', source } as const;
  if (problem !== undefined) return { diagnostics: [{ ...whole, code: 'file_limit', message: problem }], place: start };
  if (documents.length > 1)
    return { diagnostics: [{ ...whole, code: 'invalid_value', message: `${definition.summary} is one document.` }], place: start };
  const [document] = documents;
  if (document !== undefined && document.problems.length > 0)
    return {
      diagnostics: document.problems.map(({ line, column, ...rest }) => ({
        ...whole,
        ...rest,
        source: { file, line: line + document.lineOffset, column },
      })),
      place: start,
    };
  const place = document === undefined ? start : placesOf(document, file);
  const { spec, findings } = checkSpec(definition, document?.value ?? {});
  return { ...(spec === undefined ? {} : { value: spec }), diagnostics: findings.map((finding) => placed(finding, place)), place };
}

/** A finding with its place in the file. */
export function placed({ path, part, ...rest }: SpecFinding, place: Place): Diagnostic {
  return { ...rest, path: pathText(path), source: place(path, part) };
}

function placesOf({ text, lineOffset }: YamlDocument, file: string): Place {
  const find = placeFinder(text);
  return (path, part = 'value') => {
    const { line, column } = find(path, part);
    return { file, line: line + lineOffset, column };
  };
}
