/** Reference pages of kinds, policy types and the configuration, from their definitions. */
import { stringify } from 'yaml';
import * as z from 'zod';
import { stoaConfig } from './config.js';
import type { KindDefinition } from './kind.js';
import { API_VERSION } from './manifest.js';
import type { PolicyType } from './policy-type.js';
import { childSchema, choicesOf, defaultOf, descriptionOf, fieldsOf, isRequired, traitsOf, variantsOf } from './schema-walk.js';
import { testFile } from './test-file.js';

const NOTICE = '<!-- Written by "npm run generate" from the definitions. -->';

/** The page of one kind. */
export function kindPage(definition: KindDefinition): string {
  const { kind, plural, scope, summary, spec, example } = definition;
  const metadata = { name: 'example', ...(scope === 'tenant' ? { tenant: 'acme' } : {}) };
  const manifest = stringify({ apiVersion: API_VERSION, kind, metadata, spec: example });
  return page(kind, summary, [
    scope === 'tenant' ? 'Lives in a tenant: `metadata.tenant` names it.' : 'Lives in no tenant.',
    `Schema for editors: [${plural}.schema.json](../schemas/${plural}.schema.json).`,
    '## Example',
    yamlBlock(manifest),
    '## Fields of `spec`',
    fieldTable(spec),
  ]);
}

/** The page of one policy type. */
export function policyPage({ type, summary, behaviour = [], config, example }: PolicyType): string {
  const manifest = stringify({
    apiVersion: API_VERSION,
    kind: 'Policy',
    metadata: { name: 'example', tenant: 'acme' },
    spec: { policy_type: type, config: example, targets: [{ kind: 'API', name: 'payments' }] },
  });
  return page(`Policy type \`${type}\``, summary, [
    ...(behaviour.length === 0 ? [] : [behaviour.map((text) => `- ${text}`).join('\n')]),
    '## Example',
    yamlBlock(manifest),
    '## Fields of `spec.config`',
    fieldTable(config),
  ]);
}

/** The page of stoa.config.yaml. */
export function configPage(): string {
  return page('stoa.config.yaml', 'Stands at the root of a repository: what belongs to it, and where it is applied.', [
    'Schema for editors: [stoa.config.schema.json](schemas/stoa.config.schema.json).',
    '## Fields',
    fieldTable(stoaConfig),
  ]);
}

/** The page of test files. */
export function testsPage(): string {
  const example = {
    cases: [
      {
        name: 'the eleventh request of a minute is refused',
        steps: [
          { request: { path: '/apis/acme/payments/17', key: 'mobile-app-payments', repeat: 10 }, expect: { status: 200 } },
          { request: { path: '/apis/acme/payments/17', key: 'mobile-app-payments' }, expect: { status: 429, upstream: { requests: 0 } } },
          { advance: '1m' },
          { request: { path: '/apis/acme/payments/17', key: 'mobile-app-payments' }, expect: { status: 200 } },
        ],
      },
    ],
  };
  return page('Test files', 'What `stoactl test` runs against the bundled gateway: requests, and what is expected of them.', [
    'Schema for editors: [tests.schema.json](schemas/tests.schema.json). How they are run: [Testing](../testing.md).',
    '## Example',
    yamlBlock(stringify(example)),
    '## Fields',
    fieldTable(testFile),
  ]);
}

const page = (title: string, summary: string, parts: readonly string[]): string =>
  `${[NOTICE, `# ${title}`, summary, ...parts].join('\n\n')}\n`;

const yamlBlock = (text: string): string => `\`\`\`yaml\n${text}\`\`\``;

function fieldTable(schema: z.ZodType): string {
  const rows = groups(fieldRows(schema, '')).map(({ names, type, notes, description }) => {
    return `| ${names.map((name) => `\`${name}\``).join(', ')} | ${cell(type)} | ${cell(notes)} | ${cell(description)} |`;
  });
  return ['| Field | Type | | What it is |', '|---|---|---|---|', ...rows].join('\n');
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

interface Row {
  readonly names: readonly string[];
  readonly type: string;
  readonly notes: string;
  readonly description: string;
}

/** Spellings of one thing on one row. */
function groups(rows: readonly Row[]): Row[] {
  const byText = new Map<string, Row>();
  for (const row of rows) {
    const parent = row.names[0]?.replace(/[^.]*$/, '');
    const key = JSON.stringify([parent, row.type, row.notes, row.description]);
    const before = byText.get(key);
    byText.set(key, before === undefined ? row : { ...row, names: [...before.names, ...row.names] });
  }
  return [...byText.values()];
}

/** One row for each field, inner ones after their outer. */
function fieldRows(schema: z.ZodType, prefix: string): Row[] {
  return [...shapeOf(schema)].flatMap(([name, fields]) => {
    const [first, ...others] = [...fields];
    if (first === undefined) return [];
    const rows = rowsOf(first, `${prefix}${name}`);
    return others.length === 0
      ? rows
      : rows.slice(0, 1).map((row) => others.reduce((merged, field) => merge(merged, rowsOf(field, name)[0]), row));
  });
}

/** The fields of a mapping; of a union all that its variants have, which may be a different one in each. */
function shapeOf(schema: z.ZodType): Map<string, Set<z.ZodType>> {
  const union = variantsOf(schema);
  const shape = new Map<string, Set<z.ZodType>>();
  for (const one of union === undefined ? [schema] : union.variants.values()) {
    for (const [name, field] of Object.entries(fieldsOf(one) ?? {})) shape.set(name, (shape.get(name) ?? new Set()).add(field));
  }
  return shape;
}

/** What differs by variant is described on the variant's own page. */
function merge(row: Row, other: Row | undefined): Row {
  if (other === undefined) return row;
  const type = row.type === other.type ? row.type : `${row.type}, ${other.type}`;
  return { ...row, type, description: `${row.description} ${other.description}` };
}

function rowsOf(field: z.ZodType, name: string): Row[] {
  const own: Row = { names: [name], type: typeText(field), notes: notesOf(field), description: descriptionOf(field) };
  const child = childSchema(field);
  const inner = child === undefined ? fieldRows(field, `${name}.`) : fieldRows(child.schema, `${name}${child.isList ? '[]' : '.*'}.`);
  return [own, ...inner];
}

function notesOf(field: z.ZodType): string {
  const { set, immutable, secretRef } = traitsOf(field);
  const fallback = defaultOf(field);
  return [
    isRequired(field) ? 'required' : '',
    fallback === undefined ? '' : `default ${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}`,
    set === true ? 'order does not matter' : '',
    immutable === true ? 'never changes' : '',
    secretRef === true ? 'a reference, never the secret' : '',
  ]
    .filter((note) => note !== '')
    .join('; ');
}

function typeText(field: z.ZodType): string {
  const choices = choicesOf(field);
  if (choices.length > 0) return choices.map((choice) => `\`${choice}\``).join(', ');
  const child = childSchema(field);
  if (child !== undefined) return child.isList ? `list of ${typeText(child.schema)}` : `mapping of ${typeText(child.schema)}`;
  return jsonTypeText(z.toJSONSchema(field, { io: 'input', unrepresentable: 'any' }) as JsonType);
}

const WORDS: Readonly<Record<string, string>> = { object: 'mapping', string: 'text', integer: 'whole number', boolean: 'true or false' };

/** The part of a JSON Schema that names the type. */
interface JsonType {
  readonly type?: string;
  readonly anyOf?: readonly JsonType[];
}

function jsonTypeText({ type, anyOf }: JsonType): string {
  if (anyOf !== undefined) return anyOf.map(jsonTypeText).join(' or ');
  return type === undefined ? 'any value' : (WORDS[type] ?? type);
}
