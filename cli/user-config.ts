/** A person's own configuration: servers by name (contexts) and what opens them. In the home directory, for its owner alone. */
import { readFileSync, statSync } from 'node:fs';
import { isMap, parseDocument, type Document } from 'yaml';
import * as z from 'zod';
import { suggest } from '../schema/did-you-mean.js';
import { StoaError, type Diagnostic } from '../schema/error.js';
import { resourceName, toResourceName } from '../schema/name.js';
import { tryLock } from './lock-file.js';
import { writeWhole } from './operations/write-file.js';
import { userConfigPath, type Environment } from './user-config-path.js';

const url = z.string().refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol));
const word = z.string().min(1);
const context = z.strictObject({
  server: url,
  auth_server: url.optional(),
  gateway: url.optional(),
  realm: word.optional(),
  client_id: word.optional(),
  tenant: resourceName.optional(),
  client_secret: word.optional(),
  token: word.optional(),
  token_expires_at: z.iso.datetime().optional(),
  refresh_token: word.optional(),
});
const userConfig = z.strictObject({ current: word.optional(), contexts: z.record(resourceName, context).default({}) });

export type Context = z.infer<typeof context>;

/** A context with its name. */
export interface ChosenContext {
  readonly name: string;
  readonly context: Context;
}

/** The parsed file and where it is. */
export interface UserConfig extends z.infer<typeof userConfig> {
  readonly path: string;
}

/** The settings of a context that are no secret. */
export type ContextFields = Partial<Omit<Context, 'client_secret' | 'token' | 'token_expires_at' | 'refresh_token'>>;

const OTHERS = 0o077;
const STALE_LOCK_MS = 5000;
const LOOK_AGAIN_MS = 10;

/**
 * The user's configuration; without a file it is empty. Throws `validation_error` for a file that is wrong, without a value of it, and `unauthorized`
 * when it holds a secret and others can read it.
 */
export function readUserConfig(env: Environment): UserConfig {
  const path = userConfigPath(env);
  if (path === undefined) return { path: '', contexts: {} };
  const document = readDocument(path);
  const { data, error } = userConfig.safeParse(document.toJS() ?? {});
  if (data === undefined) throw invalid(path, error);
  const hasSecret = Object.values(data.contexts).some((one) =>
    [one.client_secret, one.token, one.refresh_token].some((secret) => secret !== undefined),
  );
  if (hasSecret && process.platform !== 'win32') requirePrivate(path);
  return { ...data, path };
}

/** The context of a name, or the current one. Throws `usage_error` for a name that there is not. */
export function findContext({ contexts, current, path }: UserConfig, wanted: string | undefined): ChosenContext | undefined {
  const name = wanted ?? current;
  if (name === undefined) return undefined;
  const found = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (found !== undefined) return { name, context: found };
  const names = Object.keys(contexts);
  const nearest = suggest(name, names);
  throw new StoaError('usage_error', `There is no context "${name}" in ${path}.`, {
    hint:
      nearest !== undefined
        ? `Did you mean "${nearest}"?`
        : names.length === 0
          ? `Make it: stoactl context set ${name} --server https://api.example.com.`
          : `Known: ${names.join(', ')}.`,
  });
}

type Fields = Partial<Context>;

/**
 * Changes fields of a context, and whether it is the current one, in the file: comments and everything else stay. The file is made when it is not there.
 * Fields may be decided from those that are there: no other process changes the file in between.
 */
export function writeContext(env: Environment, name: string, fields: Fields | ((known?: Context) => Fields), isCurrent: boolean): void {
  const path = userConfigPath(env);
  if (path === undefined)
    throw new StoaError('usage_error', 'There is no place for a configuration: HOME is not set.', {
      hint: 'Set HOME, or XDG_CONFIG_HOME.',
    });
  if (!resourceName.safeParse(name).success)
    throw new StoaError('usage_error', `"${name}" cannot be the name of a context: lower-case letters, digits and hyphens are.`, {
      hint: `Try "${toResourceName(name) ?? 'production'}".`,
    });
  const release = lock(path);
  try {
    const { contexts, current } = readUserConfig(env);
    const known = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
    const given = typeof fields === 'function' ? fields(known) : fields;
    const { error } = context.safeParse({ ...known, ...given });
    if (error !== undefined) throw wrongFields(name, error);
    const document = readDocument(path);
    for (const [field, value] of Object.entries<string | undefined>(given)) {
      if (value === undefined) document.deleteIn(['contexts', name, field]);
      else document.setIn(['contexts', name, field], value);
    }
    if (isCurrent || current === undefined) document.set('current', name);
    writeWhole(path, document.toString({ lineWidth: 0 }), 0o600);
  } finally {
    release();
  }
}

/** Waits for the other process that changes the file: that takes milliseconds. */
function lock(path: string): () => void {
  for (;;) {
    const release = tryLock(`${path}.lock`, STALE_LOCK_MS);
    if (release !== undefined) return release;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_AGAIN_MS);
  }
}

function readDocument(path: string): Document {
  const text = statSync(path, { throwIfNoEntry: false }) === undefined ? '' : readFileSync(path, 'utf8');
  const document = parseDocument(text, { logLevel: 'silent', prettyErrors: false });
  const [problem] = document.errors;
  if (problem !== undefined || (document.contents !== null && !isMap(document.contents)))
    throw new StoaError('validation_error', `${path} is not a configuration in YAML.`, { hint: 'Mend it, or move it away.' });
  return document;
}

/** Places only: a value may be a secret. */
function invalid(path: string, error: z.ZodError): StoaError {
  const diagnostics = error.issues.map((issue): Diagnostic => {
    const place = [...issue.path, ...('keys' in issue ? issue.keys : [])].join('.');
    return { severity: 'error', code: 'invalid_config', message: `${place} is not right, or not known.`, path: place };
  });
  return new StoaError('validation_error', `${path} is not valid.`, { diagnostics, hint: 'Mend it, or move it away.' });
}

function wrongFields(name: string, error: z.ZodError): StoaError {
  const field = String(error.issues[0]?.path[0] ?? '');
  return new StoaError('usage_error', `The context "${name}" has no right ${field}.`, {
    hint: field === 'server' ? 'Give it: --server https://api.example.com.' : `Check --${field.replaceAll('_', '-')}.`,
  });
}

function requirePrivate(path: string): void {
  const mode = statSync(path).mode & 0o777;
  if ((mode & OTHERS) === 0) return;
  throw new StoaError('unauthorized', `${path} holds secrets, and others can read it (mode ${mode.toString(8).padStart(4, '0')}).`, {
    hint: `Make it yours alone: chmod 600 ${path}.`,
  });
}
