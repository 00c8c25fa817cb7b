/** The clients of the embedded issuer and their secrets. A secret is kept as a digest, never as itself. */
import { randomInt, timingSafeEqual } from 'node:crypto';
import type { ControlPlane, Role } from '../context.js';
import { findSetting, putSetting } from './store.js';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_LENGTH = 40;
const SECRET_SETTING = 'client_secret_digest';
const PLATFORM_CLIENTS = ['control-plane-api', 'stoa-api'];
const DEV_CLIENT = 'stoactl-dev';

export interface Client {
  readonly id: string;
  readonly secretDigest: string;
  readonly role: Role;
}

export interface Clients {
  /** The client when its secret is right. */
  verify(id: string, secret: string): Client | undefined;
  /** Set when a secret was made by this very call: its only showing, once `keep` has made it last. */
  readonly firstRun: { readonly client_id: string; readonly client_secret: string; keep(): Promise<void> } | undefined;
}

export interface ClientSecrets {
  /** Of the platform clients; when absent, the one made at first start. */
  readonly clientSecret?: string | undefined;
  /** Of the client that `stoactl dev` uses, for this run alone. */
  readonly bootstrapSecret?: string | undefined;
}

/** The clients of this run. Makes the platform clients' secret when none is given and none was made before. */
export async function loadClients({ db, vault }: Pick<ControlPlane, 'db' | 'vault'>, secrets: ClientSecrets): Promise<Clients> {
  const stored = secrets.clientSecret === undefined ? await findSetting(db, SECRET_SETTING) : vault.digest(secrets.clientSecret);
  const made = stored === undefined ? randomSecret() : undefined;
  const secretDigest = stored ?? vault.digest(made ?? '');
  const clients: Client[] = PLATFORM_CLIENTS.map((id) => ({ id, secretDigest, role: 'cpi-admin' }));
  if (secrets.bootstrapSecret !== undefined) {
    clients.push({ id: DEV_CLIENT, secretDigest: vault.digest(secrets.bootstrapSecret), role: 'cpi-admin' });
  }
  return {
    verify: (id, secret) => verify(clients, id, vault.digest(secret)),
    firstRun:
      made === undefined
        ? undefined
        : { client_id: 'control-plane-api', client_secret: made, keep: () => putSetting(db, SECRET_SETTING, secretDigest) },
  };
}

/** Compares in constant time, also when the client is unknown. */
function verify(clients: readonly Client[], id: string, digest: string): Client | undefined {
  const client = clients.find((known) => known.id === id);
  const isRight = isSameText(client?.secretDigest ?? '0'.repeat(digest.length), digest);
  return isRight ? client : undefined;
}

/** Whether two texts are equal, in a time that tells nothing of where they differ. */
export function isSameText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** 40 letters and digits: it needs no escaping in a shell or a form. */
export const randomSecret = (): string => Array.from({ length: SECRET_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
