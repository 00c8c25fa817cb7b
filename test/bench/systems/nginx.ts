import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort, isInstalled, start, stop, waitFor, type Running } from '../lib/processes.js';
import type { World } from '../lib/world.js';
import type { Setting, Started, System } from './system.js';

/** The measure of all others: one nginx worker that does the same job with what nginx brings. */
export const nginx: System = {
  name: 'nginx',
  job: 'map of keys, limit_req, access log (buffered)',
  missing: () => (isInstalled('nginx') ? undefined : 'nginx is not installed'),
  start: startGateway,
};

async function startGateway({ world, upstreamPort, directory, core }: Setting): Promise<Started> {
  const port = await freePort();
  const accessLog = path.join(directory, 'access.log');
  const running = startNginx(directory, core, gatewayHttp(world, port, upstreamPort, accessLog));
  const [first] = world.keys;
  await waitFor(running, `http://127.0.0.1:${port}${first?.path ?? '/'}`, path.join(directory, 'nginx.log'), 200, {
    'x-api-key': first?.key ?? '',
  });
  return { running, port, accessLog, stop: () => stop(running) };
}

/** The upstream of all systems: 200 bytes from one nginx worker. */
export async function startUpstream(directory: string, core: number): Promise<{ port: number; stop(): Promise<void> }> {
  const port = await freePort();
  const http = `access_log off;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    default_type application/json;
    location / { return 200 '${JSON.stringify({ ok: true, pad: 'x'.repeat(179) })}'; }
  }`;
  const running = startNginx(directory, core, http);
  await waitFor(running, `http://127.0.0.1:${port}/`, path.join(directory, 'nginx.log'));
  return { port, stop: () => stop(running) };
}

function startNginx(directory: string, core: number, http: string): Running {
  const file = path.join(directory, 'nginx.conf');
  const log = path.join(directory, 'nginx.log');
  writeFileSync(file, wholeConfig(directory, http));
  return start('nginx', ['-p', directory, '-c', file, '-e', log], { core, log });
}

function wholeConfig(directory: string, http: string): string {
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory}/${name};`);
  return `daemon off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log ${directory}/nginx.log warn;
events { worker_connections 4096; }
http {
  ${folders.join('\n  ')}
  keepalive_requests 1000000000;
  keepalive_timeout 75s;
  ${http}
}
`;
}

function gatewayHttp({ routes, keys }: World, port: number, upstreamPort: number, accessLog: string): string {
  return `map_hash_bucket_size 128;
  map_hash_max_size 8192;
  map $http_x_api_key $consumer { default ''; ${keys.map(({ key, consumer }) => `${key} ${consumer};`).join(' ')} }
  limit_req_zone $consumer zone=consumers:10m rate=1000000r/s;
  log_format line '{"ts":"$time_iso8601","request_id":"$request_id","consumer":"$consumer","method":"$request_method","path":"$uri","status":$status,"latency":$request_time}';
  access_log ${accessLog} line buffer=64k flush=1s;
  upstream backend { server 127.0.0.1:${upstreamPort}; keepalive 64; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    limit_req zone=consumers burst=10000 nodelay;
    if ($consumer = '') { return 401; }
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_set_header X-API-Key '';
    proxy_set_header X-Consumer-Id $consumer;
    proxy_set_header X-Request-Id $request_id;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;
    add_header X-Request-Id $request_id;
    ${routes.map(({ prefix }) => `location ${prefix}/ { proxy_pass http://backend/; }`).join('\n    ')}
  }`;
}
