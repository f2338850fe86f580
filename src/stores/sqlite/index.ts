import type { Listing, Store, Sweeping, UserIndex } from '../../contract/store.ts'
import { type SqlDialect, sqlStatements, tableName } from '../_sql/statements.ts'
import { sqlStore } from '../_sql/store.ts'
import { type SqliteClient, sqliteRun } from './client.ts'

export type { SqliteClient, SqliteStatement } from './client.ts'

export interface SqliteStoreOptions {
  /**
   * A database of `node:sqlite`, `bun:sqlite` or `better-sqlite3`, best a connection of the store's own: whatever happens
   * while a transaction of yours is open on it is part of that transaction. The caller closes it.
   */
  readonly client: SqliteClient
  /** Default: `'coatcheck_sessions'`. A letter or `_`, then at most 62 letters, digits or `_`. */
  readonly table?: string
  /** Epoch ms. Default: `Date.now`. */
  readonly clock?: () => number
}

export interface SqliteStore extends Store, Sweeping, Listing, UserIndex {
  /** Makes the table and its indexes if they are not there; any number of processes may do so at once. */
  createTable(): Promise<void>
}

const dialect: SqlDialect = { quote: '"', placeholder: () => '?' }

/** How many records are removed before other work gets its turn. */
const sweepBatch = 100

/**
 * Keeps each session in a row of an SQLite table; any number of processes on one machine may share the file.
 *
 * Needs the table that `createTable()` makes. Answers at once, without a promise, unless another process is writing: then
 * it tries again until the engine's `storeTimeout`, or for 2 s. What a save that was acknowledged survives is up to the
 * journal mode and `synchronous` of the client; with its defaults, or in WAL mode, the end of the process.
 *
 * @throws SessionError `CONFIG_INVALID` without a client, or for a table that is no plain name.
 */
export function sqliteStore(options: SqliteStoreOptions): SqliteStore {
  const { client, table: name = 'coatcheck_sessions', clock = Date.now } = options
  const table = tableName('sqliteStore', dialect, name)
  const statements = sqlStatements(dialect, table)
  const run = sqliteRun(client)

  return {
    ...sqlStore('sqlite', {
      dialect,
      statements,
      clock,
      run: ({ text }, values, options) => run(text, values, options),
    }),

    async sweep(now, options) {
      let removed = 0
      while (removed < options.limit) {
        options.signal?.throwIfAborted()
        const limit = Math.min(sweepBatch, options.limit - removed)
        const { text, values } = statements.sweep
        const { changed } = await run(text, () => values({ now: Math.floor(now), limit }), options)
        removed += changed
        if (changed < limit) break
        await new Promise((resolve) => setTimeout(resolve))
      }
      return removed
    },

    async createTable() {
      for (const statement of layout(name, table)) await run(statement, () => [])
    },
  }
}

function layout(name: string, table: string): string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${table} ("key" TEXT NOT NULL PRIMARY KEY, "payload" TEXT NOT NULL,
"version" INTEGER NOT NULL, "expires_at" INTEGER NOT NULL, "user_id" TEXT)`,
    `CREATE INDEX IF NOT EXISTS "${name}_expires_at" ON ${table} ("expires_at")`,
    `CREATE INDEX IF NOT EXISTS "${name}_user_id" ON ${table} ("user_id") WHERE "user_id" IS NOT NULL`,
  ]
}
