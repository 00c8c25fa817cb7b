/** Who is signed in. The token stays in memory: a reload of the page signs out. */

interface Credentials {
  readonly id: string;
  readonly secret: string;
}

interface TokenAnswer {
  readonly access_token?: string;
  readonly expires_in?: number;
  readonly error_description?: string;
}

const TOKEN_URL = '/realms/stoa/protocol/openid-connect/token';
/** So long before its end a token is replaced. */
const MARGIN_MS = 30_000;

/** Something that gives a token that is valid now. */
export interface Session {
  token(): Promise<string>;
}

/** Signs in with a client of the control plane's own issuer. Throws with its words when it refuses. */
export async function signInAsClient(credentials: Credentials): Promise<Session> {
  let current = await fetchToken(credentials);
  return {
    async token() {
      if (Date.now() > current.endsAt - MARGIN_MS) current = await fetchToken(credentials);
      return current.token;
    },
  };
}

/** Takes a token of another issuer; it ends when it ends. */
export const signInWithToken = (token: string): Session => ({ token: () => Promise.resolve(token) });

async function fetchToken({ id, secret }: Credentials): Promise<{ readonly token: string; readonly endsAt: number }> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: id, client_secret: secret });
  const response = await fetch(TOKEN_URL, { method: 'POST', body, credentials: 'omit' });
  const answer = (await response.json().catch(() => ({}))) as TokenAnswer;
  if (!response.ok || answer.access_token === undefined)
    throw new Error(response.status === 404 ? 'This control plane issues no tokens: sign in with one of your issuer.' : refusal(answer));
  return { token: answer.access_token, endsAt: Date.now() + (answer.expires_in ?? 0) * 1000 };
}

const refusal = ({ error_description: words }: TokenAnswer): string => words ?? 'The client id or the secret is wrong.';
