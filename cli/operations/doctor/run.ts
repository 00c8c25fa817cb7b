/** Looks at everything that makes requests fail, and says what to do. */
import type { Client } from '../../client.js';
import { deadline } from '../../deadline.js';
import type { Settings } from '../../settings.js';
import { statusOf, type PartHealth } from '../health.js';
import { parseName } from '../kinds.js';
import { clockFindings, signInFindings } from './access.js';
import { factsOf, type TenantFacts } from './facts.js';
import { note, ok, problem, type Finding } from './finding.js';
import { consumerFindings, prefixFindings } from './keys.js';
import { limitFindings, type QuotaState } from './limits.js';
import { upstreamFinding, upstreamFindings } from './upstreams.js';

const TIMEOUT_MS = 5000;

export interface DoctorOptions {
  /** Name or tenant/name. */
  readonly consumer: string | undefined;
  /** The first 12 characters of a key; more are cut off. */
  readonly keyPrefix: string | undefined;
  readonly upstream: string | undefined;
  /** Opens the gateway's quotas. */
  readonly adminToken: string | undefined;
  /** Wall clock, epoch milliseconds. */
  now(): number;
}

export interface Diagnosis {
  readonly schema_version: 1;
  readonly healthy: boolean;
  readonly findings: readonly Finding[];
}

/** Never throws for what it finds; a part that is down hides what only that part knows. */
export async function diagnose(settings: Settings, options: DoctorOptions, client: Client): Promise<Diagnosis> {
  const [{ parts }, clock] = await Promise.all([statusOf(settings), clockFindings(settings, options.now)]);
  const findings = [...parts.map(partFinding), ...clock];
  if (options.upstream !== undefined) findings.push(await upstreamFinding(options.upstream, settings.gatewayServer));
  if (parts.some(({ part, state }) => part === 'control plane' && state !== 'down'))
    findings.push(...(await livedFindings(settings, options, client)));
  return { schema_version: 1, healthy: findings.every(({ state }) => state !== 'problem'), findings };
}

function partFinding({ part, state, url, detail, action = '' }: PartHealth): Finding {
  const what = `The ${part} at ${url} is ${state === 'ok' ? 'well' : state}: ${detail}.`;
  if (state === 'ok') return ok('part', what);
  return state === 'degraded' ? note('part', what, action) : problem('part', what, action);
}

/** What the control plane knows: whether it lets this command in, then keys, limits and upstreams. */
async function livedFindings(settings: Settings, options: DoctorOptions, client: Client): Promise<Finding[]> {
  const signIn = await signInFindings(settings, options.now(), client);
  if (signIn.some(({ state }) => state === 'problem')) return signIn;
  const { tenant, name: consumer } =
    options.consumer === undefined ? { tenant: settings.tenant, name: undefined } : parseName(options.consumer, settings.tenant);
  const tenants = tenant === undefined ? await client.lived.tenants() : [tenant];
  const facts: TenantFacts[] = [];
  for (const name of tenants) facts.push(await factsOf(name, consumer, options.now(), client));
  const findings = [...signIn];
  if (options.keyPrefix !== undefined) findings.push(...prefixFindings(facts, options.keyPrefix, options.now()));
  if (consumer !== undefined) findings.push(...(await aboutConsumer(facts, consumer, settings, options)));
  for (const each of facts) findings.push(...(await upstreamFindings(each, settings.gatewayServer, options.now())));
  return findings;
}

async function aboutConsumer(
  facts: readonly TenantFacts[],
  consumer: string,
  settings: Settings,
  options: DoctorOptions,
): Promise<Finding[]> {
  const holders = facts.filter(({ consumers }) => consumers.some(({ name }) => name === consumer));
  const [first] = facts;
  // Said once, of the first tenant, where nobody knows it.
  if (holders.length === 0) return first === undefined ? [] : consumerFindings(first, consumer, options.now());
  const quota = await quotaOf(settings.gatewayServer, consumer, options.adminToken);
  return holders.flatMap((each) => [
    ...consumerFindings(each, consumer, options.now()),
    ...limitFindings(each, consumer, quota, options.now()),
  ]);
}

/** The quota of a consumer as the gateway counts it; undefined without a quota, without a token or without an answer. */
async function quotaOf(gateway: string, consumer: string, token: string | undefined): Promise<QuotaState | undefined> {
  if (token === undefined) return undefined;
  const { signal, end } = deadline(TIMEOUT_MS);
  try {
    const answer = await fetch(`${gateway}/admin/quotas/${encodeURIComponent(consumer)}`, {
      headers: { authorization: `Bearer ${token}` },
      signal,
    });
    return answer.ok ? ((await answer.json()) as QuotaState) : undefined;
  } catch {
    return undefined;
  } finally {
    end();
  }
}
