/**
 * A plan that is kept: what was shown, and what it takes to find out whether it still holds. The manifests lie beside it and are read again; neither a
 * secret nor anything that a secret could be guessed by is in it.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import * as z from 'zod';
import { redactApiKeys } from '../../schema/api-key.js';
import type { ApplySource, Plan } from '../../schema/change.js';
import { StoaError, type Diagnostic } from '../../schema/error.js';
import { canonicalJson } from '../../schema/resource.js';
import type { Client } from '../client.js';
import type { Settings } from '../settings.js';
import { fileReason } from './file-error.js';
import { expectedOf, plan as planNow, type PlannedRequest } from './change.js';
import { shownPath, STDIN, type TextFile } from './files.js';
import { writeWhole } from './write-file.js';

const text = z.string();
const options = z.strictObject({
  filename: z.array(text),
  recursive: z.boolean(),
  project: text,
  environment: text.optional(),
  tenant: text.optional(),
  prune: z.boolean(),
  'take-ownership': z.boolean(),
  'max-deletes': text.optional(),
});
const change = z.looseObject({ kind: text, tenant: text, name: text, action: z.enum(['create', 'update', 'delete']), version: z.int() });
const planFile = z.strictObject({
  schema_version: z.literal(1),
  digest: text,
  made_at: text,
  server: text,
  source: z.strictObject({ commit: text.optional(), ci_run: text.optional() }),
  options,
  files: z.array(z.strictObject({ file: text, sha256: text })),
  plan: z.looseObject({ changes: z.array(change) }),
});

/** How the plan was asked for: names and values of the flags of diff. */
export type PlanFileOptions = z.infer<typeof options>;

export interface PlanFile extends Omit<z.infer<typeof planFile>, 'plan'> {
  readonly plan: Plan;
}

export interface KeptPlan {
  readonly plan: Plan;
  readonly planned: PlannedRequest;
  readonly settings: Settings;
  readonly flags: Pick<PlanFileOptions, 'recursive' | 'prune' | 'take-ownership'>;
  readonly filename: readonly string[];
  readonly source: ApplySource;
  readonly now: Date;
  readonly cwd: string;
}

/** Writes a plan to a file, whole or not at all. Throws `usage_error` for manifests that cannot be read again. */
export function writePlanFile(path: string, { plan, planned, settings, flags, filename, source, now, cwd }: KeptPlan): void {
  if (filename.includes(STDIN))
    throw new StoaError('usage_error', 'A plan of stdin cannot be kept: "apply" reads the manifests again.', {
      hint: 'Name files or directories with -f.',
    });
  const { configFile, environment, environmentName, tenant, project } = settings;
  const { set, request } = planned;
  const config = configFile === undefined ? [] : [resolve(cwd, configFile.file)];
  const files = [
    ...config.map((file) => digestOfFile(shownPath(file, cwd), cwd) ?? { file, sha256: '' }),
    ...(set?.texts ?? []).map(digestOfText),
  ];
  const content = {
    schema_version: 1,
    made_at: now.toISOString(),
    server: settings.server,
    source,
    options: {
      filename: filename.map((name) => portable(name, cwd)),
      recursive: flags.recursive,
      project,
      environment: environment === undefined ? undefined : environmentName,
      tenant,
      prune: flags.prune,
      'take-ownership': flags['take-ownership'],
      'max-deletes': request.max_deletes,
    },
    files,
    plan,
  };
  const safe = JSON.parse(redactApiKeys(JSON.stringify(content))) as object;
  writeWhole(path, `${JSON.stringify({ digest: sha256(canonicalJson(safe)), ...safe }, null, 2)}\n`);
}

/** Reads a plan file. Throws `not_found`, and `validation_error` for one that is none, was edited, or is of another version. */
export function readPlanFile(path: string, cwd: string): PlanFile {
  const value = parse(path, readText(resolve(cwd, path), path));
  const { data, error } = planFile.safeParse(value);
  if (data === undefined) throw notAPlan(path, error);
  const { digest, ...content } = value as PlanFile;
  if (digest === sha256(canonicalJson(content))) return data as unknown as PlanFile;
  throw new StoaError('validation_error', `${path} was changed after it was made at ${data.made_at}: it is not what its digest says.`, {
    hint: 'Nothing was changed. A plan is not edited: make a new one with "stoactl diff --out".',
  });
}

/** Throws `usage_error` when a flag of this call contradicts the plan. */
export function requireSameFlags(file: PlanFile, given: Readonly<Record<string, unknown>>, cwd: string): void {
  const normal = (value: unknown): unknown => (Array.isArray(value) ? value.map((item) => portable(String(item), cwd)) : value);
  for (const name of Object.keys(options.shape)) {
    const value = normal(given[name]);
    const planned = file.options[name as keyof PlanFileOptions];
    const isGiven = value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
    if (isGiven && canonicalJson(value) !== canonicalJson(planned ?? null))
      throw new StoaError('usage_error', `--${name} is not what the plan was made with.`, {
        hint: 'Leave it out: the plan says how it is applied. For another plan run "stoactl diff --out".',
      });
  }
}

/** Throws `conflict` that names every file of the plan that is no longer as it was. */
export function requireSameFiles(file: PlanFile, cwd: string): void {
  const moved = file.files.flatMap((known) => {
    const found = digestOfFile(known.file, cwd);
    if (found?.sha256 === known.sha256) return [];
    return [{ file: known.file, what: found === undefined ? 'is gone' : 'has changed' }];
  });
  refuseFiles(file, moved);
}

/** Throws `conflict` that names every file that would be read now and was not when the plan was made. */
export function requireNoMoreFiles(file: PlanFile, texts: readonly TextFile[]): void {
  const known = new Set(file.files.map(({ file: name }) => name));
  refuseFiles(
    file,
    texts.flatMap((read) => (known.has(read.file) ? [] : [{ file: read.file, what: 'is new' }])),
  );
}

/** The plan that the control plane makes now, which is the one of the file. Throws `conflict` that says what has moved, by whom and when. */
export async function planAgain(file: PlanFile, planned: PlannedRequest, client: Client): Promise<Plan> {
  const request = { ...planned.request, with_digests: true, expect: expectedOf(file.plan) };
  try {
    const now = await planNow({ ...planned, request }, client);
    if (redactApiKeys(canonicalJson(now.changes)) === canonicalJson(file.plan.changes)) return now;
  } catch (error) {
    if (!(error instanceof StoaError) || error.code !== 'conflict') throw error;
    const diagnostics = error.diagnostics.length > 1 ? error.diagnostics : [];
    throw new StoaError('conflict', error.message, { diagnostics, hint: staleHint(file) });
  }
  throw new StoaError('conflict', 'The changes in the plan are not the changes that would be made.', { hint: staleHint(file) });
}

function refuseFiles(file: PlanFile, moved: readonly { readonly file: string; readonly what: string }[]): void {
  const [first] = moved;
  if (first === undefined) return;
  const diagnostics = moved.map((each): Diagnostic => {
    const message = `${each.file} ${each.what} since the plan was made.`;
    return { severity: 'error', code: 'conflict', message, path: '' };
  });
  const more = moved.length === 1 ? '' : ` So have ${moved.length - 1} more files.`;
  throw new StoaError('conflict', `${first.file} ${first.what} since the plan was made.${more}`, {
    diagnostics: moved.length === 1 ? [] : diagnostics,
    hint: staleHint(file),
  });
}

const staleHint = ({ made_at, server, source: { commit } }: PlanFile): string =>
  `Nothing was changed. The plan was made at ${made_at} against ${server}${commit === undefined ? '' : ` from commit ${commit}`}; make a new one with "stoactl diff --out".`;

/** A path as another checkout has it too: relative where it is below the working directory. */
const portable = (path: string, cwd: string): string => (isAbsolute(path) ? shownPath(path, cwd) : path);

const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');
const digestOfText = ({ file, text: content }: TextFile) => ({ file, sha256: sha256(content) });

function digestOfFile(file: string, cwd: string): { file: string; sha256: string } | undefined {
  try {
    return digestOfText({ file, text: readFileSync(resolve(cwd, file), 'utf8') });
  } catch {
    return undefined;
  }
}

function readText(path: string, shown: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new StoaError('not_found', `There is no plan file "${shown}".`, { hint: `Make one: stoactl diff --out ${shown}.` });
    throw new StoaError('bad_request', `${shown} cannot be read: ${fileReason(error)}.`, {
      hint: 'Name a file that "stoactl diff --out" has made.',
      cause: error,
    });
  }
}

function parse(path: string, content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    throw notAPlan(path, undefined);
  }
}

function notAPlan(path: string, error: z.ZodError | undefined): StoaError {
  const places =
    error?.issues
      .slice(0, 3)
      .map((issue) => issue.path.join('.'))
      .filter((place) => place !== '') ?? [];
  const what = places.length === 0 ? '' : ` What it says at ${places.join(', ')} is not what a plan says there.`;
  return new StoaError('validation_error', `${path} is not a plan of stoactl.${what}`, {
    hint: 'Nothing was changed. Make a plan with "stoactl diff --out plan.json"; manifests are named with -f.',
  });
}
