import { defineConfig } from 'vitest/config'
import { doorAliases } from './tools/doors.mjs'
import { unmetNeeds } from './tools/needs.mjs'

// Tests that run for minutes are in *.long.test.ts and run with `npm run test:long`; left out, not skipped.
const long = process.env['COATCHECK_LONG'] === '1' ? [] : ['test/**/*.long.test.ts']

export default defineConfig({
  resolve: { alias: doorAliases() },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: [process.stdout.isTTY ? 'default' : 'dot', './tools/last-line-reporter.mjs'],
    // Errors outside of a test fail the run.
    dangerouslyIgnoreUnhandledErrors: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'main',
          include: ['test/**/*.test.ts'],
          exclude: ['**/node_modules/**', 'test/package/**', ...long, ...unmetNeeds().keys()],
          globalSetup: 'test/services/broker.ts',
        },
      },
      {
        extends: true,
        // The only tests that need the built package; they alone wait for it.
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          globalSetup: 'test/package/pack.ts',
          // Compilers and linters start from nothing here.
          testTimeout: 120_000,
        },
      },
    ],
    coverage: { provider: 'v8', include: ['src/**/*.ts'], exclude: ['src/contract/**'] },
  },
})
