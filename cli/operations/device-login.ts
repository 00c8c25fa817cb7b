/** Signing in by device (RFC 8628): a code here, the approval in a browser anywhere. */
import * as z from 'zod';
import { StoaError } from '../../schema/error.js';
import {
  askForTokens,
  issuerUrl,
  parseJson,
  postForm,
  refusalOf,
  type Discovery,
  type IssuerOptions,
  type Tokens,
  wrongStatus,
} from '../openid.js';

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const SCOPES = ['openid', 'offline_access'];
/** RFC 8628, section 3.2: when the issuer names no interval. */
const DEFAULT_INTERVAL_SECONDS = 5;
/** RFC 8628, section 3.5. */
const SLOW_DOWN_MS = 5000;
const LONGEST_PAUSE_MS = 60_000;

export interface DeviceLogin extends IssuerOptions {
  readonly clientId: string;
  /** Shows a person where to go and what to enter. */
  show(prompt: DevicePrompt): void;
  /** Waits; rejects when the signal is aborted. */
  sleep(ms: number): Promise<void>;
}

/** Texts are the issuer's: they are made printable where they are shown. */
export interface DevicePrompt {
  readonly verificationUri: string;
  readonly verificationUriComplete: string | undefined;
  readonly userCode: string;
  /** How long the code is good for. */
  readonly expiresSeconds: number;
}

const webAddress = z.string().refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol));
const deviceAnswer = z.object({
  device_code: z.string().min(1),
  user_code: z.string().min(1).max(100),
  verification_uri: webAddress,
  verification_uri_complete: webAddress.optional(),
  // Some issuers write numbers as texts. A day is more than any code lives, and less than a timer can wait.
  expires_in: z.coerce.number().positive().max(86_400),
  interval: z.coerce.number().min(0).default(DEFAULT_INTERVAL_SECONDS),
});
type DeviceAnswer = z.infer<typeof deviceAnswer>;

/**
 * Asks for a code, shows it, and waits until it is approved. Throws `usage_error` when the issuer has no such sign-in, `unauthorized` when it is denied
 * or the code has expired, and keeps nothing.
 */
export async function signInByDevice(discovery: Discovery, options: DeviceLogin): Promise<Tokens> {
  const { device_authorization_endpoint: url } = discovery;
  if (url === undefined)
    throw new StoaError(
      'usage_error',
      `${issuerUrl(options)} offers no sign-in by device: its discovery document names no device_authorization_endpoint.`,
      {
        hint: 'Give a client secret or a token on stdin (stoactl login --help), or name another issuer with STOA_AUTH_URL and STOA_REALM.',
      },
    );
  const asked = options.now();
  const answer = await askForCode(url, discovery, options);
  options.show({
    verificationUri: answer.verification_uri,
    verificationUriComplete: answer.verification_uri_complete,
    userCode: answer.user_code,
    expiresSeconds: answer.expires_in,
  });
  return poll(discovery.token_endpoint, answer, asked + answer.expires_in * 1000, options);
}

async function askForCode(url: string, { scopes_supported }: Discovery, options: DeviceLogin): Promise<DeviceAnswer> {
  const scope = (scopes_supported === undefined ? ['openid'] : SCOPES.filter((word) => scopes_supported.includes(word))).join(' ');
  const reply = await postForm(url, { client_id: options.clientId, ...(scope === '' ? {} : { scope }) }, options);
  const body = parseJson(reply.text);
  const refusal = refusalOf(reply.status, body);
  if (refusal !== undefined)
    throw new StoaError('unauthorized', `${issuerUrl(options)} gives the client "${options.clientId}" no code: ${refusal}.`, {
      hint: 'It has to be a public client that may sign in by device; name it with --client-id.',
    });
  if (reply.status !== 200) throw wrongStatus(url, reply);
  const { data, error } = deviceAnswer.safeParse(body);
  if (data !== undefined) return data;
  throw new StoaError('network_error', `${url}: ${String(error.issues[0]?.path[0] ?? 'the answer')} is missing, or not to be used.`, {
    hint: 'Is this an issuer that knows RFC 8628?',
  });
}

/** Asks as often as the issuer allows, and less often while it cannot be reached (RFC 8628, section 3.5). */
async function poll(url: string, { device_code, interval }: DeviceAnswer, until: number, options: DeviceLogin): Promise<Tokens> {
  let pauseMs = Math.max(1, interval) * 1000;
  for (;;) {
    if (options.now() + pauseMs >= until) throw expired(options);
    await options.sleep(pauseMs);
    const form = { grant_type: GRANT, device_code, client_id: options.clientId };
    const outcome = await askForTokens(url, form, options).catch((error: unknown) => {
      if (error instanceof StoaError && error.code !== 'interrupted') return error;
      throw error;
    });
    if (outcome instanceof StoaError) {
      options.log?.(`${outcome.message} It is asked again until the code expires.`);
      pauseMs = Math.min(pauseMs * 2, Math.max(pauseMs, LONGEST_PAUSE_MS));
    } else if (typeof outcome !== 'string') return outcome;
    else if (outcome === 'slow_down') pauseMs += SLOW_DOWN_MS;
    else if (outcome !== 'authorization_pending') throw refused(outcome, options);
  }
}

function refused(code: string, options: DeviceLogin): StoaError {
  if (code === 'expired_token') return expired(options);
  const message =
    code === 'access_denied' ? `The sign-in was denied at ${issuerUrl(options)}.` : `${issuerUrl(options)} refused the sign-in: ${code}.`;
  return new StoaError('unauthorized', message, { hint: 'Nothing was kept. Begin again: stoactl login --device.' });
}

const expired = (options: DeviceLogin): StoaError =>
  new StoaError('unauthorized', `The code of ${issuerUrl(options)} has expired before it was approved.`, {
    hint: 'Nothing was kept. Begin again: stoactl login --device.',
  });
