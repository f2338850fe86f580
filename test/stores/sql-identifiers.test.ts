import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type SqlDialect, sqlStatements, tableName } from '../../src/stores/_sql/statements.ts'
import { mysqlStore } from '../../src/stores/mysql/index.ts'
import { postgresStore } from '../../src/stores/postgres/index.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'

const numbered: SqlDialect = { quote: '"', placeholder: (position) => `$${position}` }
const unnumbered: SqlDialect = { quote: '`', placeholder: () => '?' }
const client = { query: async () => ({ rows: [], rowCount: 0 }) }
const pool = { execute: async () => [[], []] as [unknown, unknown] }
const database = { prepare: () => ({ all: () => [], run: () => ({ changes: 0 }) }) }
const plain = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/

const hostile = [
  '',
  ' ',
  'sessions"; DROP TABLE users; --',
  'sessions`; DROP TABLE users; #',
  'public.sessions',
  '"sessions"',
  "sessions'",
  'sessions\n',
  'sessions\0',
  'ses sions',
  'ses-sions',
  '1sessions',
  'séssions',
  'sessions$1',
  '{key}',
  '[key]',
  'a'.repeat(64),
]
const nonTexts = [null, 1, ['sessions'], { toString: () => 'sessions' }]

/** The names by which a table can be asked for. */
const doors: Record<string, (name: string) => unknown> = {
  'tableName, table': (name) => tableName('store', numbered, name),
  'tableName, schema': (name) => tableName('store', unnumbered, 'sessions', name),
  'postgresStore, table': (table) => postgresStore({ client, table }),
  'postgresStore, schema': (schema) => postgresStore({ client, schema }),
  'mysqlStore, table': (table) => mysqlStore({ client: pool, table }),
  'mysqlStore, schema': (schema) => mysqlStore({ client: pool, schema }),
  'sqliteStore, table': (table) => sqliteStore({ client: database, table }),
}

describe.each(Object.entries(doors))('SEC-83 identifiers in %s', (_, open) => {
  it.each([...hostile, ...nonTexts])('SEC-83 L20 %j is refused, with a sentence that does not repeat it', (name) => {
    const invalid = {
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/^(store|postgresStore|mysqlStore|sqliteStore): (table|schema) must/),
    }
    expect(() => open(name as string)).toThrow(expect.objectContaining(invalid))
    expect(() => open(name as string)).not.toThrow(/DROP/)
  })

  it('SEC-83 any text is refused unless it is a plain name', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 70 }), fc.stringMatching(/^[\w".`-]{1,70}$/)), (name) => {
        if (plain.test(name)) open(name)
        else expect(() => open(name)).toThrow()
      }),
    )
  })
})

describe('SQL statements', () => {
  it('SEC-83 have the table and all columns in quotes, and nothing else of the configuration', () => {
    const name = tableName('store', unnumbered, 'select', '_Schema1')
    expect(name).toBe('`_Schema1`.`select`')
    const { touch } = sqlStatements(unnumbered, name)
    expect(touch.text).toBe(
      'UPDATE `_Schema1`.`select` SET `expires_at` = ?\nWHERE `key` = ? AND `version` = ? AND `expires_at` > ?',
    )
    expect(touch.values({ key: 'k', now: 1, expiresAt: 2, expectedVersion: 3 })).toEqual([2, 'k', 3, 1])
  })

  it('number a parameter once where the dialect has numbers, and repeat it where it has not', () => {
    const parameters = { key: 'k', payload: 'p', version: 1, expiresAt: 2, userId: null, now: 3, limit: 4 }
    for (const { name, text, values } of Object.values(sqlStatements(numbered, '"t"'))) {
      const numbers = [...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number))
      expect([...new Set(numbers)], name).toEqual(values(parameters).map((_, index) => index + 1))
    }
    for (const { name, text, values } of Object.values(sqlStatements(unnumbered, '`t`'))) {
      expect(text.split('?').length - 1, name).toBe(values(parameters).length)
    }
    expect(sqlStatements(numbered, '"t"').sweep.values(parameters)).toEqual([3, 4])
    expect(sqlStatements(unnumbered, '`t`').sweep.values(parameters)).toEqual([3, 4, 3])
  })
})
