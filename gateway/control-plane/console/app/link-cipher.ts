/** A text that only the holder of a link can read: the key stands in the fragment, which browsers send to nobody. */

const encoder = new TextEncoder();
const IV_BYTES = 12;

const toText = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
const toBytes = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));

/** AES-256-GCM under a key of its own; both parts in base64url. Throws where the browser offers no encryption: on plain http beyond this machine. */
export async function encrypt(text: string): Promise<{ readonly ciphertext: string; readonly key: string }> {
  if (!('subtle' in crypto)) throw new Error('One-time links need https: this browser encrypts nothing on a plain connection.');
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt']);
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, encoder.encode(text)));
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', key));
  return { ciphertext: toText(new Uint8Array([...iv, ...sealed])), key: toText(raw) };
}

/** The text again. Throws when the key is another one. */
export async function decrypt(ciphertext: string, key: string): Promise<string> {
  const bytes = toBytes(ciphertext);
  const imported = await crypto.subtle.importKey('raw', toBytes(key), 'AES-GCM', false, ['decrypt']);
  const open = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: bytes.slice(0, IV_BYTES) }, imported, bytes.slice(IV_BYTES));
  return new TextDecoder().decode(open);
}
