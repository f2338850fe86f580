import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import postgres from 'postgres'
import { afterAll, describe, expect, it } from 'vitest'
import { postgresStore } from '../../src/stores/postgres/index.ts'
import { manualClock, storeCases } from '../../src/testing/index.ts'
import { sharedServer } from '../services/address.ts'

const server = await sharedServer('postgres')
const address = { host: server.host, port: server.port, user: 'postgres', database: 'postgres' }
const pool = new pg.Pool({ ...address, max: 10 })
const other = new pg.Pool({ ...address, max: 10 })
const sql = postgres({ ...address, max: 10 })
const pglite = new PGlite()
afterAll(() => Promise.all([pool.end(), other.end(), sql.end(), pglite.close()]))

let tables = 0
const newTable = (): string => `layout_${process.pid}_${tables++}`
const hour = 3_600_000
const key = 'key-aaaaaaaaaaaaaaaa'
const record = (expiresAt = Date.now() + hour) => ({ payload: 'x', version: 1, expiresAt, userId: 'user-1' })

/** Columns with their types, and indexes without their names. */
async function layoutOf(table: string, schema = 'public'): Promise<{ columns: string[]; indexes: string[] }> {
  const columns = await pool.query(
    `SELECT column_name || ' ' || data_type || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END AS text
     FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position`,
    [schema, table],
  )
  const indexes = await pool.query(
    "SELECT regexp_replace(indexdef, ' INDEX .* USING', '') AS text FROM pg_indexes WHERE schemaname = $1 AND tablename = $2",
    [schema, table],
  )
  const texts = ({ rows }: { rows: Array<{ text: string }> }) => rows.map(({ text }) => text)
  return { columns: texts(columns), indexes: texts(indexes).sort() }
}

const present = {
  columns: [
    'key text not null',
    'version bigint not null',
    'expires_at bigint not null',
    'user_id text',
    'payload text not null',
  ],
  indexes: ['CREATE UNIQUE btree (key)', 'CREATE btree (user_id) WHERE (user_id IS NOT NULL)'],
}

describe('L19 createTable', () => {
  it('L19 createTable makes the table and its index; again, it changes nothing', async () => {
    for (const client of [pool, sql]) {
      const table = newTable()
      const store = postgresStore({ client, table })
      await store.createTable()
      expect(await layoutOf(table)).toEqual(present)
      await store.create(key, record())
      await store.createTable()
      expect(await layoutOf(table)).toEqual(present)
      expect(await store.read(key)).toMatchObject({ payload: 'x' })
    }
  })

  it('L19 createTable in a schema; a table of the same name elsewhere is another one', async () => {
    const schema = `schema_${process.pid}`
    await pool.query(`CREATE SCHEMA ${schema}`)
    const table = newTable()
    const [inSchema, inPublic] = [
      postgresStore({ client: pool, table, schema }),
      postgresStore({ client: pool, table }),
    ]
    await inSchema.createTable()
    expect(await layoutOf(table)).toEqual({ columns: [], indexes: [] })
    expect(await layoutOf(table, schema)).toEqual(present)
    await inPublic.createTable()
    await inSchema.create(key, record())
    expect(await inPublic.read(key)).toBeNull()
  })

  it('REL-26 createTable by two processes 20 times at once makes one table and one index', async () => {
    for (let round = 0; round < 5; round++) {
      const table = newTable()
      const stores = [pool, other, sql].map((client) => postgresStore({ client, table }))
      await Promise.all(Array.from({ length: 20 }, () => stores.map((store) => store.createTable())).flat())
      expect(await layoutOf(table)).toEqual(present)
    }
  })

  it('REL-26 createTable neither waits for nor disturbs those who use a table that is complete', async () => {
    const table = newTable()
    const store = postgresStore({ client: pool, table })
    await store.createTable()
    const busy = await pool.connect()
    try {
      await busy.query('BEGIN')
      // Conflicts with every change of the table, as a running read or write does.
      await busy.query(`LOCK TABLE ${table} IN ROW EXCLUSIVE MODE`)
      const hasty = new pg.Client({ ...address, lock_timeout: 2_000 })
      await hasty.connect()
      await postgresStore({ client: hasty, table }).createTable()
      await hasty.end()
    } finally {
      await busy.query('ROLLBACK')
      busy.release()
    }
  })

  it('L19 createTable needs no right to make tables where there is one', async () => {
    const table = newTable()
    const role = `role_${process.pid}`
    await postgresStore({ client: pool, table }).createTable()
    await pool.query(`CREATE ROLE ${role} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO ${role}`)
    const client = new pg.Client({ ...address, user: role })
    await client.connect()
    try {
      const store = postgresStore({ client, table })
      await store.createTable()
      expect(await store.create(key, record(1))).toBe(true)
      expect(await store.sweep(1, { limit: 1 })).toBe(1)
      await expect(postgresStore({ client, table: newTable() }).createTable()).rejects.toMatchObject({ code: '42501' })
    } finally {
      await client.end()
    }
  })

  it('REL-26 a table that lacks a column and an index gets them, and keeps its records', async () => {
    const table = newTable()
    await pool.query(`CREATE TABLE ${table} (key text COLLATE "C" PRIMARY KEY, version bigint NOT NULL,
      expires_at bigint NOT NULL, payload text NOT NULL)`)
    const expiresAt = Date.now() + hour
    await pool.query(`INSERT INTO ${table} VALUES ($1, 3, $2, 'kept')`, [key, expiresAt])
    const store = postgresStore({ client: pool, table })
    await Promise.all([store.createTable(), store.createTable()])
    expect(await store.read(key)).toEqual({ payload: 'kept', version: 3, expiresAt })
    expect(await store.replace(key, { ...record(expiresAt), version: 4 }, 3)).toBe(true)
    expect(await store.keysOf('user-1')).toEqual([key])
    expect((await layoutOf(table)).indexes).toEqual(present.indexes)
  })

  it('REL-26 a table of a later layout stays as it is, and its records can be read and written', async () => {
    const table = newTable()
    const store = postgresStore({ client: pool, table })
    await store.createTable()
    await pool.query(`ALTER TABLE ${table} ADD COLUMN later jsonb, ADD COLUMN format int NOT NULL DEFAULT 2`)
    const layout = await layoutOf(table)
    await store.createTable()
    expect(await layoutOf(table)).toEqual(layout)
    const written = record()
    expect(await store.create(key, written)).toBe(true)
    expect(await store.read(key)).toEqual(written)
    expect(await store.replace(key, { ...written, version: 2 }, 1)).toBe(true)
  })

  it("refuses a table that is something else's, and leaves it as it was", async () => {
    const table = newTable()
    await pool.query(`CREATE TABLE ${table} (sid varchar PRIMARY KEY, sess json NOT NULL, expire timestamp NOT NULL)`)
    const layout = await layoutOf(table)
    await expect(postgresStore({ client: pool, table }).createTable()).rejects.toThrow(/belongs to something else/)
    expect(await layoutOf(table)).toEqual(layout)
  })

  it('touch and replace write no index, and neither do those that change no owner', async () => {
    const client = new pg.Client(address)
    await client.connect()
    const table = newTable()
    const store = postgresStore({ client, table })
    await store.createTable()
    const keys = Array.from({ length: 10 }, (_, index) => `key-${index}-aaaaaaaaaaaaaa`)
    for (const each of keys) await store.create(each, record())
    for (const each of keys) await store.touch(each, Date.now() + 2 * hour, 1)
    for (const each of keys) await store.replace(each, { ...record(), payload: 'another', version: 2 }, 1)
    await client.query('SELECT pg_stat_force_next_flush()')
    const counts = 'SELECT n_tup_upd::int AS all, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = $1'
    const { rows } = await client.query(counts, [table])
    expect(rows).toEqual([{ all: 20, hot: 20 }])
    await client.end()
  })
})

describe("B17 beego's table", () => {
  const beego = (table: string, expiry: string): string => `CREATE TABLE ${table} (session_key char(64) NOT NULL,
    session_data bytea, session_expiry ${expiry} NOT NULL, CONSTRAINT ${table}_key PRIMARY KEY (session_key))`

  const cases = storeCases(
    async ({ clock }) => {
      const table = newTable()
      await pool.query(beego(table, 'int'))
      await pool.query(
        `INSERT INTO ${table} VALUES ('0123456789abcdef', 'gob', 1), ('fedcba9876543210', 'gob', 2000000000)`,
      )
      const store = postgresStore({ client: pool, table, clock })
      await store.createTable()
      return store
    },
    { abilities: ['sweep', 'list', 'users'] },
  )
  for (const { title, run } of cases) it(`B17 with a row of its own in it: ${title}`, run)

  it.each(['int', 'timestamp'])(
    'B17 both programs go on with one table, none sees the rows of the other (%s)',
    async (type) => {
      for (const client of [pool, sql, pglite]) {
        const query = async (text: string): Promise<Array<Record<string, unknown>>> => {
          if (client === sql) return sql.unsafe(text)
          return (await (client as typeof pglite).query<Record<string, unknown>>(text)).rows
        }
        const table = newTable()
        const old = type === 'int' ? '1700000000' : "'2023-11-14'"
        await query(beego(table, type))
        await query(`INSERT INTO ${table} VALUES ('0123456789abcdef', 'gob', ${old})`)
        const clock = manualClock()
        const store = postgresStore({ client, table, clock })
        await Promise.all([store.createTable(), store.createTable()])
        await store.createTable()
        await store.create(key, record(clock() + hour))

        expect(await store.count()).toBe(1)
        expect((await store.list({ limit: 10 })).entries.map((entry) => entry.key)).toEqual([key])
        expect(await store.read('0123456789abcdef')).toBeNull()
        await store.sweep(clock(), { limit: 10 })

        // What beego does.
        await query(
          `UPDATE ${table} SET session_data = 'new', session_expiry = ${old} WHERE session_key = '0123456789abcdef'`,
        )
        await query(`INSERT INTO ${table} (session_key, session_data, session_expiry) VALUES ('second', '', ${old})`)
        await expect(
          query(`INSERT INTO ${table} (session_key, session_data, session_expiry) VALUES ('second', '', ${old})`),
        ).rejects.toThrow(/duplicate key/)
        expect(await query(`SELECT session_key FROM ${table} WHERE session_key IS NOT NULL`)).toHaveLength(2)
        await query(`DELETE FROM ${table} WHERE session_expiry < ${type === 'int' ? '1800000000' : "'2025-01-01'"}`)
        expect(await query(`SELECT key FROM ${table}`)).toEqual([{ key }])
        expect(await store.read(key)).toMatchObject({ payload: 'x' })
      }
    },
  )
})
