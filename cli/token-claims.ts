/** What a token says of itself, for a person to read: nothing here is verified, and nothing is decided by it. */

/** Claims of a JWT; none for a token that is not one. */
function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null ? { ...claims } : {};
  } catch {
    return {};
  }
}

/** When a token says that it ends, in epoch milliseconds; whether it is right is the server's to say. */
export function expiryOf(token: string): number | undefined {
  const { exp } = claimsOf(token);
  return typeof exp === 'number' ? exp * 1000 : undefined;
}

const NAMES = ['preferred_username', 'email', 'client_id', 'azp', 'sub'] as const;
const MAX_NAME = 200;

/** Whose token it says it is, by the claims that the control plane goes by. */
export function userOf(token: string): string | undefined {
  const claims = claimsOf(token);
  const name = NAMES.map((claim) => claims[claim]).find((value) => typeof value === 'string' && value !== '');
  return typeof name === 'string' ? name.slice(0, MAX_NAME) : undefined;
}
