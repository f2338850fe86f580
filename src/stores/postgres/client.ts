import { invalid } from '../_faults/invalid.ts'
import type { SqlStatement, SqlValue } from '../_sql/statements.ts'
import type { SqlResult } from '../_sql/store.ts'

/** What is called of a `Pool`, a `Client` or a `PoolClient` of `pg`, and of what is compatible with it. */
export interface PgClient {
  query(config: {
    text: string
    values: unknown[]
    rowMode: 'array'
    name?: string
  }): Promise<{ readonly rows: unknown[][]; readonly rowCount: number | null }>
}

/** What is called of the `sql` function of `postgres`. */
export interface PostgresJsClient {
  unsafe(
    text: string,
    values: Array<string | number | null>,
    options: { prepare: boolean },
  ): {
    values(): PromiseLike<ArrayLike<unknown[]> & { readonly count: number | null; readonly command: string | null }>
  }
}

/** What is called of PGlite. */
export interface PgliteClient {
  query(
    text: string,
    values: unknown[],
    options: { rowMode: 'array' },
  ): Promise<{ readonly rows: unknown[]; readonly affectedRows?: number }>
}

/** Runs a statement that has no name, or one that may be prepared under its name. */
export type PostgresRun = (
  statement: { text: string; name?: string | undefined },
  values: SqlValue[],
) => Promise<SqlResult>

/**
 * Finds out what a client is, once, by its methods, and how it runs a statement.
 *
 * Rows come as arrays: `postgres` can be set up to rename columns, and arrays take less to read.
 *
 * @param prepare - Whether statements are prepared on each connection, and from then on parsed and planned no more.
 * @throws SessionError `CONFIG_INVALID` for what is none of the three.
 */
export function postgresRun(client: unknown, prepare: boolean): PostgresRun {
  if (isPostgresJs(client)) {
    return async ({ text, name }, values) => {
      const options = { prepare: prepare && name !== undefined }
      const rows = await client.unsafe(text, values as Array<string | number | null>, options).values()
      // Given to a connection in the instant in which it is cut, a statement is answered like this without having run.
      if (rows.command === null) throw new Error('postgresStore: the connection was lost before the statement ran.')
      return { rows: Array.from(rows), changed: rows.count ?? 0 }
    }
  }
  if (isPglite(client)) {
    return async ({ text }, values) => {
      const { rows, affectedRows } = await client.query(text, values, { rowMode: 'array' })
      return { rows: rows as unknown[][], changed: affectedRows ?? 0 }
    }
  }
  if (isPg(client)) {
    return async ({ text, name }, values) => {
      const config = { text, values, rowMode: 'array' as const }
      const { rows, rowCount } = await client.query(prepare && name !== undefined ? { ...config, name } : config)
      return { rows, changed: rowCount ?? 0 }
    }
  }
  throw invalid('postgresStore: client must be a Pool or Client of "pg", the sql function of "postgres", or a PGlite.')
}

/**
 * The name a statement is prepared under: at most 63 bytes, and another for another text, since names are per
 * connection and several stores may use one. `postgres` finds its prepared statements by their text.
 */
export function preparedName({ name, text }: SqlStatement): string {
  // FNV-1a with 64 bits. Should two texts ever agree, `pg` refuses the second with an error.
  let hash = 0xcbf29ce484222325n
  for (const character of text) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(character.charCodeAt(0))) * 0x100000001b3n)
  }
  return `coatcheck_${name}_${hash.toString(36)}`
}

function isPostgresJs(client: unknown): client is PostgresJsClient {
  return typeof client === 'function' && has(client, 'unsafe')
}

function isPglite(client: unknown): client is PgliteClient {
  return has(client, 'query') && has(client, 'exec') && has(client, 'execProtocol')
}

/** A `Pool` of MySQL has `query` too, but also `execute`. */
function isPg(client: unknown): client is PgClient {
  return has(client, 'query') && !has(client, 'execute') && !has(client, 'exec')
}

function has(client: unknown, method: string): boolean {
  const isObject = (typeof client === 'object' || typeof client === 'function') && client !== null
  return isObject && typeof Reflect.get(client, method) === 'function'
}
