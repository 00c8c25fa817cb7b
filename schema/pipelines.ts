/** The file of `--pipelines`: which pipelines may sign in with the token that their own system gives them, and as what (docs/decisions/0023-sign-in.md). */
import { parse, YAMLParseError } from 'yaml';
import * as z from 'zod';
import { StoaError } from './error.js';
import { isSecureIssuer } from './issuer-url.js';
import { resourceName } from './name.js';

const word = z.string().min(1).max(1000);

/** Without one of these a rule would be for every project of the system: a branch called main is in all of them. */
const NAMES_PROJECT = ['sub', 'repository', 'repository_id', 'project_path', 'project_id', 'ci_config_ref_uri'];

const rule = z
  .strictObject({
    issuer: z.string().refine(isSecureIssuer, 'It is an https address; only on loopback may it be http.'),
    audience: word,
    claims: z
      .record(word, z.union([word, z.array(word).min(1)]))
      .refine(
        (claims) => NAMES_PROJECT.some((name) => Object.hasOwn(claims, name)),
        `One of them says which project it is: ${NAMES_PROJECT.join(', ')}.`,
      ),
    role: z.enum(['cpi-admin', 'tenant-admin', 'devops', 'viewer']),
    tenant: resourceName.optional(),
  })
  .refine(({ role, tenant }) => (role === 'cpi-admin') === (tenant === undefined), {
    message: 'A cpi-admin has no tenant, and every other role has one.',
    path: ['tenant'],
  });

const file = z.strictObject({ pipelines: z.array(rule).min(1) });

/** A pipeline that is let in: every claim is, to the letter, this text or one of these. */
export type PipelineRule = z.output<typeof rule>;

/** Reads the text of the file, YAML or JSON. Throws `usage_error` that says what is wrong where; `name` is what it calls the file. */
export function parsePipelines(text: string, name: string): readonly PipelineRule[] {
  const parsed = file.safeParse(parseYaml(text, name));
  if (parsed.success) return parsed.data.pipelines;
  const { path = [], message = '' } = parsed.error.issues[0] ?? {};
  throw new StoaError('usage_error', `${name}: ${path.join('.')}: ${message}`, { hint: 'docs/operations.md has an example.' });
}

function parseYaml(text: string, name: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof YAMLParseError) throw new StoaError('usage_error', `${name} is no YAML: ${error.message}`, { cause: error });
    throw error;
  }
}
