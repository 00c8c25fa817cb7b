/** deploy/kubernetes: objects that fit together and ask for no rights, and each of our containers run as they say. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { containersProblem, startContainers, type Containers } from '../helpers/containers.js';
import { readCompose } from '../helpers/compose.js';
import { unknownFlags } from '../helpers/flags.js';
import { containerOf, KUBERNETES, readObjects, workloadsOf, type Selector } from '../helpers/kubernetes.js';
import { eventually } from '../helpers/prometheus.js';
import { ROOT } from '../helpers/stack.js';

const START_MS = 120_000;
const objects = readObjects();
const workloads = workloadsOf(objects);
const containers = workloads.flatMap(({ name, pod, claims }) =>
  [...(pod.initContainers ?? []), ...pod.containers].map((container) => ({ workload: name, pod, claims, ...container })),
);
const ofKind = (kind: string) =>
  objects.filter((each) => each.kind === kind).map(({ metadata, spec = {} }) => ({ name: metadata.name, spec }));
const appOf = (selector?: Selector): string | undefined => selector?.matchLabels?.['app'];
const apps = new Set(workloads.map(({ labels }) => labels['app']));

describe('the objects', () => {
  it('are all in the kustomization, and nothing else is', () => {
    const { resources } = parse(readFileSync(path.join(KUBERNETES, 'kustomization.yaml'), 'utf8')) as { resources: string[] };

    expect([...resources, 'kustomization.yaml'].sort()).toEqual(readdirSync(KUBERNETES).sort());
    expect(workloads.map(({ name }) => name).sort()).toEqual(['stoa-control-plane', 'stoa-gateway', 'stoa-gitops']);
  });

  it.skipIf(spawnSync('kubectl', ['version', '--client']).status !== 0)('are put together by kubectl', () => {
    const built = spawnSync('kubectl', ['kustomize', KUBERNETES], { encoding: 'utf8' });

    expect([built.status, built.stderr]).toEqual([0, '']);
    expect(built.stdout.match(/^kind: /gm)).toHaveLength(objects.length);
  });

  it('reach pods that are there: services by label and port name, budgets and scaling by name', () => {
    for (const { name, spec } of ofKind('Service')) {
      const ports = workloads.find(({ labels }) => labels['app'] === spec.selector?.app)?.pod.containers[0]?.ports ?? [];
      expect([name, spec.ports?.map(({ port, targetPort }) => [targetPort, port])]).toEqual([
        name,
        ports.map((port) => [port.name, port.containerPort]),
      ]);
    }
    for (const { spec } of ofKind('PodDisruptionBudget')) expect(apps).toContain(appOf(spec.selector));
    for (const { spec } of ofKind('HorizontalPodAutoscaler'))
      expect(ofKind(spec.scaleTargetRef?.kind ?? '').map(({ name }) => name)).toContain(spec.scaleTargetRef?.name);
    for (const kind of ['StatefulSet', 'Deployment'])
      for (const { name, spec } of ofKind(kind))
        expect([name, spec.selector]).toEqual([name, { matchLabels: spec.template?.metadata.labels }]);
  });

  it('let in only what a policy names, on ports that are listened on', () => {
    const policies = ofKind('NetworkPolicy');

    expect(policies[0]?.spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
    expect(new Set(policies.slice(1).map(({ spec }) => appOf(spec.podSelector)))).toEqual(apps);
    for (const { name, spec } of policies.slice(1)) {
      const listened = workloads.find(({ labels }) => labels['app'] === appOf(spec.podSelector))?.pod.containers[0]?.ports ?? [];
      const open = (spec.ingress ?? []).flatMap(({ ports }) => ports.map(({ port }) => port));
      expect([name, open]).toEqual([name, listened.map(({ containerPort }) => containerPort)]);
      const from = (spec.ingress ?? []).flatMap(({ from: peers = [] }) => peers.flatMap(({ podSelector }) => appOf(podSelector) ?? []));
      expect(from.filter((app) => !apps.has(app) && app !== 'prometheus')).toEqual([]);
    }
  });

  it('run one control plane, and never take the last gateway away', () => {
    expect(ofKind('StatefulSet').map(({ spec }) => spec.replicas)).toEqual([1]);
    expect(ofKind('PodDisruptionBudget').map(({ spec }) => spec.minAvailable)).toEqual([1]);
    const [scaling] = ofKind('HorizontalPodAutoscaler');
    expect(scaling?.spec.minReplicas).toBe(ofKind('Deployment')[0]?.spec.replicas);
  });
});

describe.each(containers)('$workload, container $name', ({ pod, claims, image, args, env = [], ...container }) => {
  it('meets the restricted Pod Security Standard, over a root that cannot be written', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10_001, seccompProfile: { type: 'RuntimeDefault' } });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(objects.find(({ kind }) => kind === 'ServiceAccount')?.metadata.name).toBe(pod.serviceAccountName);
  });

  it('has an exact image, bounds, and volumes that are there', () => {
    const names = [...pod.volumes.map(({ name }) => name), ...claims];

    expect(image).toMatch(/:v?\d+\.\d+\.\d+$/);
    expect([Object.keys(container.resources.requests), Object.keys(container.resources.limits)]).toEqual([['cpu', 'memory'], ['memory']]);
    expect(container.volumeMounts.filter(({ name }) => !names.includes(name))).toEqual([]);
  });

  it('is given flags that its program knows, and secrets that secrets.sh makes', () => {
    const keys = [
      ...pod.volumes.flatMap(({ secret }) => secret?.items.map(({ key }) => key) ?? []),
      ...env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef.key ?? []),
    ];

    if (image.startsWith('stoa:')) expect(unknownFlags(args)).toEqual([]);
    expect(keys.filter((key) => !(key in readCompose().secrets))).toEqual([]);
  });
});

const problem = containersProblem();
if (problem !== undefined) console.warn(`Containers cannot be imitated here (${problem}): those of Kubernetes are not run.`);

describe.skipIf(problem !== undefined)('the pods together', () => {
  const secretOf = (key: string): string => createHash('sha256').update(key).digest('hex');
  const [controlPlane, gateway, gitops] = ['stoa-control-plane', 'stoa-gateway', 'stoa-gitops'] as const;
  const tenant = readFileSync(path.join(ROOT, 'examples/quickstart/tenant.yaml'), 'utf8');
  let running: Containers;

  beforeAll(async () => {
    const files = { '/checkout/repository/stoa/tenant.yaml': tenant };
    running = await startContainers(
      workloads.map((workload) => containerOf(workload, secretOf, workload.name === gitops ? files : {})),
      [controlPlane, gateway],
    );
    for (const name of [controlPlane, gateway]) running.start(name);
  }, 60_000);
  afterAll(() => running.end());

  it.each(containers.filter(({ readinessProbe }) => readinessProbe !== undefined))(
    '$workload passes its probes',
    { timeout: START_MS },
    async (container) => {
      for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
        const port = container.ports?.find(({ name }) => name === probe?.httpGet.port)?.containerPort;
        const url = `http://127.0.0.1:${String(port)}${probe?.httpGet.path ?? ''}`;
        await eventually(
          () => Promise.resolve(running.exec(container.workload, ['curl', '-fsS', '-o', '/dev/null', url]).code),
          0,
          START_MS,
        );
      }
      for (const program of container.lifecycle?.preStop.exec.command.slice(0, 1) ?? [])
        expect(running.exec(container.workload, [program, '0']).code).toBe(0);
    },
  );

  it('the job applies what the repository declares, and again does nothing', { timeout: START_MS }, async () => {
    const runJob = async (): Promise<unknown> => new Promise((resolve) => running.start(gitops).once('close', resolve));
    const first = await runJob();
    const applied = running.output(gitops);
    expect([first, applied]).toEqual([0, expect.stringContaining('1 created')]);
    const second = await runJob();

    expect([second, running.output(gitops).slice(applied.length)]).toEqual([0, expect.not.stringContaining('created')]);
    await eventually(
      () => Promise.resolve(running.exec(gateway, ['curl', '-s', 'http://stoa-gateway:3001/health/ready']).stdout),
      '{"status":"ready","control_plane":"connected"}',
    );
  });
});
