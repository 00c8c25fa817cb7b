/** Takes what a gateway measured: once, however often it is sent. */
import type { UsageEntry, UsageReport } from '../../../schema/sync.js';
import type { ControlPlane, Trx } from '../context.js';
import {
  addUsage,
  lastReport,
  noteKeyUses,
  noteReport,
  sumOf,
  tenantsOfApis,
  tenantsOfSubscriptions,
  type Counts,
  type UsageKey,
} from './store.js';

const HOUR_MS = 3_600_000;

/** Adds a report in one transaction; false when it was taken before. What belongs to nothing that exists is left out. */
export function takeReport(cp: ControlPlane, report: UsageReport): Promise<boolean> {
  const now = cp.now();
  return cp.db.transaction().execute(async (trx) => {
    if (report.number <= (await lastReport(trx, report.gateway))) return false;
    for (const { key, counts } of await sums(trx, report.entries, now)) await addUsage(trx, key, counts);
    await noteKeyUses(trx, latestUses(report.keys, now));
    await noteReport(trx, report.gateway, report.number, new Date(now).toISOString());
    return true;
  });
}

interface Sum {
  readonly key: UsageKey;
  readonly counts: Counts;
}

/** One sum for each tenant, API and subscription, for its hour and its day. */
async function sums(trx: Trx, entries: readonly UsageEntry[], now: number): Promise<readonly Sum[]> {
  const apis = await tenantsOfApis(trx, [...new Set(entries.map(({ api }) => api))]);
  const subscriptions = await tenantsOfSubscriptions(trx, [...new Set(entries.flatMap(({ subscription }) => subscription ?? []))]);
  const found = new Map<string, Sum>();
  for (const entry of entries) {
    const home = apis.get(entry.api);
    if (home?.tenant !== entry.tenant) continue;
    const isKnown = entry.subscription !== undefined && subscriptions.get(entry.subscription) === home.tenant;
    const scopes = [home.tenantId, entry.api, ...(isKnown ? [entry.subscription] : [])];
    // A gateway whose clock runs ahead measures now.
    const hour = new Date(Math.min(entry.hour * HOUR_MS, now)).toISOString().slice(0, 13);
    for (const scope of scopes) {
      for (const key of [
        { scope, grain: 'hour', at: hour, tenant_id: home.tenantId },
        { scope, grain: 'day', at: hour.slice(0, 10), tenant_id: home.tenantId },
      ] as const) {
        const name = `${key.scope} ${key.at}`;
        const known = found.get(name);
        found.set(name, { key, counts: sumOf(known === undefined ? [entry] : [known.counts, entry]) });
      }
    }
  }
  return [...found.values()];
}

/** One use per key, none ahead of our clock. */
function latestUses(keys: UsageReport['keys'], now: number): { readonly id: string; readonly at: string }[] {
  const latest = new Map<string, number>();
  for (const [id, usedAt] of keys) latest.set(id, Math.max(latest.get(id) ?? 0, Math.min(usedAt, now)));
  return [...latest].map(([id, at]) => ({ id, at: new Date(at).toISOString() }));
}
