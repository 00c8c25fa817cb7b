/** YAML text to documents: split, parsed fast where it is plainly simple, exactly where it is not, and bounded everywhere. */
import { CORE_SCHEMA, load } from 'js-yaml';
import { isPlainlySimple } from './yaml-accept.js';
import { exactDocument, type YamlProblem } from './yaml-exact.js';

export interface YamlLimits {
  /** Largest text, in characters. */
  readonly maxCharacters: number;
  readonly maxDocuments: number;
}

export const YAML_LIMITS: YamlLimits = { maxCharacters: 16 * 1024 * 1024, maxDocuments: 100_000 };

/** One document of a text. `value` is undefined when there are problems. */
export interface YamlDocument {
  /** Its own text. */
  readonly text: string;
  /** Lines of the whole text before it. */
  readonly lineOffset: number;
  readonly value: unknown;
  readonly problems: readonly YamlProblem[];
}

interface Slice {
  readonly text: string;
  readonly lineOffset: number;
}

const MARKER = /^(?:---|\.\.\.)(?=[ \t\n]|$)/gm;
const BLANK = /^(?:[ \t]*(?:#[^\n]*)?(?:\n|$))*$/;
/** Names through which JavaScript objects can be changed from outside. */
const UNSAFE_NAME = /__proto__|constructor|prototype/;

/** The documents of a text, empty ones left out. Never throws; `problem` says why nothing was read. */
export function parseYaml(text: string, limits: YamlLimits = YAML_LIMITS): { documents: YamlDocument[]; problem?: string } {
  if (text.length > limits.maxCharacters)
    return { documents: [], problem: `The file is too large: ${text.length} characters; at most ${limits.maxCharacters} are read.` };
  const slices = split(text.replace(/^\ufeff/, '').replaceAll('\r\n', '\n'));
  if (slices.length > limits.maxDocuments)
    return { documents: [], problem: `The file has ${slices.length} documents; at most ${limits.maxDocuments} are read.` };
  return { documents: slices.map(parseSlice) };
}

/** Cuts at document markers. A line that begins with one always is one, even inside a text (YAML 1.2, c-forbidden). */
function split(text: string): Slice[] {
  const slices: Slice[] = [];
  let start = 0;
  let lineOffset = 0;
  const cut = (end: number): void => {
    const part = text.slice(start, end);
    if (!isEmpty(part)) slices.push({ text: part, lineOffset });
    lineOffset += countLines(part);
    start = end;
  };
  for (const match of text.matchAll(MARKER)) {
    if (match[0] === '---') cut(match.index);
    else cut(endOfLine(text, match.index));
  }
  cut(text.length);
  return slices;
}

function isEmpty(part: string): boolean {
  if (part === '') return true;
  const body = part.replace(/^---(?=[ \t\n]|$)/, '').replace(/^\.\.\.[ \t]*(?:#[^\n]*)?\n?$/m, '');
  return BLANK.test(body) || /^(?:[ \t]*(?:#[^\n]*)?\n)*%YAML 1\.2[ \t]*\n?$/.test(body);
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end + 1;
}

function countLines(text: string): number {
  let count = 0;
  for (let index = text.indexOf('\n'); index !== -1; index = text.indexOf('\n', index + 1)) count++;
  return count;
}

const DIRECTIVE = /^((?:[ \t]*(?:#[^\n]*)?\n)*)%/;

function parseSlice({ text, lineOffset }: Slice): YamlDocument {
  const directive = DIRECTIVE.exec(text);
  if (directive !== null) {
    const problem = { code: 'yaml_directive', message: 'Directives are not supported.', hint: 'Remove the line: manifests are YAML 1.2.' };
    return { text, lineOffset, value: undefined, problems: [{ ...problem, line: countLines(directive[1] ?? '') + 1, column: 1 }] };
  }
  const fast = parseFast(text);
  if (fast !== undefined) return { text, lineOffset, value: fast.value, problems: [] };
  const { value, problems } = exactDocument(text);
  return { text, lineOffset, value, problems };
}

/** The fast parse; undefined when the exact one has to look, be it for its findings. */
function parseFast(text: string): { value: unknown } | undefined {
  if (UNSAFE_NAME.test(text) || !isPlainlySimple(text)) return undefined;
  try {
    return { value: load(text, { schema: CORE_SCHEMA }) };
  } catch {
    return undefined;
  }
}
