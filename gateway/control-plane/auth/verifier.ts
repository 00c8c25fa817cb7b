/** Access tokens of whichever issuer: the `iss` of a token only chooses who looks at it; every issuer checks it for itself. */
import { decodeJwt } from 'jose';
import { StoaError } from '../../../schema/error.js';
import type { ExternalIssuer } from './external-issuer.js';
import type { TokenClaims, Tokens } from './tokens.js';

export interface Verifier {
  /** Throws `unauthorized`, and what an external issuer throws. */
  verify(token: string): Promise<TokenClaims>;
}

/** `embedded` is undefined where the embedded issuer is switched off. */
export function createVerifier(embedded: Tokens | undefined, externals: readonly ExternalIssuer[]): Verifier {
  const byName = new Map(externals.map((external) => [external.issuer, external]));
  return {
    verify(token) {
      const chosen = byName.size === 0 ? embedded : (byName.get(issuerOf(token)) ?? embedded);
      if (chosen === undefined) throw new StoaError('unauthorized', 'The access token is not valid.');
      return chosen.verify(token);
    },
  };
}

function issuerOf(token: string): string {
  try {
    return decodeJwt(token).iss ?? '';
  } catch {
    return '';
  }
}
