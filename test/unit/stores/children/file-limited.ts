/** Replaces a record by one that is larger than this process may write: `<directory> <key>`. Prints the error's code. */
import { fileStore } from '../../../../src/stores/file/index.ts'

const [directory = '', key = ''] = process.argv.slice(2)
const large = { payload: 'x'.repeat(100_000), version: 2, expiresAt: 4_000_000_000_000 }

try {
  process.stdout.write(String(await fileStore({ directory }).replace(key, large, 1)))
} catch (error) {
  process.stdout.write(error instanceof Error && 'code' in error ? String(error.code) : String(error))
}
