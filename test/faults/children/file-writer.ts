/**
 * Replaces records without end, several at a time, until it is killed: `<directory> <key>...`. Prints `ready`, waits for
 * a line, and prints `<key> <version>` after each acknowledged save.
 */
import { writeSync } from 'node:fs'
import { fileStore } from '../../../src/stores/file/index.ts'
import { recordOf } from './file-records.ts'

const [directory = '', ...keys] = process.argv.slice(2)
const store = fileStore({ directory })

writeSync(1, 'ready\n')
process.stdin.once('data', () => {
  for (const key of keys) void rewrite(key)
})

async function rewrite(key: string): Promise<void> {
  for (;;) {
    const version = (await store.read(key))?.version
    if (version === undefined) throw new Error('the record is missing')
    if (!(await store.replace(key, recordOf(version + 1), version))) throw new Error('somebody else writes')
    writeSync(1, `${key} ${version + 1}\n`)
  }
}
