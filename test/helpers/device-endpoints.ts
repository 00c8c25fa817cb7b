/** The device grant (RFC 8628) and refresh tokens that are good once (RFC 9700, section 4.14.2) at an issuer of a test, as a stranger would write them. */
import { randomBytes } from 'node:crypto';
import type { PostAnswer, TestIssuer } from './oidc-issuer.js';

export interface DeviceEndpoints {
  /** What the next polls are answered, one each: an error code, or a status. After the last the person has approved. */
  polls: (string | number)[];
  /** Seconds that an access token lives. */
  tokenSeconds: number;
  readonly interval: number | undefined;
  readonly expiresIn: number;
  /** Every form that came, in order. */
  readonly forms: URLSearchParams[];
  /** Every secret that was given out: device codes, access tokens, refresh tokens. */
  readonly secrets: string[];
  /** Ends the sign-in: no refresh token is good any more. */
  revoke(): void;
}

const refuse = (error: string): PostAnswer => ({ status: 400, body: { error, error_description: 'canary-description' } });

/** Adds the endpoints to an issuer and to its discovery document. Only the client "stoactl" may use them. */
export function addDeviceEndpoints(
  issuer: TestIssuer,
  { interval, expiresIn = 600 }: { readonly interval?: number; readonly expiresIn?: number } = {},
): DeviceEndpoints {
  let deviceCode: string | undefined;
  let refreshToken: string | undefined;
  const secret = (value: string): string => {
    state.secrets.push(value);
    return value;
  };
  const state: DeviceEndpoints = {
    polls: [],
    tokenSeconds: 300,
    interval,
    expiresIn,
    forms: [],
    secrets: [],
    revoke: () => void (refreshToken = undefined),
  };
  const issue = (): PostAnswer => {
    refreshToken = secret(`refresh-${randomBytes(16).toString('hex')}`);
    const access_token = secret(issuer.token({ claims: { jti: randomBytes(8).toString('hex') } }));
    return { status: 200, body: { access_token, refresh_token: refreshToken, token_type: 'Bearer', expires_in: state.tokenSeconds } };
  };
  const poll = (form: URLSearchParams): PostAnswer => {
    if (form.get('device_code') !== deviceCode) return refuse('invalid_grant');
    const next = state.polls.shift();
    if (typeof next === 'string') return refuse(next);
    if (typeof next === 'number') return { status: next, body: {} };
    deviceCode = undefined;
    return issue();
  };
  const refresh = (form: URLSearchParams): PostAnswer => {
    if (refreshToken !== undefined && form.get('refresh_token') === refreshToken) return issue();
    // One that comes twice may have been stolen: the whole sign-in ends.
    state.revoke();
    return refuse('invalid_grant');
  };
  const answer = (form: URLSearchParams, grants: Readonly<Record<string, (form: URLSearchParams) => PostAnswer>>): PostAnswer => {
    state.forms.push(form);
    if (form.get('client_id') !== 'stoactl') return { status: 401, body: { error: 'invalid_client' } };
    return grants[form.get('grant_type') ?? '']?.(form) ?? refuse('unsupported_grant_type');
  };
  issuer.posts = {
    device: (form) =>
      answer(form, {
        '': () => {
          deviceCode = secret(`device-${randomBytes(16).toString('hex')}`);
          const verification_uri = 'https://id.example.com/device';
          const links = { verification_uri, verification_uri_complete: `${verification_uri}?user_code=WDJB-MJHT` };
          return { status: 200, body: { device_code: deviceCode, user_code: 'WDJB-MJHT', ...links, expires_in: expiresIn, interval } };
        },
      }),
    token: (form) => answer(form, { 'urn:ietf:params:oauth:grant-type:device_code': poll, refresh_token: refresh }),
  };
  issuer.discovery = {
    token_endpoint: `${issuer.url}/token`,
    device_authorization_endpoint: `${issuer.url}/device`,
    scopes_supported: ['openid', 'email', 'offline_access'],
  };
  return state;
}
