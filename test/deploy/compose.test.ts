/** deploy/compose: what it promises, and each of our services run as it says, from the files of the image alone (OP1 OP4 OP5 OP18 LG12 LG13). */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { COMPOSE, containerOf, readCompose, readEnvExample } from '../helpers/compose.js';
import { containersProblem, readImage, startContainers, type Containers } from '../helpers/containers.js';
import { eventually, isPrometheusInstalled } from '../helpers/prometheus.js';
import { ROOT } from '../helpers/stack.js';

const compose = readCompose();
const services = Object.entries(compose.services).map(([name, service]) => ({ name, ...service }));
const ours = services.filter(({ build }) => build !== undefined);
const dockerfile = readFileSync(path.join(COMPOSE, 'Dockerfile'), 'utf8');

describe('docker-compose.yml', () => {
  it('has the services of document A that exist, and Prometheus and Grafana in a profile of their own', () => {
    expect(ours.map(({ name }) => name)).toEqual(['control-plane-api', 'stoa-gateway']);
    expect(services.filter(({ profiles }) => profiles?.includes('observability')).map(({ name }) => name)).toEqual([
      'prometheus',
      'grafana',
    ]);
    expect(compose.services['control-plane-api']?.networks?.default.aliases).toEqual(['control-plane-ui', 'developer-portal', 'keycloak']);
  });

  it('publishes the ports of document A, all but the gateway on loopback (OP1 OP6)', () => {
    const published = Object.fromEntries(services.map(({ name, ports }) => [name, ports]));

    expect(published).toEqual({
      'control-plane-api': ['127.0.0.1:8000:8000', '127.0.0.1:3000:3000', '127.0.0.1:3002:3002', '127.0.0.1:8080:8080'],
      'stoa-gateway': ['0.0.0.0:3001:3001'],
      prometheus: ['127.0.0.1:9090:9090'],
      grafana: ['127.0.0.1:3003:3000'],
    });
  });

  it.each(services)('$name: has no rights, an exact version, a health check and logs that end (LG12)', (service) => {
    const { image, privileged, cap_drop, cap_add, security_opt, healthcheck, logging } = service;

    expect(image).toMatch(/:v?\d+\.\d+\.\d+$/);
    expect([privileged, cap_drop, cap_add, security_opt]).toEqual([undefined, ['ALL'], undefined, ['no-new-privileges:true']]);
    expect(healthcheck.test[0]).toBe('CMD');
    expect(logging).toEqual({ driver: 'json-file', options: { 'max-size': '100m', 'max-file': '5' } });
  });

  it('runs ours as the user of the image, over a root that cannot be written', () => {
    for (const { user, read_only, tmpfs, volumes, image } of ours) {
      expect([user, read_only, tmpfs]).toEqual(['10001:10001', true, ['/tmp']]);
      expect(volumes).toHaveLength(1);
      expect(image).toBe(`stoa:${(JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string }).version}`);
    }
    expect(readImage()).toMatchObject({ user: 10_001, volumes: ['/data'], entrypoint: ['node'] });
  });

  it('knows secrets as files alone, and brings none', () => {
    const used = services.flatMap(({ secrets }) => secrets ?? []);
    const plain = services.flatMap(({ environment }) =>
      Object.keys(environment ?? {}).filter((key) => /SECRET|TOKEN|PASSWORD/.test(key) && !key.endsWith('_FILE')),
    );

    expect([...new Set(used)].sort()).toEqual(Object.keys(compose.secrets).sort());
    expect(plain).toEqual([]);
    expect(Object.keys(readEnvExample()).filter((key) => /SECRET|TOKEN|PASSWORD/.test(key))).toEqual([]);
    expect(spawnSync('git', ['check-ignore', 'deploy/compose/secrets/client_secret', 'deploy/compose/.env'], { cwd: ROOT }).status).toBe(0);
  });

  it('has no variable that .env.example does not explain, and is the same with it', () => {
    const text = readFileSync(path.join(COMPOSE, 'docker-compose.yml'), 'utf8');
    const named = new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name));

    expect([...named].sort()).toEqual(Object.keys(readEnvExample()).sort());
    expect(readCompose(readEnvExample())).toEqual(compose);
  });

  it('names proxies for both servers: a gateway and a portal want to know who the client is', () => {
    const told = readCompose({ ...readEnvExample(), STOA_TRUSTED_PROXIES: '172.18.0.0/16' });

    for (const { name } of ours) expect(told.services[name]?.environment).toMatchObject({ STOA_TRUSTED_PROXIES: '172.18.0.0/16' });
  });

  it('mounts files that are there', () => {
    const mounted = services.flatMap(({ volumes }) => volumes ?? []).filter((volume) => volume.startsWith('.'));

    expect(mounted.length).toBeGreaterThan(3);
    expect(mounted.filter((volume) => !existsSync(path.join(COMPOSE, volume.split(':')[0] ?? '')))).toEqual([]);
  });

  it('scrapes the jobs of deploy/prometheus at the names and ports of the services (OP5 OP6)', () => {
    const read = (file: string) => parse(readFileSync(file, 'utf8'));
    const [here, there] = [read(path.join(COMPOSE, 'prometheus.yml')), read(path.join(ROOT, 'deploy/prometheus/prometheus.yml'))];
    const targets = here.scrape_configs.map((job: { static_configs: { targets: string[] }[] }) => job.static_configs[0]?.targets[0]);
    const jobs = (config: typeof here) => config.scrape_configs.map((job: { job_name: string }) => job.job_name);

    expect(jobs(here)).toEqual(jobs(there));
    expect(here.scrape_configs[0].authorization).toEqual({ credentials_file: '/run/secrets/metrics_token' });
    expect(compose.services['prometheus']?.secrets).toEqual(['metrics_token']);
    expect({ ...here, scrape_configs: 0 }).toEqual({ ...there, scrape_configs: 0 });
    expect(targets).toEqual(['stoa-gateway:3001', 'control-plane-api:8000']);
    const datasource = read(path.join(ROOT, 'deploy/grafana/provisioning/datasources/prometheus.yml'));
    expect(datasource.datasources[0].url).toBe('http://prometheus:9090');
    const provider = read(path.join(ROOT, 'deploy/grafana/provisioning/dashboards/stoa.yml')).providers[0];
    expect(compose.services['grafana']?.volumes).toContain(`../grafana/dashboards:${String(provider.options.path)}:ro`);
  });

  it.skipIf(!isPrometheusInstalled())('has a configuration that Prometheus accepts', () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'stoa-prometheus-'));
    for (const file of [path.join(COMPOSE, 'prometheus.yml'), path.join(ROOT, 'deploy/prometheus/alerts.yml')])
      cpSync(file, path.join(directory, path.basename(file)));

    const { status } = spawnSync('promtool', ['check', 'config', '--syntax-only', 'prometheus.yml'], { cwd: directory });

    rmSync(directory, { recursive: true });
    expect(status).toBe(0);
  });
});

describe('the Dockerfile', () => {
  it('builds in one stage and runs in another, from one exact version, as a user without rights, with curl inside (OP18)', () => {
    const stages = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);

    expect(new Set(stages)).toEqual(new Set([stages[0]]));
    expect(stages).toHaveLength(2);
    expect(stages[0]).toMatch(/^node:\d+\.\d+\.\d+-bookworm-slim$/);
    expect(dockerfile.split('FROM')[2]).toMatch(/install .* curl/);
    expect(dockerfile).not.toMatch(/^(ADD|ARG)/m);
  });
});

describe('secrets.sh', () => {
  it('makes each secret once, for the containers to read and for nobody else, and prints none', () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'stoa-secrets-'));
    cpSync(path.join(COMPOSE, 'secrets.sh'), path.join(directory, 'secrets.sh'));
    const run = () => spawnSync('sh', [path.join(directory, 'secrets.sh')], { encoding: 'utf8' });
    const read = () =>
      readdirSync(path.join(directory, 'secrets')).map((name) => [name, readFileSync(path.join(directory, 'secrets', name), 'utf8')]);

    const first = run();
    const made = read();
    const second = run();

    expect(made.map(([name]) => name)).toEqual(Object.keys(compose.secrets).sort());
    for (const [name = '', secret = ''] of made) {
      expect([name, secret]).toEqual([name, expect.stringMatching(/^[0-9a-f]{64}$/)]);
      expect(first.stdout + first.stderr).not.toContain(secret);
      expect((statSync(path.join(directory, 'secrets', name)).mode & 0o777).toString(8)).toBe('444');
    }
    expect((statSync(path.join(directory, 'secrets')).mode & 0o777).toString(8)).toBe('700');
    expect([second.stdout, read()]).toEqual(['', made]);
    rmSync(directory, { recursive: true });
  });
});

/** A start may be slow where much else runs. */
const START_MS = 120_000;
const problem = containersProblem();
if (problem !== undefined) console.warn(`Containers cannot be imitated here (${problem}): the services are not run.`);

describe.skipIf(problem !== undefined)('each service, with its command, environment, user and files', () => {
  const secretOf = (name: string): string => createHash('sha256').update(name).digest('hex');
  const names = ours.map(({ name }) => name);
  let containers: Containers;

  beforeAll(async () => {
    const specs = names.map((name) => containerOf(compose, name, secretOf));
    // Debian's Prometheus in place of the image's, with the files that the service mounts.
    const prometheus = {
      name: 'prometheus',
      entrypoint: ['prometheus'],
      command: ['--config.file=/run/prometheus/prometheus.yml', '--storage.tsdb.path=/prometheus'],
      environment: {},
      user: 65_534,
      files: {
        '/run/prometheus/prometheus.yml': readFileSync(path.join(COMPOSE, 'prometheus.yml'), 'utf8'),
        '/run/prometheus/alerts.yml': readFileSync(path.join(ROOT, 'deploy/prometheus/alerts.yml'), 'utf8'),
        '/run/secrets/metrics_token': secretOf('metrics_token'),
      },
      writable: ['/prometheus'],
    };
    const bare = { ...containerOf(compose, 'stoa-gateway', secretOf), name: 'without-secrets', files: {} };
    containers = await startContainers([...specs, bare, prometheus], [...names, 'control-plane-ui', 'developer-portal', 'keycloak']);
    for (const name of names) containers.start(name);
  }, 60_000);
  afterAll(() => containers.end());

  it.each(ours)('$name becomes healthy by its own health check', { timeout: START_MS }, async ({ name, healthcheck }) => {
    await eventually(() => Promise.resolve(containers.exec(name, healthcheck.test.slice(1)).code), 0, START_MS);
  });

  it('the gateway follows the control plane, and each name and port of document A answers (OP1)', { timeout: START_MS }, async () => {
    const get = (url: string) => containers.exec('stoa-gateway', ['curl', '-s', url]).stdout;
    await eventually(
      () => Promise.resolve((JSON.parse(get('http://stoa-gateway:3001/health/ready')) as { control_plane: string }).control_plane),
      'connected',
    );

    for (const address of ['control-plane-api:8000', 'control-plane-ui:3000', 'developer-portal:3002', 'keycloak:8080'])
      expect([address, get(`http://${address}/health/ready`)]).toEqual([address, expect.stringMatching(/^\{"status":"UP"/)]);
  });

  it('the console, the documents and the metrics are served: the image has all their files', { timeout: START_MS }, () => {
    const status = (url: string) => containers.exec('stoa-gateway', ['curl', '-sL', '-o', '/dev/null', '-w', '%{http_code}', url]).stdout;

    for (const page of ['console', 'docs', 'redoc', 'openapi.json', 'metrics'])
      expect([page, status(`http://control-plane-api:8000/${page}`)]).toEqual([page, '200']);
  });

  it('stoactl, the admin API and the metrics open with the secrets of the files', { timeout: START_MS }, () => {
    const env = `STOA_API_URL=http://control-plane-api:8000 STOA_CLIENT_ID=control-plane-api STOA_CLIENT_SECRET=${secretOf('client_secret')}`;
    const tenants = containers.exec('control-plane-api', [
      'env',
      ...env.split(' '),
      'node',
      'bin/stoactl.js',
      'get',
      'tenants',
      '-o',
      'json',
    ]);
    const status = (page: string, secret: string) => {
      const header = `Authorization: Bearer ${secretOf(secret)}`;
      const url = `http://127.0.0.1:3001/${page}`;
      return containers.exec('stoa-gateway', ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '-H', header, url]).stdout;
    };

    expect([tenants.code, tenants.stderr]).toEqual([0, '']);
    expect([status('admin/apis', 'admin_token'), status('admin/apis', 'metrics_token')]).toEqual(['200', '401']);
    expect([status('metrics', 'metrics_token'), status('metrics', 'admin_token')]).toEqual(['200', '401']);
  });

  it.skipIf(!isPrometheusInstalled())('Prometheus scrapes both with the token of its file (OP5)', { timeout: START_MS }, async () => {
    containers.start('prometheus');
    const targets = () => {
      const { stdout } = containers.exec('prometheus', ['curl', '-s', 'http://localhost:9090/api/v1/targets']);
      const { data } = JSON.parse(stdout === '' ? '{}' : stdout) as {
        data?: { activeTargets: { labels: { job: string }; health: string }[] };
      };
      return Promise.resolve(data?.activeTargets.map(({ labels, health }) => `${labels.job} ${health}`).sort());
    };

    await eventually(targets, ['stoa-control-plane up', 'stoa-gateway up'], START_MS);
  });

  it('nothing starts without the secrets', { timeout: START_MS }, async () => {
    const child = containers.start('without-secrets');
    const code = await new Promise((resolve) => child.once('close', resolve));

    expect([code, containers.output('without-secrets')]).toEqual([1, expect.stringContaining('cannot be read: ENOENT')]);
  });

  it('writes to its volume alone, and no secret into a log', () => {
    for (const name of names) {
      expect(containers.exec(name, ['touch', '/app/x']).code).not.toBe(0);
      expect(containers.exec(name, ['id', '-u']).stdout.trim()).toBe('10001');
      for (const secret of Object.keys(compose.secrets)) expect(containers.output(name)).not.toContain(secretOf(secret));
    }
  });
});
