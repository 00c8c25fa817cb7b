/**
 * The first key of a subscription, for the eyes of who asked for it (row UI4): whoever approves is shown it in the answer, the subscriber is not there then. So it
 * is encrypted to the browser in which they subscribed, as JWE (RFC 7516) with ECDH-ES over P-256 and A256GCM (RFC 7518, sections 4.6 and 5.3), and kept until
 * they look. The control plane, its backups and its disk cannot open it.
 */
import { CompactEncrypt, importJWK } from 'jose';
import * as z from 'zod';
import type { ControlPlane, Trx } from '../context.js';
import { invalidField } from '../http/parse.js';
import type { IssuedKey } from './issue.js';
import { deleteOldSealed, insertSealing, putSealed, sealedKeysOf } from './sealed-store.js';

const KEPT_MS = 30 * 24 * 3_600_000;

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'Expected 32 bytes in base64url.');

/** A public key of P-256 as WebCrypto exports it. */
export const sealingKey = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: coordinate,
  y: coordinate,
});

export type SealingKey = z.infer<typeof sealingKey>;

/** Takes note of the browser to which the first key of a subscription is to be sealed. Throws `validation_error` for what is no point of the curve. */
export async function sealTo(trx: Trx, subscription: string, publicKey: SealingKey): Promise<void> {
  await importJWK(publicKey, 'ECDH-ES').catch(() => {
    throw invalidField('public_key', 'The public key is no point of P-256.');
  });
  await insertSealing(trx, subscription, JSON.stringify(publicKey));
}

/** Seals the key that an approval has made, where a browser waits for it. */
export async function sealIssued(trx: Trx, { row, secret }: IssuedKey, now: number): Promise<void> {
  const [sealing] = await sealedKeysOf(trx, [row.subscription_id]);
  if (sealing === undefined) return;
  // It was checked by `sealTo`.
  const publicKey = await importJWK(JSON.parse(sealing.public_key) as SealingKey, 'ECDH-ES');
  const jwe = new CompactEncrypt(new TextEncoder().encode(secret)).setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM' });
  await putSealed(trx, {
    subscription_id: row.subscription_id,
    key_id: row.id,
    ciphertext: await jwe.encrypt(publicKey),
    expires_at: new Date(now + KEPT_MS).toISOString(),
  });
}

/** Forgets keys that nobody has looked at for 30 days. */
export const forgetSealed = (cp: ControlPlane): Promise<void> => deleteOldSealed(cp.db, new Date(cp.now()).toISOString());
