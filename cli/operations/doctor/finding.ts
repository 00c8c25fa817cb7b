/** What a look at one thing has come to. */
export interface Finding {
  readonly check: 'part' | 'clock' | 'sign-in' | 'key' | 'upstream' | 'limit';
  readonly state: 'ok' | 'note' | 'problem';
  readonly what: string;
  /** What to do; there for every problem. */
  readonly action?: string;
}

type Check = Finding['check'];

export const ok = (check: Check, what: string): Finding => ({ check, state: 'ok', what });
export const note = (check: Check, what: string, action?: string): Finding => ({
  check,
  state: 'note',
  what,
  ...(action === undefined ? {} : { action }),
});
export const problem = (check: Check, what: string, action: string): Finding => ({ check, state: 'problem', what, action });

/** `12 min`, `3 h`, `2 d`: a span of time as people say it. */
export function span(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}
