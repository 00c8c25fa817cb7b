/**
 * The halves of key pairs that stay here: the first key of a subscription is sealed to the browser that asked for it. The private half cannot be read out, not
 * even by this page, and waits in the browser's own database until the key has been seen.
 */
import { compactDecrypt } from 'jose';

const DATABASE = 'stoa-portal';
const STORE = 'keys';
const CURVE = { name: 'ECDH', namedCurve: 'P-256' } as const;

export interface PublicKey {
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
  readonly y: string;
}

/** Makes a pair and keeps its private half. Undefined where the browser cannot: on plain http beyond this machine, or without storage. */
export async function makePair(): Promise<PublicKey | undefined> {
  if (!('subtle' in crypto)) return undefined;
  try {
    const { publicKey, privateKey } = await crypto.subtle.generateKey(CURVE, false, ['deriveBits']);
    const { kty = '', crv = '', x = '', y = '' } = await crypto.subtle.exportKey('jwk', publicKey);
    await change((keys) => keys.put(privateKey, x));
    return { kty, crv, x, y };
  } catch {
    // Without a pair one can subscribe all the same, and make a key after the approval.
    return undefined;
  }
}

/** Whether what is sealed to a public key, named by its x coordinate, can be opened here. */
export async function canOpen(x: string): Promise<boolean> {
  return (await privateHalf(x).catch(() => undefined)) !== undefined;
}

/** Opens what was sealed, and forgets the private half. Throws where it is not here. */
export async function open(jwe: string, x: string): Promise<string> {
  const privateKey = await privateHalf(x);
  if (privateKey === undefined) throw new Error('The key was sealed to another browser.');
  const { plaintext } = await compactDecrypt(jwe, privateKey);
  await change((keys) => keys.delete(x));
  return new TextDecoder().decode(plaintext);
}

const privateHalf = async (x: string): Promise<CryptoKey | undefined> =>
  (await run('readonly', (keys) => keys.get(x) as IDBRequest<CryptoKey | undefined>)) ?? undefined;

const change = async (work: (keys: IDBObjectStore) => IDBRequest): Promise<void> => void (await run('readwrite', work));

async function run<Result>(mode: IDBTransactionMode, work: (keys: IDBObjectStore) => IDBRequest<Result>): Promise<Result> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => void opening.result.createObjectStore(STORE);
  const database = await resultOf(opening);
  try {
    return await resultOf(work(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

const resultOf = <Result>(request: IDBRequest<Result>): Promise<Result> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('The browser keeps nothing for this page.'));
  });
