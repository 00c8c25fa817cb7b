/** Values that must be kept but never stand readable on the disk: AES-256-GCM under a key beside the database. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { StoaError } from '../../schema/error.js';
import { readOrMakePrivateFile } from './private-file.js';
import type { ControlPlane } from './context.js';

const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** The vault of a key file, which is made (0600) when it is not there. Throws when the file holds no key. */
export function openVault(file: string): ControlPlane['vault'] {
  const key = Buffer.from(
    readOrMakePrivateFile(file, () => randomBytes(KEY_BYTES).toString('base64')),
    'base64',
  );
  if (key.length === KEY_BYTES) return createVault(key);
  throw new StoaError('conflict', `The key file "${file}" is damaged. It was left as it is.`, {
    hint: 'Restore it from a backup of the data directory.',
  });
}

/** A vault under a key of 32 bytes. */
export function createVault(key: Buffer): ControlPlane['vault'] {
  const derive = (use: string): Buffer => Buffer.from(hkdfSync('sha256', key, '', `stoa ${use}`, KEY_BYTES));
  const sealKey = derive('seal');
  const digestKey = derive('digest');
  return {
    seal: (text) => seal(sealKey, text),
    open: (sealed) => unseal(sealKey, sealed),
    digest: (text) => createHmac('sha256', digestKey).update(text).digest('hex'),
  };
}

function seal(key: Buffer, text: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64');
}

function unseal(key: Buffer, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
}
