/** What is wrong with one spec: zod's issues in our words, each with its path, a hint, and nothing secret in it. */
import type * as z from 'zod';
import { suggest } from './did-you-mean.js';
import type { Json, JsonObject, KindDefinition } from './kind.js';
import { choicesOf, fieldsOf, isWhole, schemaAt, traitsOf, valueAt, variantsOf } from './schema-walk.js';
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
export function checkSpec(definition: Pick<KindDefinition, 'spec'>, spec: unknown): { spec?: JsonObject; findings: SpecFinding[] } {
  const result = definition.spec.safeParse(spec, { error: (issue) => sentence(issue) });
  // A spec that its schema has parsed is a JSON object: every kind's schema is one of objects.
  if (result.success) return { spec: result.data as JsonObject, findings: [] };
  const { issues } = result.error;
  const findings = issues.filter((issue) => !isFollowing(issue, issues)).flatMap((issue) => findingsOf(issue, definition.spec, spec));
  return { findings: [...findings, ...sharedFindings(definition, spec)] };
}

/** Where no variant of a union is chosen zod looks at nothing else: what all variants share is checked as if the first were meant. */
function sharedFindings(definition: Pick<KindDefinition, 'spec'>, spec: unknown): SpecFinding[] {
  const union = variantsOf(definition.spec);
  if (union === undefined || typeof spec !== 'object' || spec === null || fieldsOf(definition.spec, spec) !== undefined) return [];
  const [first] = union.variants.keys();
  const all = [...union.variants.values()].map((variant) => fieldsOf(variant) ?? {});
  const differs = (name: string): boolean => new Set(all.map((fields) => fields[name])).size > 1;
  const { findings } = checkSpec(definition, { ...spec, [union.discriminator]: first });
  return findings.filter(({ path: [name] }) => !differs(String(name)));
}

/** Whether a rule about a whole mapping fails where one of its fields is misspelt: the misspelling is the finding. */
function isFollowing(issue: z.core.$ZodIssue, issues: readonly z.core.$ZodIssue[]): boolean {
  if (issue.code !== 'custom') return false;
  const place = issue.path.join('.');
  return issues.some(({ code, path }) => code === 'unrecognized_keys' && path.join('.') === place);
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
  if (issue.code === 'invalid_union') return [unionFinding(path, schema, spec)];
  if (value === undefined) return [{ ...base, code: 'missing_field', message: issue.message, ...hintFor(field, 'Write one of: ') }];
  const message = withValue(issue, value, field);
  if (issue.code === 'invalid_type') return [{ ...base, code: 'wrong_type', message }];
  // Words of the schema's own may not name the choices.
  const listing = message.includes(' must be ') ? undefined : 'Write one of: ';
  return [{ ...base, code: 'invalid_value', message, ...hintFor(field, listing, value) }];
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

function unionFinding(path: Path, schema: z.ZodType, spec: unknown): SpecFinding {
  const base = { severity: 'error', path, part: 'value' } as const;
  const parent = schemaAt(schema, path.slice(0, -1), spec);
  const union = parent === undefined ? undefined : variantsOf(parent);
  const value = valueAt(spec, path);
  if (union === undefined) return { ...base, code: 'invalid_value', message: `${label(path)} cannot be ${shown(value)}.` };
  const choices = [...union.variants.keys()];
  if (value === undefined)
    return { ...base, code: 'missing_field', message: `${label(path)} is missing.`, hint: `Write one of: ${choices.join(', ')}.` };
  const code = typeof value === 'string' ? 'unknown_type' : 'wrong_type';
  return {
    ...base,
    code,
    message: `${label(path)} is ${shown(value)}, which is not known.`,
    ...choiceHint(choices, 'Write one of: ', value),
  };
}

/** The nearest of several choices; else all of them after the words of `listing`. */
function choiceHint(choices: readonly string[], listing: string | undefined, value?: unknown): { hint?: string } {
  const nearest = typeof value === 'string' ? suggest(value, choices) : undefined;
  if (nearest !== undefined) return { hint: `Did you mean "${nearest}"?` };
  return listing === undefined || choices.length === 0 ? {} : { hint: `${listing}${choices.join(', ')}.` };
}

const hintFor = (field: z.ZodType | undefined, listing: string | undefined, value?: unknown): { hint?: string } =>
  choiceHint(choicesOf(field), listing, value);

/** The schema's own sentence about a text names the text too, except where documents fix the words (row CV21). */
function withValue(issue: z.core.$ZodIssue, value: unknown, field: z.ZodType | undefined): string {
  const { code, message } = issue;
  if (code === 'invalid_type')
    return field !== undefined && isWhole(field) ? message.replace('must be a number', 'must be a whole number') : message;
  const isOwn =
    (code === 'invalid_format' || code === 'custom') && typeof value === 'string' && !message.includes(quoted(value).slice(1, -1));
  return isOwn ? `${quoted(value)} does not fit here. ${message}` : message;
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
      return `${name} is ${found}; it must be ${oneOf(issue.values.map((value) => shown(value)))}.`;
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
