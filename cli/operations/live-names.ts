/** Names of what is live, as completion scripts ask for them: quickly, seldom, and without a word when there is no answer. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Client } from '../client.js';
import type { Environment, Settings } from '../settings.js';

/** So long the names of one server are taken as they were: a shell asks at every press of the key. */
const FRESH_MS = 30_000;
const MOST_NAMES = 1000;

export interface NameQuery {
  readonly kind: string;
  readonly env: Environment;
  readonly now: number;
  settings(): Promise<Settings>;
  client(): Promise<Client>;
}

/** `acme/payments` for each resource of a kind that may be seen, tenants by their name alone; none when that cannot be told. Never throws. */
export async function liveNames(query: NameQuery): Promise<string[]> {
  try {
    const settings = await query.settings();
    const file = cacheFile(query.env, [settings.server, settings.clientId, settings.tenant ?? '', query.kind]);
    const kept = file === undefined ? undefined : readFresh(file, query.now);
    if (kept !== undefined) return kept;
    // All kinds and policies come with this: not at every press of the key.
    const { findKind } = await import('./kinds.js');
    const { kind, scope } = findKind(query.kind);
    const client = await query.client();
    const found = await client.list({ kind, tenant: settings.tenant });
    const names = found.slice(0, MOST_NAMES).map(({ tenant, name }) => (scope === 'global' ? name : `${tenant}/${name}`));
    if (file !== undefined) keep(file, names);
    return names;
  } catch {
    // A shell that completes has no place for an error.
    return [];
  }
}

/** A file of its own for each server, client and tenant; undefined where there is no home directory. */
function cacheFile(env: Environment, parts: readonly string[]): string | undefined {
  const home = env['HOME'] ?? env['USERPROFILE'];
  const base = (env['XDG_CACHE_HOME'] ?? '') === '' ? home && join(home, '.cache') : env['XDG_CACHE_HOME'];
  const name = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
  return base === undefined || base === '' ? undefined : join(base, 'stoa', 'names', name);
}

function readFresh(file: string, now: number): string[] | undefined {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined || now - stat.mtimeMs > FRESH_MS) return undefined;
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}

function keep(file: string, names: readonly string[]): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, names.map((name) => `${name}\n`).join(''), { mode: 0o600 });
}
