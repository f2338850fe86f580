import type { StoredRecord } from '../../contract/store.ts'
import { invalid } from '../_faults/invalid.ts'

/** A value that is sent beside a statement, never inside its text. */
export type SqlValue = string | number | null | Uint8Array

/**
 * How one database writes what all of them are asked.
 *
 * Statements are templates: `{name}` is a parameter, `[name]` a column or the table, quoted.
 */
export interface SqlDialect {
  /** Around an identifier: `"`, or a backtick. */
  readonly quote: string
  /** Writes the parameter at a position, from 1: `$1`, `?1`, or `?` for all. A numbered one may occur twice in a text. */
  placeholder(position: number): string
  /** Replaces the standard template; for MySQL, which has no `ON CONFLICT`. */
  readonly create?: string
  /** Replaces the standard template. */
  readonly replace?: string
  /** Replaces the standard template. */
  readonly touch?: string
  /** Replaces the standard template. */
  readonly sweep?: string
  /** Replaces the standard template. */
  readonly keysOf?: string
  /** How columns keep text, any characters of it; default: as it is. `decode` gets what the driver answers. */
  readonly text?: {
    encode(text: string, column: 'payload' | 'user_id'): SqlValue
    decode(value: unknown, column: 'payload' | 'user_id'): string
  }
}

/** A statement in a dialect, for one table. */
export interface SqlStatement {
  readonly name: SqlOperation
  readonly text: string
  /** The parameters in the order in which the text wants them. */
  values(parameters: Readonly<Record<string, SqlValue>>): SqlValue[]
}

export type SqlOperation = keyof typeof templates
export type SqlStatements = Readonly<Record<SqlOperation, SqlStatement>>

/**
 * A row as an array, in the order of the statement's columns: clients can be set up to rename columns.
 * 64-bit numbers may be texts or bigints.
 */
export type SqlRow = readonly unknown[]

/**
 * The columns, the same in every database:
 *
 * - `key`: up to 128 ASCII characters, compared byte for byte; the primary key
 * - `payload`: text of any length and characters, or bytes that stand for it
 * - `version`: 64-bit integer
 * - `expires_at`: 64-bit integer, epoch ms
 * - `user_id`: text compared byte for byte, null for an anonymous session; indexed where it is not null
 *
 * A layout only ever grows: later versions add columns that are nullable or have a default, so that versions before
 * them go on. Statements name their columns.
 *
 * A table of beego's (`session_key`, `session_data`, `session_expiry`) becomes usable by `createTable()`, which adds these
 * columns, nullable, with a unique index on `key`, and makes the three of beego nullable, their primary key a unique
 * index. Nothing is renamed or removed, so beego can go on with it, or come back. Its rows have a null `key` and a null
 * `expires_at`, so every statement here passes them over; rows of ours have a null `session_key` and a null
 * `session_expiry`, which beego's collector passes over. In MySQL `key` becomes the primary key, which cannot be null, so
 * beego's rows have some key.
 */
const templates = {
  read: 'SELECT [payload], [version], [expires_at], [user_id] FROM [table] WHERE [key] = {key} AND [expires_at] > {now}',
  create: `INSERT INTO [table] ([key], [payload], [version], [expires_at], [user_id])
VALUES ({key}, {payload}, {version}, {expiresAt}, {userId})
ON CONFLICT ([key]) DO UPDATE SET [payload] = excluded.[payload], [version] = excluded.[version],
[expires_at] = excluded.[expires_at], [user_id] = excluded.[user_id] WHERE [table].[expires_at] <= {now}`,
  replace: `UPDATE [table] SET [payload] = {payload}, [version] = {version}, [expires_at] = {expiresAt}, [user_id] = {userId}
WHERE [key] = {key} AND [version] = {expectedVersion} AND [expires_at] > {now}`,
  touch: `UPDATE [table] SET [expires_at] = {expiresAt}
WHERE [key] = {key} AND [version] = {expectedVersion} AND [expires_at] > {now}`,
  delete: 'DELETE FROM [table] WHERE [key] = {key}',
  sweep:
    'DELETE FROM [table] WHERE [key] IN (SELECT [key] FROM [table] WHERE [expires_at] <= {now} LIMIT {limit}) AND [expires_at] <= {now}',
  list: `SELECT [payload], [version], [expires_at], [user_id], [key] FROM [table]
WHERE [key] > {after} AND [key] >= {prefix} AND [key] < {end} AND [expires_at] > {now} ORDER BY [key] LIMIT {limit}`,
  count: 'SELECT count(*) AS [total] FROM [table] WHERE [expires_at] > {now}',
  keysOf: 'SELECT [key] FROM [table] WHERE [user_id] = {userId} AND [expires_at] > {now}',
}

/** What the operations of a store are in SQL, each a single statement. `table` as `tableName` gives it. */
export function sqlStatements(dialect: SqlDialect, table: string): SqlStatements {
  const { create, replace, touch, sweep, keysOf } = { ...templates, ...dialect }
  const all = { ...templates, create, replace, touch, sweep, keysOf }
  const compile = ([name, template]: [string, string]) => [name, statement(name as SqlOperation, template)]

  function statement(name: SqlOperation, template: string): SqlStatement {
    const order: string[] = []
    const text = template
      .replaceAll('[table]', table)
      .replace(/\[(\w+)\]/g, `${dialect.quote}$1${dialect.quote}`)
      .replace(/\{(\w+)\}/g, (_, parameter: string) => {
        const isNumbered = dialect.placeholder(1) !== dialect.placeholder(2)
        if (!isNumbered || !order.includes(parameter)) order.push(parameter)
        return dialect.placeholder(isNumbered ? order.indexOf(parameter) + 1 : order.length)
      })
    return { name, text, values: (parameters) => order.map((parameter) => parameters[parameter] ?? null) }
  }

  return Object.fromEntries(Object.entries(all).map(compile)) as SqlStatements
}

/**
 * The table in quotes, with its schema if there is one.
 *
 * @throws SessionError `CONFIG_INVALID` unless both are a letter or `_`, then at most 62 letters, digits or `_`: quotes
 * alone would let through names that other tools, logs and dumps do not quote.
 */
export function tableName(store: string, dialect: SqlDialect, table: string, schema?: string): string {
  const { quote } = dialect
  return [...(schema === undefined ? [] : [['schema', schema] as const]), ['table', table] as const]
    .map(([option, name]) => `${quote}${checkedIdentifier(store, option, name)}${quote}`)
    .join('.')
}

/** The name itself if it can be an identifier, see `tableName`. */
export function checkedIdentifier(store: string, option: string, name: string): string {
  if (typeof name === 'string' && /^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name)) return name
  throw invalid(
    `${store}: ${option} must be a name of letters, digits and "_" that does not begin with a digit, at most 63 characters.`,
  )
}

/** The parameters of a record, for `create` and `replace`: the deadline in whole ms, never earlier than asked. */
export function parametersOf(dialect: SqlDialect, record: StoredRecord): Record<string, SqlValue> {
  const { payload, version, expiresAt, userId } = record
  return {
    payload: dialect.text?.encode(payload, 'payload') ?? payload,
    version,
    expiresAt: Math.ceil(expiresAt),
    userId: userId === undefined ? null : ownerParameter(dialect, userId),
  }
}

/** A user id as the column keeps it. */
export function ownerParameter({ text }: SqlDialect, userId: string): SqlValue {
  return text?.encode(userId, 'user_id') ?? userId
}

/** The record in a row of `read`. */
export function recordOf({ text }: SqlDialect, [payload, version, expiresAt, userId]: SqlRow): StoredRecord {
  const record = {
    payload: text?.decode(payload, 'payload') ?? String(payload),
    version: Number(version),
    expiresAt: Number(expiresAt),
  }
  if (userId === null || userId === undefined) return record
  return { ...record, userId: text?.decode(userId, 'user_id') ?? String(userId) }
}
