import type { Listing, Store, Sweeping, UserIndex } from '../../contract/store.ts'
import { discreet } from '../_faults/discreet.ts'
import { type SqlDialect, sqlStatements, tableName } from '../_sql/statements.ts'
import { type SqlRun, sqlStore } from '../_sql/store.ts'
import { type PgClient, type PgliteClient, type PostgresJsClient, postgresRun, preparedName } from './client.ts'
import { tableLayout } from './table.ts'

export type { PgClient, PgliteClient, PostgresJsClient } from './client.ts'

export interface PostgresStoreOptions {
  /** A `Pool` or `Client` of `pg`, the `sql` function of `postgres`, or a PGlite. The caller closes it. */
  readonly client: PgClient | PostgresJsClient | PgliteClient
  /** Default: `'coatcheck_sessions'`. A letter or `_`, then at most 62 letters, digits or `_`. */
  readonly table?: string
  /** The schema of the table, named like a table. Default: wherever the connection's `search_path` finds the table. */
  readonly schema?: string
  /**
   * Whether each connection parses a statement once and then knows it by a name; default true. False for a pgbouncer
   * in transaction mode whose `max_prepared_statements` is 0, the default before its version 1.24.
   */
  readonly prepare?: boolean
  /** Epoch ms. Default: `Date.now`. */
  readonly clock?: () => number
}

/** A store in a table of PostgreSQL. */
export interface PostgresStore extends Store, Sweeping, Listing, UserIndex {
  /**
   * Makes the table and its index, or adds to the table what it lacks. Safe to call whenever a process starts, by any
   * number of processes at once. It never removes a row, a column or a type.
   */
  createTable(): Promise<void>
}

/** So many pages of 8 kB are swept by one statement: some milliseconds each, however large the table is. */
const pagesPerSweep = 1024

const serializationFailure = '40001'
const transactionFailed = '25P02'
const mostRepeats = 7

const dialect: SqlDialect = {
  quote: '"',
  placeholder: (position) => `$${position}`,
  // By place, so that a sweep reads the table once and needs no index. ARRAY(...) is evaluated once, unlike IN (...),
  // which a nested loop may repeat, and so lock and delete more than the limit.
  sweep: `WITH removed AS (DELETE FROM [table] WHERE ctid = ANY (ARRAY(SELECT ctid FROM [table]
WHERE ctid >= {from}::tid AND ctid < {to}::tid AND [expires_at] <= {now} LIMIT {limit} FOR UPDATE SKIP LOCKED)) RETURNING 1)
SELECT count(*), pg_relation_size('[table]'::regclass) / current_setting('block_size')::bigint FROM removed`,
  text: { encode, decode: (value) => decode(String(value)) },
}

/**
 * Keeps sessions in a table of PostgreSQL 14 or later; call `createTable()` first. Every operation is one statement, which is
 * repeated where the isolation of transactions is above `read committed` and it met another one.
 *
 * Reads go to the client that was given, so give one of the primary: a replica may still show an ended session.
 *
 * @throws SessionError `CONFIG_INVALID` for a client of another kind, or for a table or schema that is no plain name.
 */
export function postgresStore(options: PostgresStoreOptions): PostgresStore {
  const { client, table = 'coatcheck_sessions', schema, prepare = true, clock = Date.now } = options
  const runText = postgresRun(client, prepare)
  const quoted = tableName('postgresStore', dialect, table, schema)
  const statements = sqlStatements(dialect, quoted)
  const names = new Map(Object.values(statements).map((each) => [each.text, preparedName(each)]))
  const run: SqlRun = ({ text }, values, options) =>
    repeated(() => runText({ text, name: names.get(text) }, values()), options?.signal)
  let swept = { now: Number.NaN, page: 0 }

  return discreet({
    ...sqlStore('postgres', { dialect, statements, run, clock }),

    async sweep(time, options) {
      const { limit, signal } = options
      const now = Math.floor(time)
      // A pass that reached its limit goes on in the next call; its `now` says which pass that is.
      let page = swept.now === now ? swept.page : 0
      let removed = 0
      for (let pages = page + 1; page < pages && removed < limit && signal?.aborted !== true; ) {
        const range = { from: `(${page},0)`, to: `(${page + pagesPerSweep},0)` }
        const parameters = { ...range, now, limit: limit - removed }
        const { rows } = await run(statements.sweep, () => statements.sweep.values(parameters), options)
        const [count, size] = rows[0] ?? []
        removed += Number(count)
        pages = Number(size)
        if (removed < limit) page += pagesPerSweep
      }
      swept = removed < limit ? { now: Number.NaN, page: 0 } : { now, page }
      return removed
    },

    async createTable() {
      await repeated(() => runText({ text: tableLayout(quoted) }, []))
    },
  })
}

/**
 * At the isolation `repeatable read` or `serializable` a statement that met another one is undone with an error and to be
 * repeated; at `read committed`, the default of PostgreSQL, it goes on with the row as it is by then.
 */
async function repeated<Result>(attempt: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
  let first: unknown
  for (let left = mostRepeats; ; left--) {
    try {
      return await attempt()
    } catch (error) {
      const code = (error as { code?: unknown } | null)?.code
      // In a transaction of the caller's nothing can be repeated, and the caller wants to know why.
      if (code === transactionFailed && first !== undefined) throw first
      if (code !== serializationFailure || left === 0 || signal?.aborted) throw error
      first ??= error
    }
  }
}

/**
 * Text refuses U+0000, and PGlite drops a byte order mark at the beginning, so U+0001 escapes them and itself. Nearly
 * no text has any of the three.
 */
function encode(text: string): string {
  const hasEscapes = text.includes('\0') || text.includes('\u0001')
  const escaped = hasEscapes ? text.replaceAll('\u0001', '\u00011').replaceAll('\0', '\u00010') : text
  return escaped.startsWith('\ufeff') ? `\u00012${escaped}` : escaped
}

function decode(text: string): string {
  if (!text.includes('\u0001')) return text
  return text.replaceAll('\u00012', '').replaceAll('\u00010', '\0').replaceAll('\u00011', '\u0001')
}
