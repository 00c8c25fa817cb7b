/** TLS of the listener: certificates by the name that a client asks for, read anew when their files change. */
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureContextOptions, type TlsOptions, type Server } from 'node:tls';
import { StoaError } from '../../schema/error.js';
import type { AccessLog } from './access-log.js';

/** Files in PEM. */
export interface TlsFiles {
  /** At least one; the first is shown to clients that ask for no name, or for one that none has. */
  readonly certificates: readonly { readonly cert: string; readonly key: string }[];
  /** Authorities that sign certificates of clients; undefined: clients are asked for none. */
  readonly clientCa: string | undefined;
}

/** What the files say, by their names. */
export type TlsTexts = Readonly<Record<string, string>>;

/** A certificate of the listener as metrics and logs show it. */
export interface ServerCertificate {
  /** Its first DNS name, else its subject. */
  readonly name: string;
  /** Epoch milliseconds. */
  readonly notAfter: number;
}

export interface ListenerTls {
  /** Options of the server; the present certificates at the time of the call. */
  options(): TlsOptions;
  /** Reads the files anew, and serves new connections of `server` from them when they are sound; says whether they had changed. Throws `usage_error`. */
  reload(server: Server): boolean;
  certificates(): readonly ServerCertificate[];
  /** What the files say, or said when they were last sound; for whoever does not serve from them himself. */
  texts(): TlsTexts;
}

/** A handshake that takes longer is given up: a slow client holds a connection no longer than a slow head would. */
const HANDSHAKE_MS = 10_000;

interface Loaded {
  readonly digest: string;
  readonly first: SecureContextOptions;
  readonly byName: ReadonlyMap<string, SecureContext>;
  readonly certificates: readonly ServerCertificate[];
  readonly texts: TlsTexts;
}

/** Reads the files, or at first `texts` in their place. Throws `usage_error` that names the file and what is wrong with it. */
export function loadTls(files: TlsFiles, texts?: TlsTexts): ListenerTls {
  let loaded = load(files, texts);
  return {
    options: () => ({
      ...loaded.first,
      SNICallback: (name, callback) => callback(null, contextOf(loaded.byName, name)),
      handshakeTimeout: HANDSHAKE_MS,
      ALPNProtocols: ['http/1.1'],
      requestCert: files.clientCa !== undefined,
      // Which request needs a certificate is decided per API.
      rejectUnauthorized: false,
    }),
    reload(server) {
      const next = load(files);
      if (next.digest === loaded.digest) return false;
      loaded = next;
      server.setSecureContext(next.first);
      return true;
    },
    certificates: () => loaded.certificates,
    texts() {
      try {
        loaded = load(files);
      } catch {
        // Whoever serves from them says so.
      }
      return loaded.texts;
    },
  };
}

function load({ certificates, clientCa }: TlsFiles, given: TlsTexts = {}): Loaded {
  const texts: Record<string, string> = {};
  const digest = createHash('sha256');
  const read = (file: string): string => {
    const text = given[file] ?? readPem(file);
    texts[file] = text;
    digest.update(text);
    return text;
  };
  const ca = clientCa === undefined ? undefined : read(clientCa);
  if (ca !== undefined && clientCa !== undefined) parseCertificate(ca, clientCa);
  const byName = new Map<string, SecureContext>();
  const pairs = certificates.map(({ cert, key }) => readPair(cert, key, read, ca));
  for (const { names, options } of pairs) {
    const context = createSecureContext(options);
    for (const name of names) if (!byName.has(name)) byName.set(name, context);
  }
  const [first] = pairs;
  if (first === undefined) throw new StoaError('usage_error', 'TLS needs a certificate.');
  return { digest: digest.digest('hex'), first: first.options, byName, certificates: pairs.map(({ shown }) => shown), texts };
}

interface Pair {
  readonly options: SecureContextOptions;
  readonly names: readonly string[];
  readonly shown: ServerCertificate;
}

function readPair(certFile: string, keyFile: string, read: (file: string) => string, ca: string | undefined): Pair {
  const [cert, key] = [read(certFile), read(keyFile)];
  const certificate = parseCertificate(cert, certFile);
  if (!certificate.checkPrivateKey(parseKey(key, keyFile)))
    throw unusable(
      keyFile,
      `it is not the key of ${certFile}`,
      'Give the key that the certificate was made for, in the same place of the list.',
    );
  const names = [...(certificate.subjectAltName ?? '').matchAll(/DNS:([^,\s]+)/g)].map(([, name = '']) => name.toLowerCase());
  const shown = { name: names[0] ?? certificate.subject.replaceAll('\n', ', '), notAfter: Date.parse(certificate.validTo) };
  return { options: { cert, key, ...(ca === undefined ? {} : { ca }), minVersion: 'TLSv1.2' }, names, shown };
}

/** Exactly, then by the wildcard one label up (RFC 9525, 6.3); undefined: the first certificate. */
const contextOf = (byName: ReadonlyMap<string, SecureContext>, name: string): SecureContext | undefined => {
  const asked = name.toLowerCase();
  return byName.get(asked) ?? byName.get(asked.replace(/^[^.]+/, '*'));
};

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw unusable(file, (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (error as Error).message);
  }
}

function parseCertificate(text: string, file: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (error) {
    throw unusable(
      file,
      'it is no certificate in PEM',
      'It begins with -----BEGIN CERTIFICATE-----; the chain follows the own certificate.',
      error,
    );
  }
}

function parseKey(text: string, file: string): ReturnType<typeof createPrivateKey> {
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw unusable(
      file,
      'it is no private key in PEM, or has a passphrase',
      'Keys are read without a passphrase: protect the file by its mode.',
      error,
    );
  }
}

const LOOK_MS = 2000;

/** Looks at the files every two seconds; what cannot be used is said once in the log, and the certificates before it are served on. */
export function keepCertificates(
  listener: { reloadTls(): boolean },
  { tls }: { readonly tls: TlsFiles | undefined },
  log: AccessLog,
): { reload(): void; stop(): void } {
  let problem: string | undefined;
  const reload = (): void => {
    try {
      if (listener.reloadTls()) log.event('info', 'certificates_loaded', {});
      problem = undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== problem) log.event('error', 'certificate_problem', { reason });
      problem = reason;
    }
  };
  const timer = tls === undefined ? undefined : setInterval(reload, LOOK_MS).unref();
  return { reload, stop: () => clearInterval(timer) };
}

const unusable = (file: string, why: string, hint?: string, cause?: unknown): StoaError =>
  new StoaError('usage_error', `The TLS file ${file} cannot be used: ${why}.`, { ...(hint === undefined ? {} : { hint }), cause });
