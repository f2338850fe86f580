/** Prints, as JSON, what SQLite says of the file's integrity, and the version of each record by its key: `<client> <file>`. */
import { writeFileSync } from 'node:fs'
import { sqliteStore } from '../../../src/stores/sqlite/index.ts'
import { openDatabase, type SqliteName } from './database.ts'

const [name = '', path = ''] = process.argv.slice(2)
const client = await openDatabase(name as SqliteName, path)
const integrity = client
  .prepare('PRAGMA integrity_check')
  .all()
  .map((row) => Object.values(row as object)[0])
const versions: Record<string, number> = {}
const store = sqliteStore({ client })
for (let cursor: string | null = null, left = true; left; left = cursor !== null) {
  const page: Awaited<ReturnType<typeof store.list>> = await store.list({ cursor, limit: 1000 })
  for (const { key, record } of page.entries) versions[key] = record.version
  cursor = page.cursor
}
writeFileSync(1, JSON.stringify({ integrity, versions }))
client.close()
