// @ts-check
// All tests:  npm test [-- arguments for vitest]
// Builds the package for the tests that look at what is published, and provides servers, runtimes and the browser. The last line that is
// printed is `N passed, N failed, N skipped`, also when nothing could be run.
import { spawnSync } from 'node:child_process'
import { build, isStale } from './build.mjs'
import { root } from './doors.mjs'
import { ensureServices } from './services.mjs'

try {
  if (isStale()) build()
} catch (error) {
  console.log(error instanceof Error ? error.message : error)
  console.log('\nThe package can not be built, so no test ran.\n0 passed, 1 failed, 0 skipped')
  process.exit(1)
}
ensureServices()

const vitest = `${root}node_modules/.bin/vitest`
const args = process.argv.slice(2)
const env = { ...process.env, ...(args.length === 0 && { COATCHECK_WHOLE: '1' }) }
const run = spawnSync(vitest, ['run', ...args], { cwd: root, env, stdio: 'inherit' })
process.exitCode = run.status ?? 1
