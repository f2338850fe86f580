import type { Eventually, Listing, Store, StoreCallOptions, Sweeping, UserIndex } from '../../contract/store.ts'
import {
  ownerParameter,
  parametersOf,
  recordOf,
  type SqlDialect,
  type SqlRow,
  type SqlStatement,
  type SqlStatements,
  type SqlValue,
} from './statements.ts'

/** What a statement did. */
export interface SqlResult {
  readonly rows: readonly SqlRow[]
  /** How many rows were written or deleted; for `create` 0 if a live record was there, whatever the database counts. */
  readonly changed: number
}

/**
 * Runs one statement. A driver that has its answer at hand may give it without a promise.
 *
 * `values` is asked anew for every attempt: they hold the time, and a record may expire between two of them.
 */
export type SqlRun = (
  statement: SqlStatement,
  values: () => SqlValue[],
  options: StoreCallOptions | undefined,
) => Eventually<SqlResult>

/** All operations of a store on a table; each is one statement, and the database makes it atomic. */
export function sqlStore(
  name: string,
  {
    dialect,
    statements,
    run,
    clock,
  }: {
    readonly dialect: SqlDialect
    readonly statements: SqlStatements
    readonly run: SqlRun
    readonly clock: () => number
  },
): Store & Sweeping & Listing & UserIndex {
  function perform<Answer>(
    statement: SqlStatement,
    parameters: Readonly<Record<string, SqlValue>>,
    options: StoreCallOptions | undefined,
    answer: (result: SqlResult) => Answer,
  ): Eventually<Answer> {
    // Columns hold whole milliseconds, as a clock with fractions does not.
    const values = () => statement.values({ now: Math.floor(clock()), ...parameters })
    const result = run(statement, values, options)
    return result instanceof Promise ? result.then(answer) : answer(result)
  }

  return {
    name,

    read(key, options) {
      return perform(statements.read, { key }, options, ({ rows: [row] }) =>
        row === undefined ? null : recordOf(dialect, row),
      )
    },

    create(key, record, options) {
      return perform(statements.create, { key, ...parametersOf(dialect, record) }, options, hasChanged)
    },

    replace(key, record, expectedVersion, options) {
      const parameters = { key, expectedVersion, ...parametersOf(dialect, record) }
      return perform(statements.replace, parameters, options, hasChanged)
    },

    touch(key, expiresAt, expectedVersion, options) {
      const parameters = { key, expectedVersion, expiresAt: Math.ceil(expiresAt) }
      return perform(statements.touch, parameters, options, hasChanged)
    },

    delete(key, options) {
      return perform(statements.delete, { key }, options, () => undefined)
    },

    async sweep(now, options) {
      return perform(
        statements.sweep,
        { now: Math.floor(now), limit: options.limit },
        options,
        ({ changed }) => changed,
      )
    },

    async list(query) {
      const { limit, prefix = '' } = query
      const after = query.cursor ?? ''
      // It may come from a client, and what is no key may be no text to the database.
      if (typeof after !== 'string' || !/^[\w-]*$/.test(after)) {
        throw new Error(`${name}Store: the cursor is not one of its own.`)
      }
      // '~' is above all characters of a key, in bytes.
      const parameters = { after, prefix, end: `${prefix}~`, limit }
      return perform(statements.list, parameters, query, ({ rows }) => {
        const entries = rows.map((row) => ({ key: String(row[4]), record: recordOf(dialect, row) }))
        return { entries, cursor: entries.length < limit ? null : (entries.at(-1)?.key ?? null) }
      })
    },

    async count(options) {
      return perform(statements.count, {}, options, ({ rows: [row] }) => Number(row?.[0]))
    },

    async keysOf(userId, options) {
      return perform(statements.keysOf, { userId: ownerParameter(dialect, userId) }, options, ({ rows }) =>
        rows.map(([key]) => String(key)),
      )
    },
  }
}

function hasChanged({ changed }: SqlResult): boolean {
  return changed > 0
}
