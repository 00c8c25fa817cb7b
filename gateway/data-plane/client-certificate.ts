/** Client certificates: read from the connection or from the headers of a trusted proxy, and judged on every request (behaviour.md, "mTLS"). */
import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** What a gateway wants to know of a client's certificate, whoever has checked its signature. */
export interface ClientCertificate {
  /** SHA-256 of the certificate, lower-case hexadecimal. */
  readonly fingerprint: string;
  /** Distinguished names as whoever told of them spells them. */
  readonly subject: string;
  readonly issuer: string;
  /** Epoch milliseconds; valid while `notBefore <= now < notAfter`. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** `invalid`: one was shown, and it is not signed by a known authority, cannot be read, or the proxy says that it failed. */
export type Presented = ClientCertificate | 'missing' | 'invalid';

const ofSockets = new WeakMap<Socket, Presented>();

/** The certificate that the peer of a connection showed; read once per connection. */
export function certificateOfSocket(socket: Socket): Presented {
  const known = ofSockets.get(socket);
  if (known !== undefined) return known;
  const presented = readSocket(socket);
  ofSockets.set(socket, presented);
  return presented;
}

function readSocket(socket: Socket): Presented {
  if (!(socket instanceof TLSSocket)) return 'missing';
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return 'missing';
  return socket.authorized ? ofX509(certificate) : 'invalid';
}

type Header = (name: string) => string | undefined;
const PREFIX = 'x-ssl-client-';

/**
 * The certificate that a trusted proxy tells of: whole in `X-SSL-Client-Cert` (PEM in percent escapes, as nginx has it, or base64 DER), or as the
 * fields `-Fingerprint` (SHA-256), `-S-DN`, `-I-DN`, `-NotBefore` and `-NotAfter`. `X-SSL-Client-Verify` must be `SUCCESS`.
 */
export function certificateOfHeaders(header: Header): Presented {
  const field = (name: string): string | undefined => header(PREFIX + name)?.trim() || undefined;
  const [verify, whole, fingerprint] = [field('verify'), field('cert'), field('fingerprint')];
  if (verify === 'NONE' || (verify === undefined && whole === undefined && fingerprint === undefined)) return 'missing';
  if (verify !== 'SUCCESS') return 'invalid';
  return (whole === undefined ? ofFields(field) : ofText(whole)) ?? 'invalid';
}

function ofText(text: string): ClientCertificate | undefined {
  try {
    const decoded = text.startsWith('-----BEGIN') ? decodeURIComponent(text) : Buffer.from(text, 'base64');
    return ofX509(new X509Certificate(decoded));
  } catch {
    return undefined;
  }
}

function ofX509(certificate: X509Certificate): ClientCertificate {
  return {
    fingerprint: plainFingerprint(certificate.fingerprint256),
    subject: certificate.subject,
    issuer: certificate.issuer,
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
  };
}

function ofFields(field: Header): ClientCertificate | undefined {
  const fingerprint = plainFingerprint(field('fingerprint') ?? '');
  const [notBefore, notAfter] = [instantOf(field('notbefore')), instantOf(field('notafter'))];
  const issuer = field('i-dn');
  if (!/^[0-9a-f]{64}$/.test(fingerprint) || issuer === undefined || notBefore === undefined || notAfter === undefined) return undefined;
  return { fingerprint, subject: field('s-dn') ?? '', issuer, notBefore, notAfter };
}

/** `Nov 27 10:00:00 2026 GMT` (nginx), ISO 8601, and `261127100000Z` or `20261127100000Z` (ASN.1, HAProxy). */
function instantOf(text = ''): number | undefined {
  const asn1 = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (asn1 !== null) {
    const [year = '', month, day, hour, minute, second] = asn1.slice(1);
    // RFC 5280, 4.1.2.5.1: two digits below 50 are of this century.
    const century = year.length === 4 ? '' : Number(year) < 50 ? '20' : '19';
    return Date.parse(`${century}${year}-${month}-${day}T${hour}:${minute}:${second}Z`) || undefined;
  }
  return Date.parse(text) || undefined;
}

/** A fingerprint in the one form in which it is compared: without colons, in lower case. */
export const plainFingerprint = (text: string): string => text.replaceAll(':', '').toLowerCase();

/** A distinguished name in the one form in which it is compared: its parts in an order of their own, whatever tool wrote it. */
export function plainName(name: string): string {
  return partsOf(name.trim()).filter(Boolean).map(plainPart).sort().join('\n');
}

/** Lines as node has them, `/C=FR/O=Acme` as older tools do, or commas as in RFC 4514. What begins no new part belongs to a value. */
function partsOf(name: string): string[] {
  if (name.includes('\n')) return name.split('\n');
  return name.split(name.startsWith('/') ? /\/(?=[A-Za-z0-9.]+=)/ : /(?<!\\),(?=\s*[A-Za-z0-9.]+\s*=)/);
}

function plainPart(part: string): string {
  const equals = part.indexOf('=');
  const value = part
    .slice(equals + 1)
    .trim()
    .replace(/\\(.)/g, '$1');
  return `${part.slice(0, Math.max(0, equals)).trim().toUpperCase()}=${value}`;
}

/** Whom an API asks for a certificate. */
export interface CertificateRule {
  readonly isRequired: boolean;
  /** Names of issuers as `plainName` has them; undefined: any authority that the gateway trusts. */
  readonly issuers: ReadonlySet<string> | undefined;
}

export const CERTIFICATE_FAILURES = ['missing_client_certificate', 'invalid_client_certificate', 'client_certificate_not_allowed'] as const;
export type CertificateFailure = (typeof CERTIFICATE_FAILURES)[number];

export const CLIENT_CERTIFICATES = ['off', 'optional', 'required'] as const;
/** `off`: none is looked at, so who must show one is refused. `optional`: APIs and consumers ask. `required`: every request to an API needs one. */
export type CertificateMode = (typeof CLIENT_CERTIFICATES)[number];

/** Counters of document D; the three last add up to the first. */
export interface CertificateStats {
  readonly total_requests: number;
  readonly cert_validated: number;
  readonly cert_missing: number;
  readonly cert_invalid: number;
}

/** Judges certificates and counts what came of it; one object for the life of a gateway. */
export class CertificateJudge {
  readonly mode: CertificateMode;
  #validated = 0;
  #missing = 0;
  #invalid = 0;

  constructor(mode: CertificateMode) {
    this.mode = mode;
  }

  /**
   * Why a request is refused, or undefined. `bound` are the fingerprints of the caller's own certificates. A certificate that is shown must be good also
   * where none is required.
   */
  judge(
    presented: Presented,
    rule: CertificateRule | undefined,
    bound: ReadonlySet<string> | undefined,
    nowMs: number,
  ): CertificateFailure | undefined {
    if (presented === 'missing') {
      this.#missing += 1;
      const isNeeded = this.mode === 'required' || rule?.isRequired === true || bound !== undefined;
      return isNeeded ? 'missing_client_certificate' : undefined;
    }
    const failure = presented === 'invalid' ? 'invalid_client_certificate' : problemOf(presented, rule, bound, nowMs);
    if (failure === undefined) this.#validated += 1;
    else this.#invalid += 1;
    return failure;
  }

  stats(): CertificateStats {
    const [cert_validated, cert_missing, cert_invalid] = [this.#validated, this.#missing, this.#invalid];
    return { total_requests: cert_validated + cert_missing + cert_invalid, cert_validated, cert_missing, cert_invalid };
  }
}

function problemOf(
  { fingerprint, issuer, notBefore, notAfter }: ClientCertificate,
  rule: CertificateRule | undefined,
  bound: ReadonlySet<string> | undefined,
  nowMs: number,
): CertificateFailure | undefined {
  if (!(notBefore <= nowMs && nowMs < notAfter)) return 'invalid_client_certificate';
  if (rule?.issuers !== undefined && !rule.issuers.has(plainName(issuer))) return 'client_certificate_not_allowed';
  return bound === undefined || bound.has(fingerprint) ? undefined : 'client_certificate_not_allowed';
}
