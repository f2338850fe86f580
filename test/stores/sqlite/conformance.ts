/** Runs the store suite and the checks of this store: `<client> <folder>`. Prints a line of JSON per case: title, and error. */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { sqliteStore } from '../../../src/stores/sqlite/index.ts'
import { storeCases } from '../../../src/testing/index.ts'
import { sqliteChecks } from './checks.ts'
import { openDatabase, type SqliteName } from './database.ts'

const [name = '', folder = ''] = process.argv.slice(2)
const open = (path: string) => openDatabase(name as SqliteName, path)
const client = await open(join(folder, 'sessions.db'))
client.exec('PRAGMA journal_mode = WAL')
client.exec('PRAGMA synchronous = NORMAL')
let tables = 0

const cases = storeCases(
  async ({ clock }) => {
    const store = sqliteStore({ client, table: `case_${tables++}`, clock })
    await store.createTable()
    return store
  },
  { abilities: ['sweep', 'list', 'users'] },
)
for (const { title, run } of [...cases, ...sqliteChecks(open, folder)]) {
  const error = await run().then(
    () => undefined,
    (reason: unknown) => (reason instanceof Error ? (reason.stack ?? String(reason)) : String(reason)),
  )
  writeSync(1, `${JSON.stringify({ title, error })}\n`)
}
client.close()
