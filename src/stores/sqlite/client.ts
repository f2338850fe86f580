import type { StoreCallOptions } from '../../contract/store.ts'
import { invalid } from '../_faults/invalid.ts'
import type { SqlValue } from '../_sql/statements.ts'
import type { SqlResult } from '../_sql/store.ts'

/** What is called of a `DatabaseSync` of `node:sqlite`, a `Database` of `better-sqlite3` or one of `bun:sqlite`. */
export interface SqliteClient {
  prepare(sql: string): SqliteStatement
}

/** What is called of a prepared statement. */
export interface SqliteStatement {
  /** The rows, as objects or arrays; the order of the columns is that of the statement. */
  all(...values: Array<string | number | null>): unknown[]
  run(...values: Array<string | number | null>): { readonly changes: number | bigint }
}

/** Runs a statement, which is prepared the first time. `values` is asked anew for every attempt. */
export type SqliteRun = (
  sql: string,
  values: () => readonly SqlValue[],
  options?: StoreCallOptions,
) => SqlResult | Promise<SqlResult>

/** How long a statement is tried again while others write, without a signal that tells, and with one at most. */
const patienceMs = 2_000
const longestPatienceMs = 60_000
const longestPauseMs = 25

/**
 * Answers at once, except when another connection is writing (`SQLITE_BUSY`): then the statement is tried again, first
 * after about 1 ms, until the call's signal is aborted, or for 2 s without a signal. SQLite's own `busy_timeout` waits
 * too, but everything else in this process waits with it.
 *
 * @throws SessionError `CONFIG_INVALID` for another kind of client, such as one whose calls answer promises.
 */
export function sqliteRun(client: SqliteClient): SqliteRun {
  check(client)
  const prepared = new Map<string, SqliteStatement>()

  function attempt(sql: string, values: () => readonly SqlValue[]): SqlResult {
    let statement = prepared.get(sql)
    if (statement === undefined) {
      statement = client.prepare(sql)
      prepared.set(sql, statement)
    }
    const parameters = values() as Array<string | number | null>
    if (!sql.startsWith('SELECT')) return { rows: [], changed: Number(statement.run(...parameters).changes) }
    // An array has the values of an array, too.
    return { rows: statement.all(...parameters).map((row) => Object.values(row as object)), changed: 0 }
  }

  async function attemptAgain(
    sql: string,
    values: () => readonly SqlValue[],
    signal: AbortSignal | undefined,
  ): Promise<SqlResult> {
    const until = performance.now() + (signal === undefined ? patienceMs : longestPatienceMs)
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random())))
      signal?.throwIfAborted()
      try {
        return attempt(sql, values)
      } catch (error) {
        if (!isBusy(error) || performance.now() > until) throw error
      }
    }
  }

  return (sql, values, options) => {
    try {
      return attempt(sql, values)
    } catch (error) {
      if (!isBusy(error)) throw error
      return attemptAgain(sql, values, options?.signal)
    }
  }
}

/** `SQLITE_BUSY` and its extended codes, as each client says it. */
export function isBusy(error: unknown): boolean {
  const { code, errcode } = error as { readonly code?: unknown; readonly errcode?: unknown }
  if (typeof errcode === 'number') return (errcode & 0xff) === 5
  return typeof code === 'string' && /^SQLITE_BUSY(_|$)/.test(code)
}

function check(client: SqliteClient | null | undefined): void {
  const statement = typeof client?.prepare === 'function' ? client.prepare('SELECT 1') : null
  if (typeof statement?.all === 'function' && typeof statement.run === 'function') {
    const rows: unknown = statement.all()
    if (Array.isArray(rows)) return
    // A promise that fails later is not worth ending the process for.
    Promise.resolve(rows).catch(() => undefined)
  }
  throw invalid(
    'sqliteStore: client must be a database of node:sqlite, bun:sqlite or better-sqlite3, whose calls answer at once.',
  )
}
