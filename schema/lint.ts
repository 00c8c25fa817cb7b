import type { Diagnostic } from './error.js';

export type LintLevel = 'off' | 'warning' | 'error';

/**
 * Findings as a repository wants them: `lint` in stoa.config.yaml names rules, as they stand in brackets behind a finding. Only warnings and notes can
 * be raised, lowered or turned off; an error stays an error.
 */
export function applyLint(diagnostics: readonly Diagnostic[], lint: Readonly<Record<string, LintLevel>> = {}): Diagnostic[] {
  return diagnostics.flatMap((diagnostic) => {
    const level = Object.hasOwn(lint, diagnostic.code) ? lint[diagnostic.code] : undefined;
    if (level === undefined || diagnostic.severity === 'error') return [diagnostic];
    return level === 'off' ? [] : [{ ...diagnostic, severity: level }];
  });
}
