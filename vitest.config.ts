import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{schema,cli,gateway,test}/**/*.test.{ts,tsx}'],
    exclude: ['**/node_modules/**', 'dist/**'],
    // Most of the time is spent waiting for processes and timers.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    disableConsoleIntercept: true,
  },
});
