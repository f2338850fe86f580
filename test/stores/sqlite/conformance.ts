/** Runs the store suite on a file: `<client> <folder>`. Prints a line of JSON per case: its title, and its error if it failed. */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { sqliteStore } from '../../../src/stores/sqlite.ts'
import { storeCases } from '../../../src/testing/index.ts'
import { openDatabase, type SqliteName } from './database.ts'

const [name = '', folder = ''] = process.argv.slice(2)
const client = await openDatabase(name as SqliteName, join(folder, 'sessions.db'))
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
for (const { title, run } of cases) {
  const error = await run().then(
    () => undefined,
    (reason: unknown) => String(reason),
  )
  writeSync(1, `${JSON.stringify({ title, error })}\n`)
}
client.close()
