/** Connections to one server: to the addresses that are allowed, whatever its name leads to by then, and with TLS where it is asked for. */
import { lookup } from 'node:dns';
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { addressProblem, checkedLookup, type AddressError } from '../../../schema/address.js';
import { onreadOf, type Take } from '../shared-reads.js';
import { UpstreamError } from './upstream-error.js';

export interface Server {
  /** `https://api.example.com:8443` */
  readonly origin: string;
  readonly connectTimeoutMs: number;
  /** Whether it may be on loopback and private addresses. */
  readonly allowPrivate: boolean;
  /** Authorities in PEM that its certificate may be of; those that node knows when absent. */
  readonly ca?: string;
}

/** After so long without a word the system asks whether the other side still lives. */
const TCP_KEEP_ALIVE_MS = 60_000;

export class Connector {
  readonly #server: Server;
  readonly #options: {
    readonly host: string;
    readonly port: number;
    readonly lookup: ReturnType<typeof checkedLookup>;
    readonly noDelay: true;
    readonly keepAlive: true;
    readonly keepAliveInitialDelay: number;
  };
  readonly #isTls: boolean;
  /** Where the address itself says that nothing of ours calls it. */
  readonly problem: AddressError | undefined;
  /** The last session of TLS: the next handshake is a short one. */
  #session: Buffer | undefined = undefined;

  constructor(server: Server) {
    this.#server = server;
    const { protocol, hostname, port } = new URL(server.origin);
    const host = hostname.replace(/^\[|\]$/g, '');
    this.#isTls = protocol === 'https:';
    this.#options = {
      host,
      port: Number(port) || (this.#isTls ? 443 : 80),
      lookup: checkedLookup(lookup, server.allowPrivate),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    };
    this.problem = addressProblem(host, server.allowPrivate);
  }

  /** A socket on its way to the server, whose reads go to `take`, or without it are events; `onReady` is called when it may be written to, and the event `error` says what it failed by. */
  open(take: Take | undefined, onReady: () => void): Socket {
    const options = take === undefined ? this.#options : { ...this.#options, onread: onreadOf(take) };
    const socket = this.#isTls ? this.#openTls(options) : connectPlain(options);
    const timer = setTimeout(() => {
      socket.destroy(
        new UpstreamError('STOA_CONNECT_TIMEOUT', `No connection to ${this.#server.origin} in ${this.#server.connectTimeoutMs} ms.`),
      );
    }, this.#server.connectTimeoutMs);
    const stop = (): void => clearTimeout(timer);
    socket.once('close', stop);
    socket.once(this.#isTls ? 'secureConnect' : 'connect', () => {
      stop();
      onReady();
    });
    return socket;
  }

  #openTls(options: ConnectionOptions & { readonly host: string }): Socket {
    // A name is said, an address is not (RFC 6066, 3); the certificate has to be for either.
    const servername = isIP(options.host) === 0 ? options.host : '';
    const socket = connectTls({ ...options, servername, ALPNProtocols: ['http/1.1'], ca: this.#server.ca, session: this.#session });
    return socket.on('session', (session) => (this.#session = session));
  }
}
