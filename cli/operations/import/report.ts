/** What became of each item of an imported document: nothing is lost in silence. */
import { catalog } from '../../../gateway/catalog.js';
import type { Source } from '../../../schema/error.js';
import type { JsonObject } from '../../../schema/kind.js';
import { toResourceName } from '../../../schema/name.js';
import { keyOf, type Resource } from '../../../schema/resource.js';
import type { ForeignDocument } from './source.js';

/** `mapped`: it is in the manifests. `note`: it is, with a difference that somebody should know. `skipped`: it is not, and why. */
export type Outcome = 'mapped' | 'note' | 'skipped';

export interface ImportItem {
  /** Where it stands in the document: `services[0].routes[1]`. */
  readonly item: string;
  readonly outcome: Outcome;
  readonly message: string;
  /** `keyOf` the resource that it went into. */
  readonly resource?: string;
  readonly source?: Source;
}

export interface ImportResult {
  readonly schema_version: 1;
  readonly file: string;
  readonly format: string;
  readonly resources: readonly Resource[];
  readonly items: readonly ImportItem[];
}

/** Texts of others are no variables of ours: `${env:HOME}` stands for itself. */
function literal(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('${', () => '$${');
  if (Array.isArray(value)) return value.map(literal);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, literal(inner)]));
}

/** Gathers resources and items while a document is walked. */
export class Importer {
  readonly tenant: string;
  readonly items: ImportItem[] = [];
  /** Names of APIs whose callers something asks for credentials. */
  readonly guarded = new Set<string>();
  /** A guard whose routes were not imported: what is left may take their requests, so nothing is opened. */
  hasLostGuard = false;
  readonly #resources = new Map<string, Resource>();
  readonly #document: ForeignDocument;

  constructor(tenant: string, document: ForeignDocument) {
    this.tenant = tenant;
    this.#document = document;
    for (const note of document.notes) this.say('note', 'document', undefined, note);
  }

  /** Says what became of an item; `value` is the mapping or list whose place is shown. */
  say(outcome: Outcome, item: string, value: unknown, message: string, resource?: string): void {
    const source = this.#document.placeOf(value);
    this.items.push({
      item,
      outcome,
      message,
      ...(resource === undefined ? {} : { resource }),
      ...(source === undefined ? {} : { source }),
    });
  }

  /** A resource name of a kind that is free, made of the first text that has a letter or digit. */
  freeName(kind: string, ...texts: readonly (string | undefined)[]): string {
    const wanted = texts.flatMap((text) => (text === undefined ? [] : (toResourceName(text) ?? [])))[0] ?? kind.toLowerCase();
    for (let n = 1; ; n += 1) {
      const suffix = n === 1 ? '' : `-${n}`;
      const name = `${wanted.slice(0, 63 - suffix.length).replace(/-+$/, '')}${suffix}`;
      if (!this.#resources.has(keyOf({ kind, tenant: this.tenant, name }))) return name;
    }
  }

  /** Adds a resource that is right by the rules of its kind; undefined, with an item that says why, when it is not. */
  add(kind: string, name: string, spec: object, item: string, value: unknown): Resource | undefined {
    const plain = JSON.parse(JSON.stringify(spec)) as JsonObject;
    const parsed = catalog.find(kind)?.spec.safeParse(plain);
    if (parsed?.success !== true) {
      const issue = parsed?.error.issues[0];
      this.say('skipped', item, value, `It does not fit: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'the kind is not known'}`);
      return undefined;
    }
    return this.put({ kind, tenant: this.tenant, name, labels: {}, annotations: {}, spec: literal(parsed.data) as JsonObject });
  }

  /** Puts a resource in the place of the one of its name. */
  put(resource: Resource): Resource {
    this.#resources.set(keyOf(resource), resource);
    return resource;
  }

  get resources(): Resource[] {
    return [...this.#resources.values()];
  }

  result(file: string, format: string): ImportResult {
    return { schema_version: 1, file, format, resources: this.resources, items: this.items };
  }
}
