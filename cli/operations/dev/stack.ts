/** Control plane and gateway as child processes of this one. */
import { mkdir } from 'node:fs/promises';
import { productPath } from '../../../gateway/product-path.js';
import { StoaError } from '../../../schema/error.js';
import type { EmitDevEvent } from './events.js';
import type { DevPart } from './part.js';
import { reservePort } from './ports.js';
import { checkDatabase } from './preflight.js';
import { Service, type Ready } from './service.js';

/** Ports of document A that the control plane answers on as well, when they are free (decision K17). */
const ALIAS_PORTS = '8080,3000,3002';
const DEFAULT_CONTROL_PORT = 8000;
const DEFAULT_GATEWAY_PORT = 3001;

export interface StackOptions {
  /** Absolute. */
  readonly dataDir: string;
  /** Undefined for the default of 8000; 0 for any free one. */
  readonly controlPort: number | undefined;
  /** Undefined for the default of 3001; 0 for any free one. */
  readonly gatewayPort: number | undefined;
  /** Start one of the two alone. */
  readonly only: 'control' | 'gateway' | undefined;
  /** Without one the gateway's /admin answers 503. */
  readonly adminToken: string | undefined;
  /** Secret of this run's own client `stoactl-dev`. */
  readonly bootstrapSecret: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface RunningStack {
  readonly controlUrl: string;
  readonly gatewayUrl: string;
  /** Set when this start made the issuer's client secret. */
  readonly firstRun: Ready['first_run'];
}

export class Stack {
  readonly #options: StackOptions;
  readonly #emit: EmitDevEvent;
  /** In the order in which they end: the gateway tells the control plane its last events. */
  #services: readonly Service[] = [];
  #isStopping = false;

  constructor(options: StackOptions, emit: EmitDevEvent) {
    this.#options = options;
    this.#emit = emit;
  }

  /**
   * Starts what is asked for and resolves when it serves. `onPort` is told the gateway's port before anything runs. Throws a `StoaError`, with nothing
   * left running, when a part cannot start.
   */
  async start(onPort: (gatewayPort: number) => void): Promise<RunningStack> {
    const { only, dataDir } = this.#options;
    if (only !== 'gateway') await checkDatabase(dataDir);
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const controlPort = await choosePort(
      this.#options.controlPort ?? DEFAULT_CONTROL_PORT,
      'control plane',
      '--control-port',
      only !== 'gateway',
    );
    const gatewayPort = await choosePort(
      this.#options.gatewayPort ?? DEFAULT_GATEWAY_PORT,
      'gateway',
      '--gateway-port',
      only !== 'control',
    );
    onPort(gatewayPort);
    const control = new Service(controlOptions(this.#options, controlPort, gatewayPort), this.#emit);
    const gateway = new Service(gatewayOptions(this.#options, gatewayPort, control.url), this.#emit);
    this.#services = [...(only === 'control' ? [] : [gateway]), ...(only === 'gateway' ? [] : [control])];
    if (this.#isStopping) throw new StoaError('interrupted');
    const firstRun = only === 'gateway' ? undefined : (await control.start()).first_run;
    if (only !== 'control') await this.#startGateway(gateway, firstRun);
    return { controlUrl: control.url, gatewayUrl: gateway.url, firstRun };
  }

  /** What it runs, in the order in which it is stopped. */
  get parts(): readonly DevPart[] {
    return this.#services;
  }

  /** Drains the gateway, then the control plane, for good. May be called at any time, also while they start. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const service of this.#services) await service.close();
  }

  /** Ends both at once. */
  kill(): void {
    this.#isStopping = true;
    for (const service of this.#services) service.kill();
  }

  async #startGateway(gateway: Service, firstRun: Ready['first_run']): Promise<void> {
    try {
      await gateway.start();
    } catch (error) {
      // Its only showing: it would be lost.
      if (firstRun !== undefined)
        this.#emit({ type: 'notice', text: `The client secret of ${firstRun.client_id} is ${firstRun.client_secret} (shown once).` });
      await this.stop();
      throw error;
    }
  }
}

/** A port of ours is looked at; that of a part which runs elsewhere is taken as it is. */
async function choosePort(port: number, what: string, flag: string, isOurs: boolean): Promise<number> {
  if (isOurs) return reservePort(port, what, flag);
  if (port === 0)
    throw new StoaError('usage_error', `Where is the ${what}? ${flag} is 0, which names no port.`, { hint: `Name it with ${flag}.` });
  return port;
}

/** Absolute path of a script in `bin/`. */
export const script = (name: string): string => productPath(`bin/${name}.js`);

function controlOptions(options: StackOptions, port: number, gatewayPort: number): ConstructorParameters<typeof Service>[0] {
  const aliases = options.controlPort === undefined ? ['--alias-ports', ALIAS_PORTS] : [];
  const { STOA_CLIENT_SECRET, STOA_GATEWAY_TOKEN } = options.env;
  return {
    name: 'control-plane',
    script: script('control-plane'),
    args: [
      '--data-dir',
      options.dataDir,
      '--port',
      String(port),
      '--gateway-url',
      `http://127.0.0.1:${gatewayPort}`,
      '--allow-private-webhooks',
      '--portal',
      ...aliases,
    ],
    env: { ...withoutOurs(options.env), STOA_CLIENT_SECRET, STOA_GATEWAY_TOKEN, STOA_BOOTSTRAP_SECRET: options.bootstrapSecret },
    port,
  };
}

function gatewayOptions(options: StackOptions, port: number, controlUrl: string): ConstructorParameters<typeof Service>[0] {
  const { STOA_GATEWAY_TOKEN, STOA_CLIENT_ID, STOA_CLIENT_SECRET } = options.env;
  // Beside its own control plane the gateway reads the token from the data directory; it needs no client secret then.
  const client = options.only === 'gateway' ? { STOA_CLIENT_ID, STOA_CLIENT_SECRET } : {};
  return {
    name: 'gateway',
    script: script('gateway'),
    args: ['--data-dir', options.dataDir, '--port', String(port), '--control-plane-url', controlUrl],
    env: { ...withoutOurs(options.env), ...client, STOA_GATEWAY_TOKEN, STOA_ADMIN_TOKEN: options.adminToken },
    port,
  };
}

/** The environment without our own variables: a child is given the secrets that it needs and no other. */
export function withoutOurs(env: StackOptions['env']): StackOptions['env'] {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('STOA') || name === 'STOA_LOG_LEVEL'));
}
