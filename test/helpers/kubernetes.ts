/** deploy/kubernetes as objects: what the tests look at of them. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { ContainerSpec } from './containers.js';
import { ROOT } from './stack.js';

export const KUBERNETES = path.join(ROOT, 'deploy/kubernetes');

export interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

export interface PodContainer {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
  }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly resources: { readonly requests: Readonly<Record<string, string>>; readonly limits: Readonly<Record<string, string>> };
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
}

export interface Volume {
  readonly name: string;
  readonly secret?: { readonly secretName: string; readonly items: readonly { readonly key: string; readonly path: string }[] };
}

export interface PodSpec {
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly automountServiceAccountToken: boolean;
  readonly serviceAccountName: string;
  readonly terminationGracePeriodSeconds?: number;
  readonly initContainers?: readonly PodContainer[];
  readonly containers: readonly PodContainer[];
  readonly volumes: readonly Volume[];
}

export interface Selector {
  readonly app?: string;
  readonly matchLabels?: Readonly<Record<string, string>>;
}

interface PodTemplate {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: PodSpec;
}

/** What is looked at of any kind. */
export interface ObjectSpec {
  readonly selector?: Selector;
  readonly replicas?: number;
  readonly minReplicas?: number;
  readonly minAvailable?: number;
  readonly scaleTargetRef?: { readonly kind: string; readonly name: string };
  readonly ports?: readonly { readonly port: number; readonly targetPort: string }[];
  readonly podSelector?: Selector;
  readonly policyTypes?: readonly string[];
  readonly ingress?: readonly {
    readonly ports: readonly { readonly port: number }[];
    readonly from?: readonly { readonly podSelector?: Selector }[];
  }[];
  readonly template?: PodTemplate;
  readonly jobTemplate?: { readonly spec: { readonly template: PodTemplate } };
  readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
}

export interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: ObjectSpec;
}

export interface Workload {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly pod: PodSpec;
  readonly claims: readonly string[];
}

/** Every object of every file but the list of files. */
export const readObjects = (): KubernetesObject[] =>
  readdirSync(KUBERNETES)
    .filter((file) => file !== 'kustomization.yaml')
    .flatMap((file) =>
      parseAllDocuments(readFileSync(path.join(KUBERNETES, file), 'utf8')).map((document) => document.toJS() as KubernetesObject),
    );

/** What runs pods, with the pods' own description. */
export const workloadsOf = (objects: readonly KubernetesObject[]): Workload[] =>
  objects.flatMap(({ metadata, spec }) => {
    const template = spec?.template ?? spec?.jobTemplate?.spec.template;
    const claims = (spec?.volumeClaimTemplates ?? []).map((claim) => claim.metadata.name);
    return template === undefined ? [] : [{ name: metadata.name, labels: template.metadata.labels, pod: template.spec, claims }];
  });

/** The first container of a workload as one of ours; `secretOf` gives the value of a key of the Secret, `files` what an earlier container left. */
export function containerOf(
  { name, pod }: Workload,
  secretOf: (key: string) => string,
  files: Readonly<Record<string, string>> = {},
): ContainerSpec {
  const [container] = pod.containers;
  if (container === undefined) throw new Error(`${name} has no container.`);
  const mountOf = (volume: Volume): string => container.volumeMounts.find((mount) => mount.name === volume.name)?.mountPath ?? '';
  const secrets = pod.volumes.flatMap((volume) =>
    (volume.secret?.items ?? []).map(({ key, path: file }) => [`${mountOf(volume)}/${file}`, secretOf(key)] as const),
  );
  return {
    name,
    command: container.args,
    environment: Object.fromEntries(
      (container.env ?? []).map(({ name: variable, value, valueFrom }) => [variable, value ?? secretOf(valueFrom?.secretKeyRef.key ?? '')]),
    ),
    user: Number(pod.securityContext['runAsUser']),
    files: { ...Object.fromEntries(secrets), ...files },
    writable: container.volumeMounts.map(({ mountPath }) => mountPath).filter((mount) => /^\/(data|tmp)$/.test(mount)),
  };
}
