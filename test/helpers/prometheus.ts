/** A real Prometheus of a test, with the configuration of deploy/prometheus. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { freePort } from './ports.js';
import { ROOT } from './stack.js';

/** Where the configuration and the alerts are. */
export const PROMETHEUS_FILES = path.join(ROOT, 'deploy/prometheus');

/** Whether Prometheus and promtool are here. */
export const isPrometheusInstalled = (): boolean =>
  ['prometheus', 'promtool'].every((program) => spawnSync(program, ['--version']).status === 0);

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface TestPrometheus {
  readonly url: string;
  /** `data` of an answer of its API; undefined while it does not answer. */
  ask(route: string): Promise<unknown>;
  /** What an expression gives now. Throws with Prometheus' words when it is none. */
  query(expression: string): Promise<readonly Sample[]>;
  stop(): void;
}

/** Starts Prometheus. It scrapes each second what the servers of a test are, under the job names of the configuration. */
export async function startPrometheus(servers: { readonly gateway: string; readonly controlPlane: string }): Promise<TestPrometheus> {
  const directory = mkdtempSync(path.join(tmpdir(), 'stoa-prometheus-'));
  const port = await freePort();
  const config = readFileSync(path.join(PROMETHEUS_FILES, 'prometheus.yml'), 'utf8')
    .replace('localhost:3001', new URL(servers.gateway).host)
    .replace('localhost:8000', new URL(servers.controlPlane).host)
    .replaceAll('15s', '1s')
    .replace('alerts.yml', path.join(PROMETHEUS_FILES, 'alerts.yml'));
  writeFileSync(path.join(directory, 'prometheus.yml'), config);
  const flags = [
    `--config.file=${directory}/prometheus.yml`,
    `--storage.tsdb.path=${directory}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const child = spawn('prometheus', flags, { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    async ask(route) {
      const answer = await fetch(`${url}${route}`).catch(() => undefined);
      return answer === undefined ? undefined : ((await answer.json()) as { data: unknown }).data;
    },
    async query(expression) {
      const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`).catch(() => undefined);
      if (answer === undefined) return [];
      const { data, error } = (await answer.json()) as {
        data?: { result: { metric: Sample['metric']; value: [number, string] }[] };
        error?: string;
      };
      if (data === undefined) throw new Error(`${expression}: ${error ?? 'no answer'}`);
      return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    stop() {
      child.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Looks again until what is seen is what is expected; after 30 seconds the difference is the failure. */
export async function eventually(look: () => Promise<unknown>, expected: unknown, timeoutMs = 30_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (let seen = await look(); ; seen = await look()) {
    if (JSON.stringify(seen) === JSON.stringify(expected)) return;
    if (Date.now() > end) expect(seen).toEqual(expected);
    await delay(200);
  }
}
