import { Buffer } from 'node:buffer'
import type { Listing, Store, Sweeping, UserIndex } from '../../contract/store.ts'
import { discreet } from '../_faults/discreet.ts'
import { invalid } from '../_faults/invalid.ts'
import { type SqlDialect, type SqlStatement, type SqlValue, sqlStatements, tableName } from '../_sql/statements.ts'
import { type SqlResult, sqlStore } from '../_sql/store.ts'
import { createMysqlTable, type MysqlExecute, type MysqlHeader, type MysqlRows, type MysqlTable } from './table.ts'

/** What is called of a pool or connection of `mysql2/promise`. */
export interface MysqlClient {
  execute(statement: MysqlStatement, values: Array<string | number | null | Buffer>): Promise<[unknown, unknown]>
}

/** A pool or connection of `mysql2`, which has the other kind at hand. */
export interface MysqlCallbackClient {
  promise(): MysqlClient
}

/** A statement with the form of its answer, whatever the client is set up to give. */
export interface MysqlStatement {
  readonly sql: string
  readonly rowsAsArray: true
  readonly nestTables: false
  readonly typeCast: (field: unknown, next: () => unknown) => unknown
}

export interface MysqlStoreOptions {
  /** A pool or connection of `mysql2` or `mysql2/promise`; a pool is better. The caller closes it. */
  readonly client: MysqlClient | MysqlCallbackClient
  /** Default: `'coatcheck_sessions'`. A letter or `_`, then at most 62 letters, digits or `_`. */
  readonly table?: string
  /** The database of the table, a name like that of the table. Default: the one that the client is connected to. */
  readonly schema?: string
  /** Epoch ms. Default: `Date.now`. */
  readonly clock?: () => number
}

export interface MysqlStore extends Store, Sweeping, Listing, UserIndex {
  /** Makes the table if it is not there; any number of processes may do so at once. */
  createTable(): Promise<void>
}

/**
 * `affectedRows` counts rows that were found or rows that were changed, as the client's flag FOUND_ROWS says, so it tells
 * neither a refused `create` nor a `touch` that changes nothing. The `insertId` does: it is the last value that was
 * given to LAST_INSERT_ID, here whether a live record was there, and 0 without any.
 *
 * `+ 0` keeps the index on `expires_at` out of it: a row found by its deadline would be locked after its entry there,
 * other statements lock it before, and the two would end in a deadlock.
 *
 * Assignments are made from left to right, `expires_at` last. MySQL 8 prefers a row alias to VALUES(); MariaDB has no such
 * alias, and both take VALUES().
 */
const dialect: SqlDialect = {
  quote: '`',
  placeholder: () => '?',
  create: `INSERT INTO [table] ([key], [payload], [version], [expires_at], [user_id])
VALUES ({key}, {payload}, {version}, {expiresAt}, {userId}) ON DUPLICATE KEY UPDATE
[payload] = IF(LAST_INSERT_ID([expires_at] > {now}), [payload], VALUES([payload])),
[version] = IF([expires_at] > {now}, [version], VALUES([version])),
[user_id] = IF([expires_at] > {now}, [user_id], VALUES([user_id])),
[expires_at] = IF([expires_at] > {now}, [expires_at], VALUES([expires_at]))`,
  touch: `UPDATE [table] SET [expires_at] = IF(LAST_INSERT_ID([expires_at] > {now}), {expiresAt}, [expires_at])
WHERE [key] = {key} AND [version] = {expectedVersion} AND [expires_at] + 0 > {now}`,
  replace: `UPDATE [table] SET [payload] = {payload}, [version] = {version}, [expires_at] = {expiresAt}, [user_id] = {userId}
WHERE [key] = {key} AND [version] = {expectedVersion} AND [expires_at] + 0 > {now}`,
  // Whatever `sql_select_limit` is.
  keysOf: 'SELECT [key] FROM [table] WHERE [user_id] = {userId} AND [expires_at] > {now} LIMIT 18446744073709551615',
  // A text would be sent in the character set of the connection. What comes back is a Buffer.
  text: { encode: (text) => Buffer.from(text), decode: String },
}

/**
 * `ER_LOCK_DEADLOCK`: the server has undone the statement and asks to try again. A cluster of several writers says so
 * when two of them changed a row at once.
 */
const deadlock = 1213
const attempts = 4

/** Small, so that a sweep keeps nobody waiting. */
const sweepBatch = 100

/**
 * Keeps each session in a row of a MySQL 8 or MariaDB (10.6 or later) table, InnoDB.
 *
 * Needs the table that `createTable()` makes. Prepared statements, one per operation, each its own transaction.
 *
 * @throws SessionError `CONFIG_INVALID` without a client, or for a table or schema that is no plain name.
 */
export function mysqlStore(options: MysqlStoreOptions): MysqlStore {
  const { table: name = 'coatcheck_sessions', schema, clock = Date.now } = options
  const client = checkedClient(options.client)
  const table: MysqlTable = { name, schema, quoted: tableName('mysqlStore', dialect, name, schema) }
  const store = sqlStore('mysql', { dialect, statements: sqlStatements(dialect, table.quoted), run, clock })
  // The server undoes the whole transaction, so on a connection the repeated statement would stand alone: what the caller
  // did before it would be gone without a word. A pool has no transaction of the caller's.
  const mayRepeat = 'getConnection' in client
  const findDue = `SELECT \`key\` FROM ${table.quoted} WHERE \`expires_at\` <= ? LIMIT ${sweepBatch}`

  const execute: MysqlExecute = async (sql, values) => {
    const statement = { sql, rowsAsArray: true, nestTables: false, typeCast: asItIs } as const
    for (let left = attempts - 1; ; left--) {
      try {
        const [answer] = await client.execute(statement, values as Array<string | number | null | Buffer>)
        return answer as MysqlRows | MysqlHeader
      } catch (error) {
        if (!mayRepeat || (error as { errno?: unknown }).errno !== deadlock || left === 0) throw error
      }
    }
  }

  async function run({ name, text }: SqlStatement, valuesNow: () => SqlValue[]): Promise<SqlResult> {
    const values = valuesNow()
    const answer = await execute(text, name === 'list' ? listValues(values) : values)
    if ('affectedRows' in answer) return { rows: [], changed: changedBy(name, answer) }
    return { rows: answer, changed: 0 }
  }

  /** By key, see above. Without a hint the server would go through a small table from end to end and lock live rows. */
  async function removeDue(keys: ReadonlyArray<SqlValue>, now: number): Promise<number> {
    // Always as many, so that there is one statement to prepare.
    const padded = Array.from({ length: sweepBatch }, (_, index) => keys[index] ?? keys[0] ?? null)
    const text = `DELETE r FROM ${table.quoted} AS r FORCE INDEX (PRIMARY)
WHERE r.\`key\` IN (${padded.map(() => '?').join(', ')}) AND r.\`expires_at\` <= ?`
    const answer = await execute(text, [...padded, now])
    return 'affectedRows' in answer ? Number(answer.affectedRows) : 0
  }

  return discreet({
    ...store,

    async sweep(now, { limit, signal }) {
      let removed = 0
      while (removed < limit) {
        signal?.throwIfAborted()
        const rows = (await execute(findDue, [now])) as MysqlRows
        const keys = rows.map(([key]) => key as SqlValue).slice(0, limit - removed)
        const count = keys.length > 0 ? await removeDue(keys, now) : 0
        removed += count
        // None: a snapshot, or a replica, still shows what is gone already.
        if (rows.length < sweepBatch || count === 0) break
      }
      return removed
    },

    createTable: () => createMysqlTable(execute, table),
  })
}

/**
 * MySQL takes a LIMIT as an integer or a text; numbers are sent as floating-point ones. A blank sorts below every key, as
 * an empty text does, which some servers take for null (EMPTY_STRING_IS_NULL).
 */
function listValues(values: readonly SqlValue[]): SqlValue[] {
  return [...values.slice(0, -1).map((value) => (value === '' ? ' ' : value)), String(values.at(-1))]
}

function changedBy(operation: SqlStatement['name'], { affectedRows, insertId }: MysqlHeader): number {
  const wasLive = Number(insertId) === 1
  if (operation === 'create') return wasLive ? 0 : 1
  if (operation === 'touch') return wasLive ? 1 : 0
  return Number(affectedRows)
}

/** Over a `typeCast` of the client. */
function asItIs(_field: unknown, next: () => unknown): unknown {
  return next()
}

function checkedClient(client: MysqlClient | MysqlCallbackClient | null | undefined): MysqlClient {
  if (typeof client === 'object' && client !== null) {
    if ('promise' in client && typeof client.promise === 'function') return client.promise()
    if ('execute' in client && typeof client.execute === 'function') return client
  }
  throw invalid(
    'mysqlStore: client must be a pool or a connection of mysql2, such as `createPool(...)` of "mysql2/promise" answers.',
  )
}
