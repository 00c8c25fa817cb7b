/** What is wrong with one spec: zod's issues in our words, each with its path, a hint, and nothing secret in it. */
import type { z } from 'zod';
import { suggest } from './did-you-mean.js';
import type { Json, JsonObject, KindDefinition } from './kind.js';
import { choicesOf, fieldsOf, schemaAt, traitsOf, valueAt, variantsOf } from './schema-walk.js';
import { oneOf, quoted, shown } from './shown.js';

type Path = readonly (string | number)[];

/** One finding inside a spec; the caller knows whose spec it is and where it stands. */
export interface SpecFinding {
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  /** Below `spec`. */
  readonly path: Path;
  /** What of the field is to be pointed at. */
  readonly part: 'key' | 'value';
}

/** The parsed spec, or what is wrong with it. */
export function checkSpec(definition: KindDefinition, spec: unknown): { spec?: JsonObject; findings: SpecFinding[] } {
  const result = definition.spec.safeParse(spec, { error: (issue) => sentence(issue as z.core.$ZodRawIssue) });
  // A spec that its schema has parsed is a JSON object: every kind's schema is one of objects.
  if (result.success) return { spec: result.data as JsonObject, findings: [] };
  return { findings: result.error.issues.flatMap((issue) => findingsOf(issue, definition.spec, spec)) };
}

function findingsOf(issue: z.core.$ZodIssue, schema: z.ZodType, spec: unknown): SpecFinding[] {
  const path = issue.path as Path;
  const base = { severity: 'error', path, part: 'value' } as const;
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownField(key, path, schema, spec));
  const value = valueAt(spec, path);
  const field = schemaAt(schema, path, spec);
  if (field !== undefined && traitsOf(field).secretRef === true && typeof value === 'string')
    return [
      {
        ...base,
        code: 'literal_secret',
        message: `${label(path)} holds a value; a secret is given by reference only.`,
        hint: 'Write env:NAME or file:path.',
      },
    ];
  if (issue.code === 'invalid_union') return [unionFinding(issue, path, schema, spec)];
  if (value === undefined) return [{ ...base, code: 'missing_field', message: issue.message, ...hintFor(field, value) }];
  const code = issue.code === 'invalid_type' ? 'wrong_type' : 'invalid_value';
  return [{ ...base, code, message: withValue(issue, value), ...hintFor(field, value) }];
}

function unknownField(key: string, path: Path, schema: z.ZodType, spec: unknown): SpecFinding {
  const parent = schemaAt(schema, path, spec);
  const known = Object.keys((parent === undefined ? undefined : fieldsOf(parent, valueAt(spec, path))) ?? {});
  const nearest = suggest(key, known) ?? containing(key, known);
  const hint =
    nearest !== undefined
      ? `Did you mean "${nearest}"?`
      : known.length === 0
        ? 'No field can stand here.'
        : `Known fields: ${known.slice(0, 30).join(', ')}.`;
  const place = path.length === 0 ? '' : ` in ${label(path)}`;
  return {
    severity: 'error',
    code: 'unknown_field',
    message: `The field ${quoted(key)} is not known${place}.`,
    hint,
    path: [...path, key],
    part: 'key',
  };
}

/** `secret` for `secret_ref`, `upstream` for `upstream_url`. */
const containing = (key: string, known: readonly string[]): string | undefined =>
  key.length < 4 ? undefined : known.find((name) => name.startsWith(`${key}_`) || name.endsWith(`_${key}`));

function unionFinding(issue: z.core.$ZodIssue, path: Path, schema: z.ZodType, spec: unknown): SpecFinding {
  const base = { severity: 'error', path, part: 'value' } as const;
  const parentPath = path.slice(0, -1);
  const parent = schemaAt(schema, parentPath, spec);
  const union = (parent === undefined ? undefined : variantsOf(parent)) ?? undefined;
  if (union === undefined) return { ...base, code: 'invalid_value', message: `${label(path)} cannot be ${shown(valueAt(spec, path))}.` };
  const choices = [...union.variants.keys()];
  const value = valueAt(spec, path);
  if (value === undefined)
    return { ...base, code: 'missing_field', message: `${label(path)} is missing.`, hint: `Write one of: ${choices.join(', ')}.` };
  return {
    ...base,
    code: 'unknown_type',
    message: `${label(path)} is ${shown(value)}, which is not known.`,
    ...choiceHint(value, choices),
    path: issue.path as Path,
  };
}

function choiceHint(value: unknown, choices: readonly string[]): { hint?: string } {
  if (choices.length === 0) return {};
  const nearest = typeof value === 'string' ? suggest(value, choices) : undefined;
  return { hint: nearest === undefined ? `Write one of: ${choices.join(', ')}.` : `Did you mean "${nearest}"?` };
}

function hintFor(field: z.ZodType | undefined, value: unknown): { hint?: string } {
  const choices = choicesOf(field);
  return choices.length > 0 && value !== undefined ? choiceHint(value, choices) : {};
}

/** The schema's own sentence about a text names the text too, except where documents fix the words (row CV21). */
function withValue(issue: z.core.$ZodIssue, value: unknown): string {
  const isOwn = (issue.code === 'invalid_format' || issue.code === 'custom') && typeof value === 'string';
  return isOwn && !issue.message.includes(quoted(value).slice(1, -1))
    ? `${quoted(value)} does not fit here. ${issue.message}`
    : issue.message;
}

const label = (path: Path): string => (path.length === 0 ? 'The spec' : quoted(path.join('.')));

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

/** One issue as a full sentence with the value in it. Schemas with words of their own take precedence. */
function sentence(issue: z.core.$ZodRawIssue): string {
  const { input } = issue;
  const name = label((issue.path ?? []) as Path);
  if (input === undefined && issue.code !== 'custom') return `${name} is missing.`;
  const found = shown(input);
  switch (issue.code) {
    case 'invalid_type':
      return input === null
        ? `${name} has no value; it must be ${expected(issue)}.`
        : `${name} must be ${expected(issue)}, not ${describe(input)}.`;
    case 'invalid_value':
      return `${name} is ${found}; it must be ${oneOf((issue.values ?? []).map((value) => shown(value)))}.`;
    case 'too_small':
    case 'too_big':
      return `${name} ${bound(issue, input)}`;
    case 'invalid_format':
      return `${name} is ${found}, which is not ${FORMATS[String(issue.format)] ?? 'in the right form'}.`;
    case 'not_multiple_of':
      return `${name} is ${found}; it must be a multiple of ${String(issue.divisor)}.`;
    case 'invalid_key':
      return `${name} has a key that is not allowed.`;
    default:
      return `${name} cannot be ${found}.`;
  }
}

const FORMATS: Readonly<Record<string, string>> = { email: 'an e-mail address', url: 'a URL' };

const expected = (issue: z.core.$ZodRawIssue): string =>
  EXPECTED[String(issue.format === 'safeint' ? 'int' : issue.expected)] ?? String(issue.expected);

/** What was found, with its sort: `the text "30s"`. */
function describe(input: unknown): string {
  if (typeof input === 'string') return `the text ${quoted(input)}`;
  return typeof input === 'number' ? `the number ${input}` : shown(input);
}

function bound(issue: z.core.$ZodRawIssue, input: unknown): string {
  const isSmall = issue.code === 'too_small';
  const limit = String(isSmall ? issue.minimum : issue.maximum);
  const word = `${isSmall ? 'at least' : 'at most'} ${limit}`;
  if (issue.origin === 'string')
    return isSmall && limit === '1' ? 'is empty.' : `has ${(input as string).length} characters; ${word} are allowed.`;
  if (issue.origin === 'array' || issue.origin === 'set')
    return `has ${(input as Json[]).length} entries; ${word} ${limit === '1' ? 'is' : 'are'} ${isSmall ? 'needed' : 'allowed'}.`;
  return issue.inclusive === false
    ? `is ${shown(input)}; it must be ${isSmall ? 'more' : 'less'} than ${limit}.`
    : `is ${shown(input)}; it must be ${word}.`;
}
