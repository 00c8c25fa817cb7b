import { defineConfig } from 'vitest/config';

/** Whole stacks, deployments and drills, minutes of them: `npm run test:long` runs these, `npm test` all others. */
const LONG = [
  'test/contributing.test.ts',
  'test/{lanes,slow-lane}.test.ts',
  'test/deploy/**/*.test.ts',
  'test/e2e/dev.test.ts',
  'test/e2e/workers{,-traffic}.test.ts',
  'test/promises/{all-or-nothing,apply-twice,diff-equals-apply,no-secret,one-object}.test.ts',
  'test/e2e/{ci,faults,cli-context,cli-device,cli-fmt,cli-impact,cli-import,cli-interrupt,cli-logs,cli-plans,cli-rollback,cli-test,cli-usage,completion,dashboards,dev-commands,doctor,examples,peers,runbooks,transcripts,two-gateways,upgrade,week-one}.test.ts',
];

export default defineConfig(({ mode }) => ({
  test: {
    include: mode === 'long' ? LONG : ['{schema,cli,gateway,test}/**/*.test.{ts,tsx}'],
    exclude: ['**/node_modules/**', 'dist/**', ...(mode === 'long' ? [] : LONG)],
    // Most of the time is spent waiting for processes and timers.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    disableConsoleIntercept: true,
  },
}));
