/** Why a gateway answers 502: whether the servers behind APIs can be reached, from here, and what gateways say. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { StoredResource } from '../../../schema/change.js';
import { deadline } from '../../deadline.js';
import type { TenantFacts } from './facts.js';
import { note, ok, problem, span, type Finding } from './finding.js';

const TIMEOUT_MS = 3000;
const AT_ONCE = 16;

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name could not be resolved',
  ECONNRESET: 'the connection was cut',
  ETIMEDOUT: 'no connection could be made in time',
  EHOSTUNREACH: 'there is no route to it',
};

/** The container that a loopback address means is the gateway's own. */
const CONTAINER_TRAP =
  'Inside a container localhost is the container itself: name the upstream by its service name, or by host.docker.internal for a server on the host.';

/** One address by hand, as the gateway would call it. */
export async function upstreamFinding(url: string, gateway: string): Promise<Finding> {
  const failure = await reach(url);
  if (failure !== undefined) return unreachable(`Upstream ${url}`, failure, url);
  if (isLoopback(url) && !isLoopback(gateway))
    return problem('upstream', `Upstream ${url} answers here, but the gateway at ${gateway} is on another machine.`, CONTAINER_TRAP);
  return ok('upstream', `Upstream ${url} answers.`);
}

/** The upstreams of the APIs of a tenant; each server is asked once. */
export async function upstreamFindings(facts: TenantFacts, gateway: string, now: number): Promise<Finding[]> {
  const servers = facts.apis.flatMap((api) => urlsOf(api).map((url) => ({ api, url })));
  const failures = await reachAll([...new Set(servers.map(({ url }) => new URL(url).origin))]);
  const found = servers.flatMap(({ api, url }) =>
    serverFindings(facts, api, url, { failure: failures.get(new URL(url).origin), gateway, now }),
  );
  if (found.length > 0 || servers.length === 0) return found;
  const all = servers.length === 1 ? 'The upstream' : `All ${servers.length} upstreams`;
  return [ok('upstream', `${all} of tenant ${facts.name} can be reached.`)];
}

interface Sight {
  /** Why it cannot be reached from here; undefined when it can. */
  readonly failure: string | undefined;
  readonly gateway: string;
  readonly now: number;
}

function serverFindings(facts: TenantFacts, api: StoredResource, url: string, { failure, gateway, now }: Sight): Finding[] {
  const label = `Upstream ${url} of API ${facts.name}/${api.name}`;
  if (failure !== undefined) return [unreachable(label, failure, url)];
  if (isLoopback(url) && !isLoopback(gateway))
    return [problem('upstream', `${label} answers here, but the gateway at ${gateway} is on another machine.`, CONTAINER_TRAP)];
  const [latest] = facts.events.backend_error.filter(({ details }) => details['api'] === api.name);
  if (latest === undefined) return [];
  const reason = typeof latest.details['reason'] === 'string' ? latest.details['reason'] : 'unknown';
  const when = `${span(now - Date.parse(latest.created_at))} ago`;
  const trap = isLoopback(url) ? ` If the gateway runs in a container: ${CONTAINER_TRAP}` : '';
  return [
    note(
      'upstream',
      `${label} answers here; the gateway failed to use it ${when}: ${reason}.`,
      `If it goes on, look from the gateway's machine.${trap}`,
    ),
  ];
}

function unreachable(label: string, failure: string, url: string): Finding {
  const trap = isLoopback(url) ? ` ${CONTAINER_TRAP}` : ' Is a firewall in between?';
  return problem(
    'upstream',
    `${label} cannot be reached: ${failure}. Requests get 502.`,
    `Start the server, or correct upstream_url.${trap}`,
  );
}

function urlsOf({ spec }: StoredResource): string[] {
  const servers = (spec['upstreams'] as readonly { readonly url: string }[] | undefined) ?? [];
  return servers.length > 0 ? servers.map(({ url }) => url) : [spec['upstream_url'] as string];
}

async function reachAll(origins: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
  const found = new Map<string, string | undefined>();
  for (let start = 0; start < origins.length; start += AT_ONCE)
    await Promise.all(origins.slice(start, start + AT_ONCE).map(async (origin) => found.set(origin, await reach(origin))));
  return found;
}

/** Why a server cannot be reached; undefined when it answers, whatever it answers. No `fetch`: it never calls ports such as 6000, which gateways do. */
async function reach(url: string): Promise<string | undefined> {
  const { signal, end } = deadline(TIMEOUT_MS);
  try {
    await answerOf(url, signal);
    return undefined;
  } catch (error) {
    if (signal.aborted) return `no answer within ${TIMEOUT_MS / 1000} s`;
    const { code, message } = error as NodeJS.ErrnoException;
    return REASONS[code ?? ''] ?? code ?? message;
  } finally {
    end();
  }
}

/** Waits for the head of an answer to HEAD. */
function answerOf(url: string, signal: AbortSignal): Promise<void> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'HEAD', signal, agent: false }, (response) => {
      response.destroy();
      resolve();
    });
    sent.once('error', reject).end();
  });
}

/** An address that means the machine, or the container, which asks. */
export function isLoopback(url: string): boolean {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
