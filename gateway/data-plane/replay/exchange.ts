/** A recorded request on its way through the pipeline once more. Nothing is sent: what the gateway decides is noted. */
import type { RecordedRequest } from '../../../schema/impact.js';
import { CERTIFICATE_FAILURES, CertificateJudge, type ClientCertificate, type Presented } from '../client-certificate.js';
import { Exchange, type Gateway } from '../exchange.js';
import { serve } from '../pipeline.js';
import { emptyHead } from '../request-head.js';
import type { Route } from '../snapshot.js';

/** Something that was looked at and is in no log, with the rule by which it was judged. */
export interface Demand {
  readonly what: string;
  readonly rule: string;
}

export interface Outcome {
  /** Undefined: it went on to the upstream, or was answered well. */
  readonly refusal: { readonly reason: string; readonly status: number; readonly limit: Exchange['limit'] } | undefined;
  readonly route: Route | undefined;
  /** Resource name of the consumer whose key it came with. */
  readonly consumer: string | undefined;
  readonly demands: readonly Demand[];
  /** How many bytes its body may have; Infinity without a limit, and for methods without a body. */
  readonly maxBodyBytes: number;
}

const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const NO_DEMANDS: readonly Demand[] = [];
/** Stands for a certificate that was good enough. */
const GOOD: ClientCertificate = { fingerprint: '', subject: '', issuer: '', notBefore: 0, notAfter: Infinity };

/** Certificates are in no log: one that was not refused then was good. */
export class RecordedCertificates extends CertificateJudge {
  constructor() {
    super('optional');
  }

  override judge(presented: Presented): 'missing_client_certificate' | undefined {
    return presented === 'missing' ? 'missing_client_certificate' : undefined;
  }
}

/** Serves a recorded request. `met` is what the configuration of today asked of it; undefined where it is that configuration which is replayed. */
export function replay(gateway: Gateway, recorded: RecordedRequest, met?: readonly Demand[]): Outcome {
  const exchange = new ReplayedExchange(gateway, recorded, met);
  serve(exchange);
  return exchange.outcome();
}

export class ReplayedExchange extends Exchange {
  readonly head = emptyHead();
  readonly hasBody = false;
  readonly recorded: RecordedRequest;
  readonly #met: readonly Demand[] | undefined;
  #demands: Demand[] | undefined;
  #isForwarded = false;

  constructor(gateway: Gateway, recorded: RecordedRequest, met: readonly Demand[] | undefined) {
    super(gateway);
    this.recorded = recorded;
    this.#met = met;
    this.method = recorded.method;
    this.path = recorded.path;
    this.clientIp = recorded.client_ip;
    // In a replay the id of a key stands for the key.
    if (recorded.key !== undefined) Object.assign(this.head, { apiKeys: 1, apiKey: recorded.key });
  }

  /** Notes what is asked of the request. Whether the recorded answer was given for it: what is asked anew was not answered then. */
  asks(demand: Demand, hasAnswered: boolean): boolean {
    (this.#demands ??= []).push(demand);
    return hasAnswered && (this.#met === undefined || this.#met.some(({ rule }) => rule === demand.rule));
  }

  presentedCertificate(): Presented {
    const { clientCertificate: rule } = this.route ?? {};
    const issuers = rule?.issuers === undefined ? undefined : [...rule.issuers];
    const text = JSON.stringify([rule?.isRequired, issuers, [...(this.credential?.certificates ?? [])]]);
    const hasFailed = CERTIFICATE_FAILURES.some((failure) => failure === this.recorded.reason);
    return this.asks({ what: 'the client certificate', rule: text }, hasFailed) ? 'missing' : GOOD;
  }

  upstreamRequest(): { readonly path: string; readonly headers: string[] } {
    return { path: this.path, headers: [] };
  }

  respond(): void {
    // The status says it all.
  }

  forward(): void {
    this.visit?.drop();
    const isTooLarge = this.recorded.status === 413 && this.#met === undefined;
    this.#isForwarded = !isTooLarge;
    if (isTooLarge) this.status = 413;
  }

  /** What has been decided. Throws for a policy that answers later: a replay has no later. */
  outcome(): Outcome {
    if (!this.#isForwarded && this.status === 0) throw new TypeError('A policy has not decided at once.');
    const { status, limit, route } = this;
    const refusal =
      this.#isForwarded || status < 400 ? undefined : { reason: this.#reason(), status, limit: this.#isLimited() ? limit : undefined };
    const maxBodyBytes = WITHOUT_BODY.has(this.method) ? undefined : this.maxBodyBytes;
    return {
      refusal,
      route,
      consumer: (this.credential ?? this.refusedCredential)?.consumer,
      demands: this.#demands ?? NO_DEMANDS,
      maxBodyBytes: maxBodyBytes ?? Infinity,
    };
  }

  #isLimited(): boolean {
    return this.refusal === 'rate_limit_exceeded';
  }

  #reason(): string {
    const { refusal, route } = this;
    if (route === undefined) return 'no_route';
    if (route.state === 'broken') return 'not_served';
    return refusal ?? 'policy';
  }
}
