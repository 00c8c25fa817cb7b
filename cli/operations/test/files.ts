/** The test files of a run: found, read and checked, with the subscriptions that they name. */
import type { Diagnostic, Source } from '../../../schema/error.js';
import { StoaError } from '../../../schema/error.js';
import { suggest } from '../../../schema/did-you-mean.js';
import type { Place } from '../../../schema/one-document.js';
import type { Resource } from '../../../schema/resource.js';
import { quoted } from '../../../schema/shown.js';
import { parseTestFile, type TestCase, type TestStep } from '../../../schema/test-file.js';
import { findFiles, readFiles, type TextFile } from '../files.js';
import type { LoadOptions } from '../load.js';

const DEFAULT_TESTS = ['tests/*.yaml'];

/** Finds the place of a part of a case; the path begins inside the case. */
type PlaceInCase = (path: readonly (string | number)[], part?: 'key' | 'value') => Source;

export interface LocatedCase {
  readonly test: TestCase;
  readonly place: PlaceInCase;
}

export interface TestSet {
  readonly cases: readonly LocatedCase[];
  readonly texts: readonly TextFile[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface TestPaths {
  readonly paths: readonly string[];
  /** Whether it is fine that nothing is named and nothing is there. */
  readonly allowNone: boolean;
}

/** Reads what is named, else what stoa.config.yaml names, else `tests/*.yaml`. Throws when there is nothing; what is wrong inside is in `diagnostics`. */
export async function readTests({ paths, allowNone }: TestPaths, { settings, cwd, stdin }: LoadOptions): Promise<TestSet> {
  const { configFile, environment } = settings;
  const named = paths.length > 0 ? paths : (environment?.tests ?? configFile?.config.tests);
  const base = paths.length > 0 ? cwd : (configFile?.directory ?? cwd);
  const files = named === undefined ? findDefault(base, allowNone) : findFiles({ paths: named, base, isRecursive: true });
  const texts = await readFiles(files, cwd, stdin);
  const parsed = texts.map(({ file, text }) => parseTestFile(text, file));
  const cases = parsed.flatMap(({ tests, place }) => (tests?.cases ?? []).map((test, index) => ({ test, place: within(place, index) })));
  return { texts, cases, diagnostics: parsed.flatMap(({ diagnostics }) => diagnostics) };
}

function findDefault(base: string, allowNone: boolean): string[] {
  try {
    return findFiles({ paths: DEFAULT_TESTS, base, isRecursive: true });
  } catch (error) {
    if (allowNone) return [];
    throw new StoaError(
      'usage_error',
      `There are no tests: no paths, no "tests" in stoa.config.yaml, and no ${DEFAULT_TESTS.join(', ')}.`,
      {
        hint: 'Name a file, or write one: "stoactl schema tests" prints what may stand in it.',
        cause: error,
      },
    );
  }
}

const within =
  (place: Place, index: number): PlaceInCase =>
  (path, part) =>
    place(['cases', index, ...path], part);

const VERBS = ['approve', 'suspend', 'resume', 'revoke'] as const;

/** The names of subscriptions in the cases that are no subscription of the manifests, each with its place. */
export function unknownNames(cases: readonly LocatedCase[], resources: readonly Resource[]): Diagnostic[] {
  const subscriptions = resources.filter(({ kind }) => kind === 'Subscription');
  return cases.flatMap(({ test, place }) => {
    const rotated = new Set(test.steps.flatMap(({ rotate }) => (rotate === undefined ? [] : [rotate.as])));
    return test.steps.flatMap((step, index) =>
      namesOf(step)
        .filter(({ name, isKey }) => !(isKey && rotated.has(name)))
        .flatMap(({ name, path }): Diagnostic[] => {
          const problem = problemOf(name, subscriptions);
          const at = ['steps', index, ...path];
          return problem === undefined ? [] : [{ ...problem, severity: 'error', path: at.join('.'), source: place(at) }];
        }),
    );
  });
}

interface NamedSubscription {
  readonly name: string;
  readonly path: readonly string[];
  readonly isKey: boolean;
}

function namesOf(step: TestStep): NamedSubscription[] {
  const key = step.request?.key;
  const rotated = step.rotate?.subscription;
  return [
    ...(key === undefined ? [] : [{ name: key, path: ['request', 'key'], isKey: true }]),
    ...(rotated === undefined ? [] : [{ name: rotated, path: ['rotate', 'subscription'], isKey: false }]),
    ...VERBS.flatMap((verb) => {
      const name = step[verb];
      return name === undefined ? [] : [{ name, path: [verb], isKey: false }];
    }),
  ];
}

function problemOf(name: string, subscriptions: readonly Resource[]): Pick<Diagnostic, 'code' | 'message' | 'hint'> | undefined {
  const found = subscriptions.filter((subscription) => isNamed(subscription, name));
  if (found.length === 1) return undefined;
  if (found.length > 1)
    return {
      code: 'ambiguous_name',
      message: `${found.length} tenants have a subscription ${quoted(name)}.`,
      hint: `Write one of: ${found.map(({ tenant }) => `${tenant}/${name}`).join(', ')}.`,
    };
  const known = subscriptions.map((subscription) =>
    name.includes('/') ? `${subscription.tenant}/${subscription.name}` : subscription.name,
  );
  const nearest = suggest(name, known);
  const all = known.length === 0 ? 'The manifests declare none.' : `Known: ${known.slice(0, 20).join(', ')}.`;
  return {
    code: 'missing_reference',
    message: `There is no subscription ${quoted(name)} in the manifests.`,
    hint: nearest === undefined ? all : `Did you mean "${nearest}"?`,
  };
}

/** Whether a subscription is meant by `name` or `tenant/name`. */
export const isNamed = ({ tenant, name }: Resource, wanted: string): boolean => wanted === name || wanted === `${tenant}/${name}`;
