// @ts-check
// What npm's consumers would trip over, asked of the package as it would be published:  npm run lint:package
import { build, isStale } from './build.mjs'
import { runCommands } from './run-commands.mjs'

if (isStale()) build()
const succeeded = await runCommands([
  { name: 'no dead files, exports or dependencies', command: 'knip', args: ['--no-config-hints'] },
  { name: 'publint', command: 'publint', args: ['run', '--strict', '--pack', 'npm'] },
  { name: 'are the types wrong', command: 'attw', args: ['--pack', '.', '--profile', 'esm-only', '--no-color'] },
])
process.exitCode = succeeded ? 0 : 1
