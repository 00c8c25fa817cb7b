/** Keeps the control plane of `dev` equal to the manifests: applies them at start and after each edit. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plan } from '../../../schema/change.js';
import { StoaError } from '../../../schema/error.js';
import { canonicalJson, keyOf, type Resource, type ResourceKey } from '../../../schema/resource.js';
import type { Client } from '../../client.js';
import type { Settings } from '../../settings.js';
import type { SourceLine } from '../../views/diagnostics.js';
import { applyPlan, plan, refusalOf, requestFor, type PlannedRequest } from '../change.js';
import { load, type LoadOptions } from '../load.js';
import type { EmitDevEvent } from './events.js';

export interface ManifestsOptions {
  /** Read anew each time: stoa.config.yaml may be what was edited. */
  readonly settings: () => Promise<Settings>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly dataDir: string;
  readonly client: Client;
  readonly emit: EmitDevEvent;
  /** The diff for people; empty for no changes. */
  readonly planText: (plan: Plan) => Promise<string>;
  readonly errorText: (error: StoaError, sourceLine: SourceLine | undefined) => string;
}

export class DevManifests {
  readonly #options: ManifestsOptions;
  #fingerprint = '';
  #isRunning = false;
  #isAskedAgain = false;

  constructor(options: ManifestsOptions) {
    this.#options = options;
  }

  /** Applies what the manifests say now; gives their resources, or undefined when they could not be applied: the reason is an event. */
  async apply(): Promise<readonly Resource[] | undefined> {
    const started = performance.now();
    try {
      const planned = await this.#request();
      const isNew = this.#isNew(canonicalJson(planned.request));
      if (isNew) await this.#execute(await this.#withDeletions(planned), planned.set?.files ?? 0, started);
      return planned.request.resources;
    } catch (error) {
      await this.#report(error);
      return undefined;
    }
  }

  /** Applies after an edit. Edits that come while it runs lead to one more run. */
  async applyAgain(): Promise<void> {
    this.#isAskedAgain = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#isAskedAgain) {
      this.#isAskedAgain = false;
      await this.apply();
    }
    this.#isRunning = false;
  }

  async #loadOptions(): Promise<LoadOptions> {
    const { settings, env, cwd } = this.#options;
    return { paths: undefined, isRecursive: true, settings: await settings(), env, cwd, stdin: () => Promise.resolve('') };
  }

  async #request(): Promise<PlannedRequest> {
    return requestFor(await this.#loadOptions(), { prune: false, takeOwnership: false, maxDeletes: undefined });
  }

  /** Editors touch files without changing them, and a burst may be about a file of no interest. */
  #isNew(text: string): boolean {
    const fingerprint = createHash('sha256').update(text).digest('hex');
    const isNew = fingerprint !== this.#fingerprint;
    this.#fingerprint = fingerprint;
    return isNew;
  }

  /** What `dev` itself has applied and the manifests no longer name goes, and nothing else that the project owns: other sets of it may be live. */
  async #withDeletions(planned: PlannedRequest): Promise<PlannedRequest> {
    const { project, resources } = planned.request;
    const named = new Set(resources.map(keyOf));
    const gone = (await this.#readApplied(project)).filter((key) => !named.has(keyOf(key)));
    if (gone.length === 0) return planned;
    if (resources.length === 0)
      throw new StoaError('guard_refused', 'The manifests name nothing any more; everything stays as it is.', {
        hint: 'An empty set is more often an accident than a wish. "stoactl delete" deletes by name.',
      });
    const live = new Set((await this.#options.client.list({ project })).map(keyOf));
    return { ...planned, request: { ...planned.request, delete: gone.filter((key) => live.has(keyOf(key))) } };
  }

  async #execute(planned: PlannedRequest, files: number, started: number): Promise<void> {
    const { client, emit, planText } = this.#options;
    const shown = await plan(planned, client);
    const refusal = refusalOf(shown);
    if (refusal !== undefined) throw refusal;
    if (shown.changes.length > 0) await applyPlan(planned, shown, {}, client);
    await this.#writeApplied(planned.request.project, planned.request.resources);
    // A first start creates everything there is: the manifests say it better than their diff to nothing.
    const isShown = shown.changes.some(({ action }) => action !== 'create' || this.#isRunning);
    const text = isShown ? await planText(shown) : '';
    emit({ type: 'applied', files, summary: summaryOf(shown), text, milliseconds: Math.round(performance.now() - started) });
  }

  async #report(error: unknown): Promise<void> {
    const shown =
      error instanceof StoaError ? error : new StoaError('internal_error', 'The manifests could not be applied.', { cause: error });
    const isTransient = shown.code === 'network_error' || shown.code === 'service_unavailable';
    const isNew = this.#isNew(`${shown.message}\n${JSON.stringify(shown.diagnostics)}`);
    // The same manifests are worth another try when the control plane is back.
    if (isTransient) this.#fingerprint = '';
    if (!isNew) return;
    const sourceLine = shown.diagnostics.length === 0 ? undefined : await this.#sourceLine();
    this.#options.emit({ type: 'apply_failed', error: shown, text: this.#options.errorText(shown, sourceLine) });
  }

  async #sourceLine(): Promise<SourceLine | undefined> {
    try {
      return (await load(await this.#loadOptions())).sourceLine;
    } catch {
      return undefined;
    }
  }

  get #appliedFile(): string {
    return join(this.#options.dataDir, 'dev.json');
  }

  async #readApplied(project: string): Promise<readonly ResourceKey[]> {
    try {
      const { applied } = JSON.parse(await readFile(this.#appliedFile, 'utf8')) as { applied: Record<string, readonly ResourceKey[]> };
      return Object.hasOwn(applied, project) ? (applied[project] ?? []) : [];
    } catch {
      return [];
    }
  }

  async #writeApplied(project: string, resources: readonly Resource[]): Promise<void> {
    const keys = resources.map(({ kind, tenant, name }) => ({ kind, tenant, name }));
    await writeFile(this.#appliedFile, `${JSON.stringify({ applied: { [project]: keys } })}\n`, { mode: 0o600 });
  }
}

function summaryOf({ summary }: Plan): string {
  const counts = [
    [summary.create, 'created'],
    [summary.update, 'changed'],
    [summary.delete, 'deleted (no longer in the manifests)'],
    [summary.unchanged, 'unchanged'],
  ] as const;
  const parts = counts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return parts.length === 0 ? 'nothing to apply' : parts.join(', ');
}
