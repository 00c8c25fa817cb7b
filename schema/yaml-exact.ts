/** The exact parse of one document, with the place of everything: slower, and used where there is something to find or to point at. */
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node } from 'yaml';
import { quoted } from './shown.js';

/** One finding about the text of a document. Line and column count from 1, inside the document. */
export interface YamlProblem {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly line: number;
  readonly column: number;
}

export interface YamlPlace {
  readonly line: number;
  readonly column: number;
}

const MAX_DEPTH = 64;
const MAX_ALIASES = 100;
const MAX_PROBLEMS = 20;
const UNSAFE_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

interface Read {
  readonly document: Document.Parsed;
  readonly counter: LineCounter;
}

function read(text: string): Read {
  const counter = new LineCounter();
  // Keys are compared by `findDuplicates`: the parser's own comparison is quadratic.
  const document = parseDocument(text, {
    lineCounter: counter,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
    version: '1.2',
    logLevel: 'silent',
  });
  return { document, counter };
}

/** The value of one document, or what is wrong with it. Never throws. */
export function exactDocument(text: string): { value: unknown; problems: YamlProblem[] } {
  try {
    const { document, counter } = read(text);
    const problems = onePerPlace([...structureProblems(document), ...syntaxProblems(document)]).map(({ offset, ...problem }) => ({
      ...problem,
      ...placeOf(counter, offset),
    }));
    if (problems.length > 0) return { value: undefined, problems };
    return { value: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown, problems: [] };
  } catch (error) {
    const message =
      error instanceof RangeError
        ? `The document is nested more than ${MAX_DEPTH} levels deep.`
        : 'The document cannot be resolved: its aliases repeat too much.';
    return { value: undefined, problems: [{ code: 'yaml_limit', message, line: 1, column: 1 }] };
  }
}

interface Found {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly offset: number;
}

function onePerPlace(found: readonly Found[]): Found[] {
  const places = new Map<number, Found>();
  for (const problem of found) if (!places.has(problem.offset)) places.set(problem.offset, problem);
  return [...places.values()].sort((a, b) => a.offset - b.offset).slice(0, MAX_PROBLEMS);
}

function syntaxProblems(document: Document.Parsed): Found[] {
  return document.errors.map(({ message, pos }) => ({ code: 'yaml_syntax', message: sentence(message), offset: pos[0] }));
}

/** The parser's words as a sentence, on one line and without raw control characters. */
function sentence(message: string): string {
  const line = quoted(message.split('\n')[0] ?? '')
    .slice(1, -1)
    .replaceAll('\\"', '"');
  return /[.!?…]$/.test(line) ? line : `${line}.`;
}

/** What the syntax allows and manifests do not: tags, merge keys, duplicate and unsafe keys, too many aliases, too deep. */
function structureProblems(document: Document.Parsed): Found[] {
  const found: Found[] = [];
  let aliases = 0;
  visit(document, {
    Node(_key, node, path) {
      const offset = offsetOf(node);
      if (path.length > 2 * MAX_DEPTH) throw new RangeError('too deep');
      if (node.tag !== undefined && hasTag(node))
        found.push({
          code: 'yaml_tag',
          message: `The tag ${quoted(node.tag)} is not supported.`,
          hint: 'Write the value without the tag.',
          offset,
        });
      if (isAlias(node) && node.resolve(document) === undefined)
        found.push({ code: 'yaml_alias', message: `There is no anchor ${quoted(node.source)} before this alias.`, offset });
      if (isAlias(node) && ++aliases === MAX_ALIASES + 1)
        found.push({ code: 'yaml_limit', message: `The document has more than ${MAX_ALIASES} aliases.`, offset });
      if (isScalar(node) && typeof node.value === 'number' && isInexact(node.source))
        found.push({
          code: 'yaml_number',
          message: `The number ${quoted(node.source ?? '')} is too long to be kept exactly.`,
          hint: 'Put it in quotes to keep it as text.',
          offset,
        });
      if (isMap(node)) found.push(...keyProblems(node.items.map(({ key }) => key)));
    },
  });
  return found;
}

/** Only explicit tags count: the parser also sets those of the collections that it made. */
const hasTag = (node: Node): boolean =>
  !(isMap(node) && node.tag === 'tag:yaml.org,2002:map') && !(isSeq(node) && node.tag === 'tag:yaml.org,2002:seq');

const isInexact = (source: string | undefined): boolean =>
  source !== undefined && /^[-+]?[0-9]+$/.test(source) && !Number.isSafeInteger(Number(source));

function keyProblems(keys: readonly unknown[]): Found[] {
  const seen = new Set<string>();
  return keys.flatMap((key): Found[] => {
    const offset = offsetOf(key);
    if (isAlias(key)) return [{ code: 'yaml_alias', message: 'An alias cannot be a key.', offset }];
    if (!isScalar(key)) return [{ code: 'yaml_key', message: 'A key is a text.', offset }];
    const name = String(key.value);
    if (name === '<<' && key.type === 'PLAIN')
      return [{ code: 'yaml_merge', message: 'Merge keys ("<<") are not supported.', hint: 'Write the fields out.', offset }];
    if (UNSAFE_KEYS.has(name)) return [{ code: 'unsafe_key', message: `The key ${quoted(name)} is not allowed.`, offset }];
    if (seen.has(name))
      return [{ code: 'duplicate_key', message: `The key ${quoted(name)} is there twice.`, hint: 'Remove one of them.', offset }];
    seen.add(name);
    return [];
  });
}

const offsetOf = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0);

function placeOf(counter: LineCounter, offset: number): YamlPlace {
  const { line, col } = counter.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

/** Finds places in one document: parsed at the first question only. `part` chooses between a field's name and its value. */
export function placeFinder(text: string): (path: readonly (string | number)[], part: 'key' | 'value') => YamlPlace {
  let parsed: Read | undefined;
  return (path, part) => {
    try {
      parsed ??= read(text);
      return placeOf(parsed.counter, walk(parsed.document, path, part));
    } catch {
      return { line: 1, column: 1 };
    }
  };
}

/** Offset of the deepest part of `path` that is there. */
function walk(document: Document.Parsed, path: readonly (string | number)[], part: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let offset = offsetOf(node);
  for (const [index, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    const next = childOf(node, step);
    if (next === undefined) return offset;
    const isValue = part === 'value' && index === path.length - 1 && isScalar(next.value) && next.value.source !== '';
    offset = offsetOf(next.key === undefined || isValue ? next.value : next.key);
    node = next.value;
  }
  return offset;
}

function childOf(node: unknown, step: string | number): { key?: unknown; value: unknown } | undefined {
  if (isMap(node)) return node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
  if (!isSeq(node)) return undefined;
  const value = node.items[Number(step)];
  return value === undefined ? undefined : { value };
}
