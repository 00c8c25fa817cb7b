/** Checks manifests without a server. */
import { errorBody, StoaError, type Diagnostic, type ErrorBody } from '../../schema/error.js';
import type { SourceLine } from '../views/diagnostics.js';
import { load, type LoadOptions } from './load.js';

export interface Validation {
  readonly schema_version: 1;
  readonly valid: boolean;
  readonly files: number;
  readonly resources: number;
  readonly summary: { readonly errors: number; readonly warnings: number; readonly notes: number };
  readonly diagnostics: readonly Diagnostic[];
  /** The same error that every other failing command prints; absent when the set is valid. */
  readonly error?: ErrorBody['error'];
}

/** All findings of a set. A secret that cannot be read here is a warning: where it is needed, diff and apply report it as an error. */
export async function validate(options: LoadOptions): Promise<{ validation: Validation; sourceLine: SourceLine }> {
  const set = await load(options);
  const softened = set.secretDiagnostics.map((diagnostic): Diagnostic => ({ ...diagnostic, severity: 'warning' }));
  const diagnostics = [...set.diagnostics, ...softened];
  const count = (severity: Diagnostic['severity']): number => diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
  const summary = { errors: count('error'), warnings: count('warning'), notes: count('note') };
  const valid = summary.errors === 0;
  const counts = { files: set.files, resources: set.resources.length, summary };
  return {
    validation: { schema_version: 1, valid, ...counts, diagnostics, ...(valid ? {} : errorOf(diagnostics)) },
    sourceLine: set.sourceLine,
  };
}

function errorOf(diagnostics: readonly Diagnostic[]): ErrorBody {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  return errorBody(
    new StoaError('validation_error', `The manifests have ${errors.length} ${errors.length === 1 ? 'error' : 'errors'}.`, {
      diagnostics: errors,
    }),
  );
}
