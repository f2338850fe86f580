import type { Closing, Store } from '../../contract/store.ts'
import { loadPackage, owning } from '../_open/client.ts'
import { optionsFrom, refusal, refuseUnknown, restOf, takeAllParameters } from '../_open/connection-string.ts'
import { isBusy } from './client.ts'
import type { SqliteClient } from './index.ts'

type Database = SqliteClient & { exec(sql: string): unknown; close(): void }
type DatabaseConstructor = new (path: string) => Database

/**
 * Opens a `sqliteStore` on a file, `sqlite:./sessions.db` or `sqlite:///var/lib/app/sessions.db`, or on memory,
 * `sqlite::memory:`, with what the runtime has: `node:sqlite`, `bun:sqlite`, or else the package `better-sqlite3`.
 *
 * The file is in WAL mode, where readers and a writer do not wait for each other, and the table is there from now on.
 */
export async function openSqlite(connectionString: string): Promise<Store & Closing> {
  const { path, table } = parseSqlite(connectionString)
  const runtime = process.versions['bun'] === undefined ? ['node:sqlite', 'better-sqlite3'] : ['bun:sqlite']
  const [{ exports }, { sqliteStore }] = await Promise.all([loadPackage('sqlite', runtime), import('./index.ts')])
  const { DatabaseSync, Database, default: fallback } = exports
  const database = new ((DatabaseSync ?? Database ?? fallback) as DatabaseConstructor)(path)
  return owning(
    async () => database.close(),
    async () => {
      await setUp(database)
      const store = sqliteStore({ client: database, ...optionsFrom(table, 'table') })
      await store.createTable()
      return store
    },
  )
}

/**
 * Other processes may be doing the same: SQLite then refuses at once, whatever `busy_timeout` says. It is 0 from then on:
 * the store waits without blocking this process.
 */
async function setUp(database: Database): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
      return
    } catch (error) {
      if (!isBusy(error) || attempt === 100) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 10 + 40 * Math.random()))
  }
}

/** The path of the file, and the parameters. */
export function parseSqlite(connectionString: string): { path: string; table: ReadonlyMap<string, string> } {
  const { address, taken } = takeAllParameters(connectionString, 'sqlite')
  refuseUnknown(taken, ['table'], 'sqlite')
  const path = restOf(address)
  if (path === '' || path === '//')
    throw refusal('sqlite', 'needs a file: "sqlite:./sessions.db", or "sqlite::memory:".')
  if (/^\/\/[^/]/.test(path)) {
    throw refusal('sqlite', 'takes "///" before an absolute path; a relative one is "sqlite:./sessions.db".')
  }
  return { path: path.startsWith('//') ? decodeURIComponent(path.slice(2)) : path, table: taken }
}
