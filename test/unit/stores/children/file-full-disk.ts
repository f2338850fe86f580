/** Fills the disk of a store and prints, as JSON, what can still be done: `<directory>`, with a small disk to itself. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileStore } from '../../../../src/stores/file/index.ts'

const [directory = ''] = process.argv.slice(2)
const store = fileStore({ directory })
const record = { payload: 'first', version: 1, expiresAt: 4_000_000_000_000, userId: 'user' }
const keys = Array.from({ length: 20 }, (_, index) => `key-on-a-full-disk-${index}`)
const [first = '', second = ''] = keys
let fillers = 0

for (const key of keys) await store.create(key, record)
fill()
const replaced = await Promise.resolve(store.replace(first, { ...record, version: 2 }, 1)).catch(
  (error: { code: string }) => error.code,
)
const versionAfter = (await store.read(first))?.version
await store.delete(second)
const deleted = await store.read(second)
fill()
const swept = await store.sweep(record.expiresAt, { limit: 100 })
process.stdout.write(
  JSON.stringify({ replaced, versionAfter, deleted, swept, left: readdirSync(join(directory, '.tmp')) }),
)

function fill(): void {
  try {
    for (;;) {
      writeFileSync(join(directory, `filler-${fillers}`), '')
      fillers += 1
    }
  } catch (error) {
    if (!String(error).includes('ENOSPC')) throw error
  }
}
