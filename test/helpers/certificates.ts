/** Certificates made with openssl: an authority, and what it signs. Node can read them and cannot make them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { X509Certificate } from 'node:crypto';
import { onTestFinished } from 'vitest';

export interface Issued {
  /** Paths of files in PEM. */
  readonly cert: string;
  readonly key: string;
  readonly pem: string;
  readonly keyPem: string;
  readonly fingerprint: string;
}

export interface Authority {
  readonly directory: string;
  readonly cert: string;
  readonly pem: string;
  /** Signs a certificate; `days` may be negative. */
  issue(commonName: string, options?: { readonly names?: readonly string[]; readonly days?: number }): Issued;
}

const openssl = (directory: string, args: readonly string[]): void => {
  execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
};

/** An authority in a folder that goes with the test. */
export function createAuthority(name = 'Acme CA'): Authority {
  const directory = mkdtempSync(path.join(tmpdir(), 'stoa-ca-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = (base: string): string => path.join(directory, base);
  newKey(directory, 'ca.key');
  openssl(directory, ['req', '-x509', '-new', '-key', 'ca.key', '-days', '30', '-subj', `/O=Acme/CN=${name}`, '-out', 'ca.crt']);
  let issued = 0;
  return {
    directory,
    cert: file('ca.crt'),
    pem: readFileSync(file('ca.crt'), 'utf8'),
    issue(commonName, { names = [], days = 10 } = {}) {
      issued += 1;
      const base = `issued-${issued}`;
      newKey(directory, `${base}.key`);
      openssl(directory, ['req', '-new', '-key', `${base}.key`, '-subj', `/CN=${commonName}`, '-out', `${base}.csr`]);
      const extensions = names.length === 0 ? '' : `subjectAltName=${names.map((each) => `DNS:${each}`).join(',')}\n`;
      writeFileSync(file(`${base}.ext`), `basicConstraints=CA:FALSE\n${extensions}`);
      openssl(
        directory,
        ['x509', '-req', '-in', `${base}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'].concat([
          '-days',
          String(days),
          '-extfile',
          `${base}.ext`,
          '-out',
          `${base}.crt`,
        ]),
      );
      const pem = readFileSync(file(`${base}.crt`), 'utf8');
      const fingerprint = new X509Certificate(pem).fingerprint256;
      return { cert: file(`${base}.crt`), key: file(`${base}.key`), pem, keyPem: readFileSync(file(`${base}.key`), 'utf8'), fingerprint };
    },
  };
}

const newKey = (directory: string, name: string): void =>
  openssl(directory, ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', name]);
