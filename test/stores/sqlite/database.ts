import type { SqliteClient } from '../../../src/stores/sqlite/index.ts'

/** The packages that can open an SQLite database. */
export type SqliteName = 'node:sqlite' | 'better-sqlite3' | 'bun:sqlite'

/** What the tests call of a database beyond what the store does. */
export interface Database extends SqliteClient {
  exec(sql: string): unknown
  close(): void
}

/** Opens a file, or makes it, with a client that never waits for a lock by itself. */
export async function openDatabase(name: SqliteName, path: string): Promise<Database> {
  // Not every runtime that compiles or checks this has the modules.
  const module = (await import(name as string)) as Record<string, new (path: string, options?: object) => Database>
  const Client = module[name === 'node:sqlite' ? 'DatabaseSync' : name === 'bun:sqlite' ? 'Database' : 'default']
  if (Client === undefined) throw new Error(`${name} has no database`)
  return name === 'better-sqlite3' ? new Client(path, { timeout: 0 }) : new Client(path)
}
