// @ts-check
// Everything that can be said about the sources without running the product:  npm run check
import { runCommands } from './run-commands.mjs'

const succeeded = await runCommands([
  { name: 'types of src', command: 'tsc', args: ['-p', 'tsconfig.json', '--noEmit'] },
  { name: 'types of the core, on no platform', command: 'tsc', args: ['-p', 'tsconfig.pure.json'] },
  { name: 'types of tests, tools and examples', command: 'tsc', args: ['-p', 'tsconfig.test.json'] },
  { name: 'lint and format', command: 'biome', args: ['check', '--error-on-warnings', '.'] },
  { name: 'architecture', command: 'vitest', args: ['run', '--project', 'main', 'test/architecture'] },
])
process.exitCode = succeeded ? 0 : 1
