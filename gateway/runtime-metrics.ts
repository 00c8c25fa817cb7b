/** What both servers tell Prometheus of their process. */
import { statfsSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';

/** What processes use together. */
export interface ProcessUse {
  /** Of those that have ended, too. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  /** Of the slowest one. */
  readonly lagSeconds: number;
}

const NOTHING: ProcessUse = { cpuSeconds: 0, residentBytes: 0, heapBytes: 0, lagSeconds: 0 };

/** How late the event loop of this process was since the last `reset`, 99th percentile; `stop` ends the watch. */
export function watchEventLoop(): { lagSeconds(): number; reset(): void; stop(): void } {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  return {
    lagSeconds() {
      const p99 = delay.percentile(99) / 1e9;
      return Number.isFinite(p99) ? p99 : 0;
    },
    reset: () => delay.reset(),
    stop: () => void delay.disable(),
  };
}

/** What this process uses, but for the delay of its event loop. */
export function processUse(): Omit<ProcessUse, 'lagSeconds'> {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return { cpuSeconds: (user + system) / 1e6, residentBytes: rss, heapBytes: heapUsed };
}

/** The basics of the process, and of `others` that belong to it, under names that promtool accepts: prom-client's own defaults are not. Returns what ends the watch on the event loop. */
export function addRuntimeMetrics(registers: Registry[], now: () => number, others: () => ProcessUse = () => NOTHING): () => void {
  const loop = watchEventLoop();
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time.',
    registers,
    collect() {
      this.reset();
      this.inc(processUse().cpuSeconds + others().cpuSeconds);
    },
  });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  const startedAt = now() / 1000 - process.uptime();
  gauge('process_start_time_seconds', 'When the process began, in seconds since the epoch.', () => startedAt);
  gauge('process_resident_memory_bytes', 'Resident memory.', () => processUse().residentBytes + others().residentBytes);
  gauge('nodejs_heap_used_bytes', 'Used heap of V8.', () => processUse().heapBytes + others().heapBytes);
  gauge('nodejs_eventloop_lag_p99_seconds', 'Delay of the event loop since the last scrape, 99th percentile.', () => {
    const lagSeconds = loop.lagSeconds();
    loop.reset();
    return Math.max(lagSeconds, others().lagSeconds);
  });
  return loop.stop;
}

/** How full the disk of the data directory is, as `df` has it. Without a value while it cannot be read. */
export function addDiskMetric(registers: Registry[], directory: string): void {
  new Gauge({
    name: 'stoa_data_disk_used_ratio',
    help: 'Used part of the disk that holds the data directory, from 0 to 1.',
    registers,
    collect() {
      try {
        const { blocks, bfree, bavail } = statfsSync(directory);
        this.set((blocks - bfree) / Math.max(1, blocks - bfree + bavail));
      } catch {
        this.reset();
      }
    },
  });
}
