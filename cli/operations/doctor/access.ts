/** Whether this machine can talk to the control plane at all: its clock, its token, its credentials. */
import { StoaError } from '../../../schema/error.js';
import type { Client } from '../../client.js';
import { deadline } from '../../deadline.js';
import type { Settings } from '../../settings.js';
import { expiryOf, userOf } from '../../token-claims.js';
import { note, ok, problem, span, type Finding } from './finding.js';

const TIMEOUT_MS = 5000;
/** The Date header has whole seconds, and an answer takes its time. */
const CLOCK_MS = 5000;

/** Compares this machine's clock with the control plane's. Nothing to say when that does not answer: that is another finding. */
export async function clockFindings({ server }: Settings, now: () => number): Promise<Finding[]> {
  const { signal, end } = deadline(TIMEOUT_MS);
  try {
    const asked = now();
    const { headers } = await fetch(`${server}/health`, { signal, redirect: 'error' });
    const theirs = Date.parse(headers.get('date') ?? '');
    if (Number.isNaN(theirs)) return [];
    const off = (asked + now()) / 2 - theirs;
    if (Math.abs(off) <= CLOCK_MS) return [ok('clock', 'The clocks of this machine and of the control plane agree.')];
    const direction = off > 0 ? 'ahead of' : 'behind';
    return [
      problem(
        'clock',
        `The clock of this machine is ${span(off)} ${direction} that of the control plane.`,
        'Set both by NTP: tokens, grace windows and expiry are judged by the clock.',
      ),
    ];
  } catch {
    return [];
  } finally {
    end();
  }
}

/** Whether the control plane takes what this command signs in with. */
export async function signInFindings(settings: Settings, now: number, client: Client): Promise<Finding[]> {
  const { token, keptBy } = settings;
  const ends = token === undefined || keptBy !== undefined ? undefined : expiryOf(token);
  if (ends !== undefined && ends <= now)
    return [
      problem(
        'sign-in',
        `The access token in ${tokenOrigin(settings)} expired ${span(now - ends)} ago; tokens live for five minutes.`,
        'Get a fresh one, or unset STOA_TOKEN and set STOA_CLIENT_ID and STOA_CLIENT_SECRET: then it is renewed by itself.',
      ),
    ];
  try {
    const tenants = await client.lived.tenants();
    const signedIn = `Signed in as ${signer(settings)}, which sees`;
    if (tenants.length === 0) return [note('sign-in', `${signedIn} no tenant.`, 'Apply one, or sign in with more rights.')];
    return [ok('sign-in', `${signedIn} ${tenants.length} ${tenants.length === 1 ? 'tenant' : 'tenants'}.`)];
  } catch (error) {
    if (!(error instanceof StoaError)) throw error;
    return [problem('sign-in', error.message, error.hint ?? 'Check STOA_CLIENT_ID and STOA_CLIENT_SECRET.')];
  }
}

const tokenOrigin = ({ origins }: Settings): string => origins['token'] ?? 'STOA_TOKEN';

function signer(settings: Settings): string {
  const { token, clientId, keptBy } = settings;
  if (keptBy !== undefined) return `${userOf(token ?? '') ?? 'somebody'}, by context ${keptBy}`;
  return token === undefined ? `client ${clientId}` : `the token in ${tokenOrigin(settings)}`;
}
