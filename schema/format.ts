/** Manifests in their canonical form: fields in the order of the reference, one way of indenting, comments kept. Never another meaning. */
import { isMap, isScalar, isSeq, parseDocument, visit, type Document, type Pair, type ScalarTag, type Tags, type YAMLMap } from 'yaml';
import type * as z from 'zod';
import type { Catalog } from './catalog.js';
import type { Diagnostic } from './error.js';
import { API_VERSION, METADATA_FIELDS, OLDER_VERSIONS, parseManifests, TOP_FIELDS } from './manifest.js';
import { canonicalJson } from './resource.js';
import { childSchema, fieldsOf } from './schema-walk.js';
import { parseYaml, type YamlDocument } from './yaml.js';

export interface Formatted {
  /** The text itself when there are problems. */
  readonly text: string;
  /** What keeps the text from being read as YAML. */
  readonly problems: readonly Diagnostic[];
}

export interface FormatOptions {
  /** Whether older spellings are written in the current one. */
  readonly upgrade: boolean;
}

/** A folded text is broken again at this width; nothing else is. */
const FOLD_WIDTH = 120;
/** Characters that a reader does not see. */
const INVISIBLE = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

/** A text in canonical form. Documents of other systems stay as they are, to the byte. Pure; what it gives it leaves alone the next time. */
export function formatManifests(text: string, file: string, catalog: Catalog, options: FormatOptions): Formatted {
  const problems = parseManifests(text, file).diagnostics.filter(({ code }) =>
    /^(yaml_|duplicate_key$|unsafe_key$|file_limit$)/.test(code),
  );
  if (problems.length > 0) return { text, problems };
  const plain = text.replace(/^\ufeff/, '').replaceAll('\r\n', '\n');
  const { documents } = parseYaml(plain);
  let rest = plain;
  let formatted = '';
  let line = 0;
  for (const document of documents) {
    const gap = indexOfLine(rest, document.lineOffset - line);
    formatted += rest.slice(0, gap) + formatDocument(document, catalog, options);
    rest = rest.slice(gap + document.text.length);
    line = document.lineOffset + document.text.split('\n').length - 1;
  }
  const whole = formatted + rest;
  return { text: text.includes('\r\n') ? whole.replaceAll('\n', '\r\n') : whole, problems };
}

/** Where the line of this number begins, counted from 0. */
function indexOfLine(text: string, lines: number): number {
  let index = 0;
  for (let count = 0; count < lines; count++) index = text.indexOf('\n', index) + 1;
  return index;
}

function formatDocument({ text, value }: YamlDocument, catalog: Catalog, { upgrade }: FormatOptions): string {
  if (!isOurs(value)) return text;
  const document = parseDocument(text, {
    ...{ stringKeys: true, uniqueKeys: false, version: '1.2', logLevel: 'silent' },
    ...{ keepSourceTokens: true, customTags: keepQuotes },
  });
  if (upgrade) upgradeSpelling(document);
  if (!hasAliases(document)) orderFields(document, catalog);
  const written = document.toString({ lineWidth: hasFolded(document) ? FOLD_WIDTH : 0, flowCollectionPadding: false });
  const isSafe = isSameMeaning(text, written) && (INVISIBLE.test(text) || !INVISIBLE.test(written));
  return isSafe ? written : text;
}

/** A quoted text on one line is written as it was, with its escapes. */
function keepQuotes(tags: Tags): Tags {
  return tags.map((tag): Tags[number] => {
    if (typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:str') return tag;
    const { stringify } = tag as ScalarTag;
    const verbatim: ScalarTag['stringify'] = (item, ...rest) => {
      const written = item.srcToken !== undefined && 'source' in item.srcToken ? item.srcToken.source : '';
      const isKept = /^["'][^\n]*$/.test(written) && item.value === item.source;
      return isKept ? written : (stringify?.(item, ...rest) ?? written);
    };
    return { ...(tag as ScalarTag), stringify: verbatim };
  });
}

type Mapping = Readonly<Record<string, unknown>>;

function isOurs(value: unknown): value is Mapping {
  if (typeof value !== 'object' || value === null || !('apiVersion' in value)) return false;
  return value.apiVersion === API_VERSION || OLDER_VERSIONS.has(String(value.apiVersion));
}

/** The current apiVersion, and `metadata.tenant` for `metadata.namespace`. */
function upgradeSpelling(document: Document): void {
  document.set('apiVersion', API_VERSION);
  const metadata = document.get('metadata');
  if (!isMap(metadata) || !metadata.has('namespace')) return;
  if (!metadata.has('tenant')) renameField(metadata, 'namespace', 'tenant');
  else if (metadata.get('tenant') === metadata.get('namespace')) metadata.delete('namespace');
}

function renameField(map: YAMLMap, from: string, to: string): void {
  for (const { key } of map.items) if (isScalar(key) && key.value === from) key.value = to;
}

/** An alias stands behind its anchor: such a document keeps its order. */
function hasAliases(document: Document): boolean {
  let found = false;
  visit(document, { Alias: () => ((found = true), visit.BREAK) });
  return found;
}

function hasFolded(document: Document): boolean {
  let found = false;
  visit(document, { Scalar: (_key, { type }) => (type === 'BLOCK_FOLDED' ? ((found = true), visit.BREAK) : undefined) });
  return found;
}

function orderFields(document: Document, catalog: Catalog): void {
  const { contents } = document;
  if (!isMap(contents)) return;
  const heading = takeHeading(contents);
  sortPairs(contents, TOP_FIELDS);
  const first = contents.items[0]?.key;
  if (heading !== undefined && isScalar(first)) first.commentBefore = [heading, first.commentBefore].filter(Boolean).join('\n');
  const metadata = contents.get('metadata');
  if (isMap(metadata)) sortPairs(metadata, METADATA_FIELDS);
  const definition = catalog.find(String(contents.get('kind')));
  if (definition !== undefined) orderBySchema(contents.get('spec'), definition.spec);
}

/** The comment above the first field: it is about the document, and stays on top. */
function takeHeading({ items }: YAMLMap): string | undefined {
  const key = items[0]?.key;
  if (!isScalar(key) || typeof key.commentBefore !== 'string') return undefined;
  const { commentBefore } = key;
  delete key.commentBefore;
  return commentBefore;
}

/** The order in which the reference lists the fields; free keys and lists keep theirs. */
function orderBySchema(node: unknown, schema: z.ZodType): void {
  if (isSeq(node)) {
    const entry = childSchema(schema)?.schema;
    if (entry !== undefined) for (const item of node.items) orderBySchema(item, entry);
  }
  if (!isMap(node)) return;
  const fields = fieldsOf(schema, node.toJSON());
  const free = childSchema(schema)?.schema;
  if (fields !== undefined) sortPairs(node, Object.keys(fields));
  for (const { key, value } of node.items) {
    const inner = fields === undefined ? free : fields[nameOf({ key })];
    if (inner !== undefined) orderBySchema(value, inner);
  }
}

const nameOf = ({ key }: Pick<Pair, 'key'>): string => (isScalar(key) ? String(key.value) : '');

/** What is not known stays behind what is, in its own order. */
function sortPairs(map: YAMLMap, order: readonly string[]): void {
  const rank = (pair: Pair): number => {
    const index = order.indexOf(nameOf(pair));
    return index === -1 ? order.length : index;
  };
  const [first] = map.items;
  const sorted = [...map.items].sort((a, b) => rank(a) - rank(b));
  if (sorted.every((pair, index) => pair === map.items[index])) return;
  // An empty line before a field goes with it; before the first field of a mapping there is none.
  const now = sorted[0];
  if (now !== first && isScalar(now?.key)) delete now.key.spaceBefore;
  map.items = sorted;
}

/** Whether two texts are read as the same manifest, with the same findings but for older spellings. */
function isSameMeaning(before: string, after: string): boolean {
  const meaning = (text: string): string => {
    const { manifests, diagnostics } = parseManifests(text, '');
    return canonicalJson([
      manifests.map(({ kind, tenant, name, labels, annotations, spec }) => [kind, tenant ?? null, name, labels, annotations, spec]),
      diagnostics
        .filter(({ code }) => code !== 'old_api_version')
        .map(({ code, message }) => `${code} ${message}`)
        .sort(),
    ]);
  };
  return meaning(before) === meaning(after);
}
