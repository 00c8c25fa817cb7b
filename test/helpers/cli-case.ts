/** What the tests of the command line share: a counted control plane, directories of manifests, and a small shop to apply. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { startCountedControlPlane, type CountedControlPlane } from './counted-control-plane.js';

/** The value of HOOK_SECRET; in no output and no file, ever. */
export const CANARY = 'canary-webhook-secret-91c2d4';
export const KEY = /stoa_sk_[0-9a-z]{32}/;
export const withSecret = { HOOK_SECRET: CANARY };

export const manifest = (kind: string, metadata: object, spec: object): string =>
  `${JSON.stringify({ apiVersion: 'gostoa.dev/v1beta1', kind, metadata, spec })}\n---\n`;
export const tenant = (name: string): string => manifest('Tenant', { name }, { tier: 'enterprise' });
export const api = (owner: string, name: string, spec: object = {}): string =>
  manifest('API', { name, tenant: owner }, { path: `/${name}`, upstream_url: 'http://127.0.0.1:9', ...spec });
export const shop = (owner: string): string =>
  tenant(owner) +
  api(owner, 'orders', { rate_limit: { requests_per_hour: 100 } }) +
  manifest('Consumer', { name: 'mobile', tenant: owner }, { email: 'a@example.com' }) +
  manifest('Subscription', { name: 'mobile-orders', tenant: owner }, { api: 'orders', consumer: 'mobile' }) +
  manifest(
    'Webhook',
    { name: 'hook', tenant: owner },
    { url: 'https://hooks.example.com/x', events: ['*'], secret_ref: 'env:HOOK_SECRET' },
  );

export const json = (text: string): Record<string, never> => JSON.parse(text) as Record<string, never>;

export interface CliCase {
  readonly cp: CountedControlPlane;
  readonly root: string;
  /** A directory with these files. */
  directory(files: Readonly<Record<string, string>>): string;
  /** The directory of a tenant that was applied from one manifest file by the project of the same name. */
  applied(name: string, text?: string): Promise<string>;
  stop(): Promise<void>;
}

/** Starts a control plane and a directory for the cases of one suite. */
export async function startCliCase(): Promise<CliCase> {
  const cp = await startCountedControlPlane();
  const root = mkdtempSync(join(tmpdir(), 'stoactl-e2e-'));
  const directory: CliCase['directory'] = (files) => {
    const path = mkdtempSync(join(root, 'case-'));
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(path, file)), { recursive: true });
      writeFileSync(join(path, file), text);
    }
    return path;
  };
  return {
    cp,
    root,
    directory,
    async applied(name, text = shop(name)) {
      const path = directory({ 'all.yaml': text, 'stoa.config.yaml': `project: ${name}\nmanifests: ["*.yaml"]\n` });
      const result = await cp.stoactl(['apply', '--yes'], { cwd: path, env: withSecret });
      expect(result, result.stderr).toMatchObject({ exitCode: 0 });
      cp.takeRequests();
      return path;
    },
    async stop() {
      await cp.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
