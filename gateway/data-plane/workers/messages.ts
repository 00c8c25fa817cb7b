/** What the primary process and its workers say to each other. Everything is plain data: it travels as JSON. */
import type { SyncObjects } from '../../../schema/sync.js';
import type { ErrorBody } from '../../../schema/error.js';
import type { Reply } from '../../policies/contract.js';
import type { Circuit } from '../breaker.js';
import type { AdminObjects, Position } from '../config-source.js';
import type { WorkerCounts } from '../metrics.js';
import type { OwnRequest } from '../own-routes.js';
import type { Settings } from '../settings.js';
import type { EventSink } from '../snapshot.js';
import type { TlsTexts } from '../tls.js';
import type { Usage } from '../usage-meter.js';
import type { CounterName, Settlement, Verdict } from './demands.js';
import type { LimitQuestion } from './loans.js';
import type { BreakerCounts, Outcome } from './shared-breaker.js';

/** A request to the gateway's own routes, with its body where it may have one. */
export interface OwnQuestion extends Omit<OwnRequest, 'readBody'> {
  readonly body: string;
  /** Whether whoever asks may be told, as far as the worker knows. */
  readonly isKnown: boolean;
  readonly isDraining: boolean;
}

/** A part of a change of the configuration; it is in force when its last part has come. */
export interface ConfigPart {
  /** Undefined: there is nothing from the control plane yet. */
  readonly position?: Position | undefined;
  readonly put: SyncObjects;
  readonly remove: { readonly [K in keyof SyncObjects]: readonly string[] };
  readonly admin: AdminObjects;
  readonly adminRemove: { readonly [K in keyof AdminObjects]: readonly string[] };
  readonly isLast: boolean;
}

/** What the control plane is told of. */
export type WorkerEvent = Parameters<EventSink['record']>[0];

/** Numbers that only grow, since the start of the worker. */
export interface Totals {
  readonly keyHits: number;
  readonly keyMisses: number;
  readonly answerHits: number;
  readonly answerMisses: number;
  readonly shed: number;
  readonly certificatesValidated: number;
  readonly certificatesMissing: number;
  readonly certificatesInvalid: number;
  readonly cpuSeconds: number;
}

/** Numbers of the moment. */
export interface Levels {
  readonly connections: number;
  readonly keyEntries: number;
  readonly answerEntries: number;
  readonly answerBytes: number;
  readonly shedShare: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly lagSeconds: number;
}

/** What has happened in a worker since it said so last, and how it is. */
export interface Report {
  readonly limits: readonly Settlement[];
  readonly breakers: readonly BreakerCounts[];
  readonly counts: WorkerCounts;
  readonly usage: Usage | null;
  readonly events: readonly WorkerEvent[];
  readonly totals: Totals;
  readonly levels: Levels;
}

/** What a worker asks the primary process. */
export type WorkerAsks = {
  limits: readonly [LimitQuestion, readonly Verdict[]];
  /** Whether a probe may go to an upstream: its round, or null. */
  probe: readonly [key: string, round: number | null];
  own: readonly [OwnQuestion, Reply];
  /** Answered when everything that was accepted before has been handed over. */
  turn: readonly [null, null];
};

/** What a worker tells the primary process. */
export type WorkerSays = {
  /** It hears what it is told: what was said before this is lost. */
  awake: null;
  /** It serves, on this port. */
  ready: number;
  /** It cannot serve. */
  failed: ErrorBody['error'];
  report: Report;
  outcome: Outcome;
  /** Answers to this address are kept no longer. */
  invalidated: string;
  /** It has begun to keep answers. */
  keepsAnswers: null;
};

/** What the primary process asks a worker. */
export type PrimaryAsks = {
  recall: readonly [CounterName, Settlement];
  report: readonly [null, Report];
  /** Answered at once. */
  alive: readonly [null, null];
  /** Answered when all that was said before is in force. */
  settled: readonly [null, null];
  /** Answered when nothing is in flight any more, with the last report. */
  stop: readonly [graceMs: number, Report];
};

/** What the primary process tells a worker. */
export type PrimarySays = {
  /** The first that it says. */
  start: {
    readonly settings: Settings;
    readonly version: string;
    readonly startedAt: number;
    /** Whether what the admin API gave is a configuration, without one of a control plane. */
    readonly mayServeAlone: boolean;
    /** Of its certificates, as they were last sound. */
    readonly certificateTexts: TlsTexts | undefined;
  };
  configure: ConfigPart;
  circuit: { readonly key: string; readonly circuit: Circuit };
  health: { readonly key: string; readonly isHealthy: boolean };
  clearCaches: null;
  forgetRefusals: null;
  invalidated: string;
  othersKeepAnswers: null;
  reloadCertificates: null;
};
