/** The tokens of a person who signed in by device: used from the context that keeps them, and renewed there. */
import { setTimeout as wait } from 'node:timers/promises';
import { StoaError } from '../schema/error.js';
import { tryLock } from './lock-file.js';
import { askForTokens, discover, issuerUrl, type IssuerOptions, type Tokens } from './openid.js';
import { RENEW_BEFORE_MS, type TokenSource } from './session.js';
import { readUserConfig, writeContext, type Context } from './user-config.js';
import type { Environment } from './user-config-path.js';

export interface KeptTokens extends IssuerOptions {
  readonly env: Environment;
  /** The context that keeps them. */
  readonly context: string;
  readonly clientId: string;
  /** Told of each renewal: until it has ended the process must go on, or the sign-in is lost. */
  readonly hold?: ((renewal: Promise<unknown>) => void) | undefined;
}

/** Longer than a renewal may take: two answers of 15 s. */
const STALE_MS = 60_000;
const LOOK_AGAIN_MS = 50;
const LONGEST_ANSWER_MS = 15_000;

/** The fields of a context for tokens: the time as in RFC 3339. */
export const tokenFields = ({
  accessToken,
  expiresAt,
  refreshToken,
}: Tokens): Pick<Context, 'token' | 'token_expires_at' | 'refresh_token'> => ({
  token: accessToken,
  token_expires_at: new Date(expiresAt).toISOString(),
  refresh_token: refreshToken,
});

/**
 * Gives the kept access token while it is good, and else a new one for the refresh token. Many issuers take each refresh token once and end the sign-in
 * when one comes twice: one process renews at a time, looks first whether another has done it, and keeps the new token before it is used.
 */
export function keptTokens(options: KeptTokens): TokenSource {
  let current: Context | undefined;
  let refused: string | undefined;
  const isUsable: IsUsable = ({ token, token_expires_at = '' }) =>
    token !== undefined && token !== refused && Date.parse(token_expires_at) - RENEW_BEFORE_MS > options.now();
  return {
    async get() {
      if (current === undefined || !isUsable(current)) current = contextOf(options);
      if (!isUsable(current)) current = await renewAlone(options, isUsable);
      return current.token ?? '';
    },
    forget() {
      refused = current?.token;
      return true;
    },
  };
}

type IsUsable = (context: Context) => boolean;

async function renewAlone(options: KeptTokens, isUsable: IsUsable): Promise<Context> {
  const lock = `${readUserConfig(options.env).path}.renew`;
  for (;;) {
    const release = tryLock(lock, STALE_MS);
    try {
      const context = contextOf(options);
      if (isUsable(context)) return context;
      if (release !== undefined) {
        const renewal = renew(context, options);
        options.hold?.(renewal);
        return await renewal;
      }
    } finally {
      release?.();
    }
    await wait(LOOK_AGAIN_MS, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}

async function renew(context: Context, options: KeptTokens): Promise<Context> {
  const { refresh_token } = context;
  if (refresh_token === undefined) throw signInAgain(options, 'there is no refresh token any more');
  const timeoutMs = Math.min(options.timeoutMs ?? LONGEST_ANSWER_MS, LONGEST_ANSWER_MS);
  // Not cut off by Ctrl-C: the issuer may have taken the old refresh token back already, and the answer holds the only one that is good.
  const bounded = { ...options, timeoutMs, signal: undefined };
  const { token_endpoint } = await discover(bounded);
  const form = { grant_type: 'refresh_token', refresh_token, client_id: options.clientId };
  const answer = await askForTokens(token_endpoint, form, bounded);
  if (typeof answer === 'string') throw signInAgain(options, answer);
  // RFC 6749, section 6: without a new refresh token the old one goes on.
  const renewed = tokenFields({ ...answer, refreshToken: answer.refreshToken ?? refresh_token });
  // A sign-in of its own in the meantime is newer than this.
  writeContext(options.env, options.context, (known) => (known?.refresh_token === refresh_token ? renewed : {}), false);
  return { ...context, ...renewed };
}

function contextOf({ env, context: name, ...options }: KeptTokens): Context {
  const { contexts } = readUserConfig(env);
  const found = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (found !== undefined) return found;
  throw signInAgain({ ...options, env, context: name }, 'the context is not there any more');
}

const signInAgain = (options: KeptTokens, reason: string): StoaError =>
  new StoaError('unauthorized', `The sign-in of context "${options.context}" at ${issuerUrl(options)} is over: ${reason}.`, {
    hint: 'Sign in again: stoactl login --device.',
  });
