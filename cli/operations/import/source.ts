/** Documents of others as values with places: YAML or JSON, as it is found in the wild. Never throws but `StoaError`. */
import { CORE_SCHEMA, load, Type, YAMLException } from 'js-yaml';
import type { Source } from '../../../schema/error.js';
import { StoaError } from '../../../schema/error.js';

/** A mapping of a foreign document: nothing is known of its fields. */
export type Foreign = Readonly<Record<string, unknown>>;

export interface ForeignDocument {
  readonly root: Foreign;
  /** Where a mapping or list of the document begins; undefined where that is not known. */
  placeOf(value: unknown): Source | undefined;
  /** What is odd about the text and was passed over. */
  readonly notes: readonly string[];
}

const MAX_CHARACTERS = 32 * 1024 * 1024;
/** Merge keys and anchors are common in the wild; dates stay texts. */
const MERGE = new Type('tag:yaml.org,2002:merge', { kind: 'scalar', resolve: (text: unknown) => text === '<<' || text === null });
const SCHEMA = CORE_SCHEMA.extend({ implicit: [MERGE] });

/** Throws `validation_error` for what cannot be read, with its place. */
export function readForeign(text: string, file: string): ForeignDocument {
  if (text.length > MAX_CHARACTERS)
    throw unreadable(file, `The file is too large: ${text.length} characters; at most ${MAX_CHARACTERS} are read.`);
  // A file that is no text at all (an archive, an image), or in another encoding, of which names would be lost.
  // eslint-disable-next-line no-control-regex -- NUL is what is looked for
  const foreign = text.search(/[\u0000\ufffd]/);
  if (foreign !== -1) throw unreadable(file, 'The file is not UTF-8 text.', placeIn(text, foreign, file), 'Save it as UTF-8.');
  const source = text.replace(/^\ufeff/, '');
  if (source.trim() === '') throw unreadable(file, 'The file is empty.');
  const { value, places, notes } = parse(source, file);
  if (!isMapping(value)) throw unreadable(file, `The document is ${Array.isArray(value) ? 'a list' : 'a single value'}, not a mapping.`);
  return { root: value, placeOf: (inner) => (typeof inner === 'object' && inner !== null ? places.get(inner) : undefined), notes };
}

interface Parsed {
  readonly value: unknown;
  readonly places: WeakMap<object, Source>;
  readonly notes: string[];
}

function parse(text: string, file: string): Parsed {
  try {
    return parseWith(text, file, false);
  } catch (error) {
    return /duplicated mapping key/.test(reasonOf(error))
      ? parseLastOfDuplicates(text, file, error as YAMLException)
      : parseAsJson(text, file, error);
  }
}

function parseLastOfDuplicates(text: string, file: string, error: YAMLException): Parsed {
  const { line, column } = markOf(error);
  const note = `A key is written twice at ${line + 1}:${column + 1}; of such keys the last one counts.`;
  try {
    return { ...parseWith(text, file, true), notes: [note] };
  } catch (later) {
    return parseAsJson(text, file, later);
  }
}

function parseAsJson(text: string, file: string, error: unknown): Parsed {
  if (!(error instanceof YAMLException)) throw error;
  return { value: parseJson(text) ?? failWith(error, file), places: new WeakMap(), notes: [] };
}

const reasonOf = (error: unknown): string => (error instanceof YAMLException ? error.reason : '');

/** What the parser tells while it reads; its types do not name it. */
interface State {
  readonly line: number;
  readonly position: number;
  readonly lineStart: number;
  readonly result: unknown;
}

/** What stands behind a key is shown at the key. */
function columnOf(text: string, { position, lineStart }: State): number {
  const isBehindKey = /\s/.test(text[position] ?? ' ');
  const at = isBehindKey ? lineStart + (/^[ \t]*/.exec(text.slice(lineStart, position))?.[0].length ?? 0) : position;
  return at - lineStart + 1;
}

function parseWith(text: string, file: string, allowsDuplicates: boolean): Parsed {
  const places = new WeakMap<object, Source>();
  const open: Source[] = [];
  const listener = (type: 'open' | 'close', state: State): void => {
    if (type === 'open') {
      open.push({ file, line: state.line + 1, column: columnOf(text, state) });
      return;
    }
    const place = open.pop();
    const { result } = state;
    if (typeof result === 'object' && result !== null && place !== undefined && !places.has(result)) places.set(result, place);
  };
  const value: unknown = load(text, { schema: SCHEMA, json: allowsDuplicates, listener });
  return { value, places, notes: [] };
}

/** JSON that is no YAML: with tabs for indentation, say. */
function parseJson(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Some errors are about the whole file, whatever the parser's types say: two documents in it, say. */
function markOf(error: YAMLException): { readonly line: number; readonly column: number } {
  const mark = error.mark as YAMLException['mark'] | undefined;
  return { line: mark?.line ?? 0, column: mark?.column ?? 0 };
}

function failWith(error: YAMLException, file: string): never {
  const { line, column } = markOf(error);
  // The parser's own text quotes the document, which may hold secrets.
  const [, hint] = HINTS.find(([reason]) => error.reason.includes(reason)) ?? [];
  throw unreadable(file, `The file is not valid YAML or JSON: ${error.reason}.`, { file, line: line + 1, column: column + 1 }, hint);
}

/** What to do about what is met most, by the parser's words. */
const HINTS = [
  ['but found more', 'Divide it at its "---", and import each document by itself.'],
  ['tab characters', 'Indent with spaces.'],
  ['missed comma between flow', 'JSON has no comments, and YAML begins them with "#"; texts with brackets or braces stand in quotes.'],
  ['unknown tag', 'Leave the tag out: plain texts, numbers, lists and mappings are read.'],
  ['unidentified alias', 'Define the anchor before it, or write the value out.'],
] as const;

function placeIn(text: string, index: number, file: string): Source {
  const before = text.slice(0, index).split('\n');
  return { file, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function unreadable(file: string, message: string, source: Source = { file, line: 1, column: 1 }, hint?: string): StoaError {
  return new StoaError('validation_error', `${file} cannot be imported.`, {
    diagnostics: [{ severity: 'error', code: 'unreadable_document', message, path: '', source, ...(hint === undefined ? {} : { hint }) }],
  });
}

export const isMapping = (value: unknown): value is Foreign => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The mappings of a list; anything else in it is passed over. */
export const mappingsOf = (value: unknown): Foreign[] => (Array.isArray(value) ? value.filter(isMapping) : []);
export const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []);
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
export const numberOf = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);
