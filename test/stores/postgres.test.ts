import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import postgres from 'postgres'
import { afterAll, describe, expect, it } from 'vitest'
import { type PostgresStoreOptions, postgresStore } from '../../src/stores/postgres/index.ts'
import { manualClock, storeCases } from '../../src/testing/index.ts'
import { sharedServer } from '../services/address.ts'

type Client = PostgresStoreOptions['client']

const server = await sharedServer('postgres')
const address = { host: server.host, port: server.port, user: 'postgres', database: 'postgres' }
// A statement that waits for a lock where it must not fails soon.
const pool = new pg.Pool({ ...address, max: 10, lock_timeout: 5_000 })
const sql = postgres({ ...address, max: 10 })
const pglite = new PGlite()
const clients: Record<string, Client> = { 'pg Pool': pool, 'postgres.js': sql, PGlite: pglite }
const closing: Array<() => Promise<unknown>> = [() => pool.end(), () => sql.end(), () => pglite.close()]
afterAll(async () => {
  for (const close of closing.toReversed()) await close()
})

let tables = 0
const newTable = (): string => `case_${process.pid}_${tables++}`
const abilities = { abilities: ['sweep', 'list', 'users'] } as const
const hour = 3_600_000
const keyOf = (index: number): string => `key-${index}-aaaaaaaaaaaaaaaa`

async function openStore(client: Client, options: Partial<PostgresStoreOptions> = {}) {
  const store = postgresStore({ client, table: newTable(), ...options })
  await store.createTable()
  return store
}

for (const [title, client] of Object.entries(clients)) {
  describe(`postgresStore fulfils the store contract with ${title}`, () => {
    for (const { title, run } of storeCases(({ clock }) => openStore(client, { clock }), abilities)) it(title, run)
  })
}

interface Sent {
  readonly text: string
  readonly values: readonly unknown[]
  readonly name?: string
  readonly prepare?: boolean
}

/** The client, and all that is sent through it. */
function spied(client: Client): { readonly client: Client; readonly sent: Sent[] } {
  const sent: Sent[] = []
  const note = (call: readonly unknown[]): void => {
    const [first, values, options] = call as [string | Sent, unknown[], { prepare?: boolean }]
    sent.push(typeof first === 'string' ? { text: first, values, ...options } : first)
  }
  const handler: ProxyHandler<object> = {
    get(target, property) {
      const value: unknown = Reflect.get(target, property)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (property === 'query' || property === 'unsafe') note(args)
        return Reflect.apply(value, target, args)
      }
    },
  }
  return { client: new Proxy(client, handler) as Client, sent }
}

describe.each(Object.entries(clients))('postgresStore sends to %s', (_, original) => {
  it('P3 one statement for each operation, also when it is refused, contended or finds nothing', async () => {
    const { client, sent } = spied(original)
    const clock = manualClock()
    const store = await openStore(client, { clock })
    const record = { payload: 'x', version: 1, expiresAt: clock() + hour, userId: 'user-1' }
    const operations: Array<() => unknown> = [
      () => store.create(keyOf(1), record),
      () => store.create(keyOf(1), record),
      () => store.read(keyOf(1)),
      () => store.read(keyOf(2)),
      () => store.replace(keyOf(1), { ...record, version: 2 }, 1),
      () => store.replace(keyOf(1), { ...record, version: 2 }, 1),
      () => store.touch(keyOf(1), clock() + hour, 2),
      () => store.touch(keyOf(2), clock() + hour, 1),
      () => store.keysOf('user-1'),
      () => store.list({ limit: 10 }),
      () => store.count(),
      () => store.sweep(clock(), { limit: 10 }),
      () => store.delete(keyOf(1)),
      () => store.delete(keyOf(1)),
      () => store.createTable(),
    ]
    for (const operation of operations) {
      sent.length = 0
      await operation()
      expect(sent, String(operation)).toHaveLength(1)
    }
  })

  it('SEC-83 values as parameters only: the texts are the same whatever is stored', async () => {
    const { client, sent } = spied(original)
    const table = newTable()
    const store = await openStore(client, { table })
    const use = async (mark: string, version: number): Promise<string[]> => {
      sent.length = 0
      const record = { payload: `payload'${mark}`, version, expiresAt: Date.now() + hour, userId: `user'${mark}` }
      const key = `key-${mark}-aaaaaaaaaaaaa`
      await store.create(key, record)
      await store.read(key)
      await store.replace(key, { ...record, version: version + 1 }, version)
      await store.touch(key, Date.now() + hour, version + 1)
      await store.keysOf(record.userId)
      await store.list({ limit: 7, cursor: key, prefix: `key-${mark}` })
      await store.sweep(Date.now(), { limit: 7 })
      await store.delete(key)
      const texts = sent.map(({ text }) => text)
      expect(texts.filter((text) => text.includes(mark) || text.includes(String(version)))).toEqual([])
      expect(JSON.stringify(sent.map(({ values }) => values))).toContain(mark)
      return texts
    }
    expect(await use('mark1', 987_001)).toEqual(await use('mark2', 123_002))
  })

  it('REL-39 nothing that would route a read to a replica: plain statements, all to the client that was given', async () => {
    const { client, sent } = spied(original)
    const store = await openStore(client)
    sent.length = 0
    await store.create(keyOf(1), { payload: 'x', version: 1, expiresAt: Date.now() + hour })
    for (let version = 1; version <= 20; version++) {
      await store.replace(keyOf(1), { payload: 'x', version: version + 1, expiresAt: Date.now() + hour }, version)
      expect(await store.read(keyOf(1))).toMatchObject({ version: version + 1 })
    }
    expect(sent).toHaveLength(41)
    for (const { text } of sent) expect(text).toMatch(/^(SELECT|INSERT|UPDATE) (?!.*(\/\*|--|READ ONLY|;))/s)
  })
})

describe('postgresStore', () => {
  it('L20 a missing client, or one of another kind, is refused', () => {
    const others = [undefined, null, 'postgres://localhost', 1, {}, [], () => undefined, { query: 'text' }, new Map()]
    const mysql = { query: async () => [[]], execute: async () => [[]], getConnection: async () => undefined }
    const bunSqlite = { query: () => undefined, exec: () => undefined, prepare: () => undefined }
    for (const client of [...others, mysql, bunSqlite]) {
      const refused = expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/client must be/),
      })
      expect(() => postgresStore({ client: client as Client })).toThrow(refused)
    }
  })

  it('takes a connection that a pool lent, and leaves it as it was', async () => {
    const client = await pool.connect()
    try {
      const before = [client.listenerCount('error'), client.listenerCount('end'), client.listenerCount('notice')]
      const store = await openStore(client)
      await store.create(keyOf(1), { payload: 'x', version: 1, expiresAt: Date.now() + hour })
      expect([client.listenerCount('error'), client.listenerCount('end'), client.listenerCount('notice')]).toEqual(
        before,
      )
    } finally {
      client.release()
    }
  })

  it('prepares under names of at most 63 bytes, another for another table, so that stores can share a connection', async () => {
    const client = new pg.Client(address)
    await client.connect()
    closing.push(() => client.end())
    const longest = `a${'b'.repeat(61)}`
    const stores = [
      await openStore(client, { table: `${longest}1` }),
      await openStore(client, { table: `${longest}2` }),
    ]
    for (const [index, store] of stores.entries()) {
      await store.create(keyOf(1), { payload: `store ${index}`, version: 1, expiresAt: Date.now() + hour })
    }
    for (const [index, store] of stores.entries()) {
      expect(await store.read(keyOf(1))).toMatchObject({ payload: `store ${index}` })
    }
    const { rows } = await client.query("SELECT name FROM pg_prepared_statements WHERE name LIKE 'coatcheck%'")
    const names = rows.map(({ name }) => String(name))
    expect(names).toHaveLength(4)
    expect(names.filter((name) => name.length > 63)).toEqual([])
  })

  it('prepares nothing when told so', async () => {
    const client = new pg.Client(address)
    await client.connect()
    const one = postgres({ ...address, max: 1 })
    closing.push(
      () => client.end(),
      () => one.end(),
    )
    const list = "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%FROM %case!_%' ESCAPE '!'"
    for (const [original, count] of [
      [client, async () => (await client.query(list)).rows.length],
      [one, async () => (await one.unsafe(list)).length],
    ] as const) {
      const store = await openStore(original, { prepare: false })
      await store.create(keyOf(1), { payload: 'x', version: 1, expiresAt: Date.now() + hour })
      expect(await store.read(keyOf(1))).toMatchObject({ payload: 'x' })
      expect(await count()).toBe(0)
      const preparing = await openStore(original)
      await preparing.read(keyOf(1))
      expect(await count()).toBe(1)
    }
  })

  it('reads what a client answers that renames columns or has types of its own', async () => {
    const camel = postgres({ ...address, max: 1, transform: postgres.camel, types: { bigint: postgres.BigInt } })
    const types = { getTypeParser: (oid: number) => (oid === 20 ? BigInt : String) }
    const odd = new pg.Pool({ ...address, max: 1, types: types as unknown as pg.CustomTypesConfig })
    closing.push(
      () => camel.end(),
      () => odd.end(),
    )
    for (const client of [camel, odd]) {
      const store = await openStore(client)
      const record = { payload: 'x', version: 1, expiresAt: Date.now() + hour, userId: 'user-1' }
      await store.create(keyOf(1), record)
      expect(await store.read(keyOf(1))).toEqual(record)
      expect(await store.count()).toBe(1)
      expect(await store.sweep(Date.now() + 2 * hour, { limit: 10 })).toBe(1)
    }
  })

  it('lets the error of the database through, without a value of the record in its message', async () => {
    const store = postgresStore({ client: pool, table: newTable() })
    const record = { payload: 'secret payload', version: 1, expiresAt: Date.now() + hour, userId: 'secret user' }
    const error = await Promise.resolve(store.create(keyOf(1), record)).catch((error: unknown) => error)
    expect(error).toMatchObject({ code: '42P01' })
    expect(String(error)).not.toMatch(/secret|key-1/)
  })

  it.each(['\u0001', '\u00010', '\u00011\u0000', '\ufeff\u00012', '\u00012\ufeff', '\ufeff'])(
    'keeps the characters it escapes by: %j',
    async (text) => {
      for (const client of Object.values(clients)) {
        const store = await openStore(client)
        const record = { payload: text, version: 1, expiresAt: Date.now() + hour, userId: text }
        await store.create(keyOf(1), record)
        expect(await store.read(keyOf(1))).toEqual(record)
        expect(await store.keysOf(text)).toEqual([keyOf(1)])
      }
    },
  )
})

describe.each(Object.entries(clients))('postgresStore with %s', (_, client) => {
  it('goes by a clock with fractions of a millisecond, and keeps whole ones, no record shorter than asked', async () => {
    const now = 1_900_000_000_000
    let time = now + 0.25
    const store = await openStore(client, { clock: () => time })
    const record = { payload: 'x', version: 1, expiresAt: now + 1.25, userId: 'user-1' }
    expect(await store.create(keyOf(1), record)).toBe(true)
    expect(await store.read(keyOf(1))).toEqual({ ...record, expiresAt: now + 2 })
    expect(await store.replace(keyOf(1), { ...record, version: 2 }, 1)).toBe(true)
    expect(await store.touch(keyOf(1), now + 2.5, 2)).toBe(true)
    expect(await store.keysOf('user-1')).toEqual([keyOf(1)])
    expect((await store.list({ limit: 10 })).entries).toHaveLength(1)
    expect(await store.count()).toBe(1)
    time = now + 2.75
    expect(await store.read(keyOf(1))).toEqual({ ...record, version: 2, expiresAt: now + 3 })
    expect(await store.sweep(time, { limit: 10 })).toBe(0)
    time = now + 3
    expect(await store.read(keyOf(1))).toBeNull()
    expect(await store.sweep(time + 0.5, { limit: 10 })).toBe(1)
  })

  it('list refuses a cursor that is not one of its own', async () => {
    const store = await openStore(client)
    for (const cursor of ['\0', 'key of', `${keyOf(1)}\n`, 'ž', "'", [keyOf(1)] as unknown as string]) {
      await expect(store.list({ cursor, limit: 10 })).rejects.toThrow(
        new Error('postgresStore: the cursor is not one of its own.'),
      )
    }
    for (const cursor of [keyOf(1), '', null])
      expect(await store.list({ cursor, limit: 10 })).toMatchObject({ entries: [] })
  })
})

describe('postgresStore in a database that sorts and compares as people do', async () => {
  const database = `icu_${process.pid}`
  await pool.query(
    `CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US-u-ks-level1-ka-shifted'`,
  )
  const client = new pg.Pool({ ...address, database, max: 10 })
  closing.push(() => client.end())

  it('is one where plain text sorts otherwise', async () => {
    const { rows } = await client.query(`SELECT 'a' < 'B' AS by_people, 'a' COLLATE "C" < 'B' AS by_bytes`)
    expect(rows).toEqual([{ by_people: true, by_bytes: false }])
  })

  const cases = storeCases(({ clock }) => openStore(client, { clock }), abilities)
  const aboutKeys = cases.filter(({ title }) => /^(SEC-10|keys|list|users)/.test(title))
  for (const { title, run } of aboutKeys) it(`SEC-10 ${title}`, run)
})

describe('postgresStore sweep', () => {
  it('neither waits for nor removes a row that another transaction has locked', async () => {
    const clock = manualClock()
    const table = newTable()
    const store = await openStore(pool, { table, clock })
    for (let index = 0; index < 6; index++) {
      const expiresAt = clock() + (index < 4 ? 1 : hour)
      await store.create(keyOf(index), { payload: 'x', version: 1, expiresAt })
    }
    const other = await pool.connect()
    try {
      await other.query('BEGIN')
      // An expired row and a live one.
      await other.query(`UPDATE ${table} SET version = version + 1 WHERE key IN ($1, $2)`, [keyOf(0), keyOf(5)])
      expect(await store.sweep(clock() + 1, { limit: 100 })).toBe(3)
      await other.query('COMMIT')
      const { rows } = await pool.query(`SELECT key FROM ${table} ORDER BY key`)
      expect(rows.map(({ key }) => key)).toEqual([keyOf(0), keyOf(4), keyOf(5)])
      expect(await store.sweep(clock() + 1, { limit: 100 })).toBe(1)
    } finally {
      await other.query('ROLLBACK')
      other.release()
    }
  })

  it('locks no row that is live: another transaction can have them all while it runs', async () => {
    const clock = manualClock()
    const table = newTable()
    const store = await openStore(pool, { table, clock })
    await store.create(keyOf(0), { payload: 'x', version: 1, expiresAt: clock() + 1 })
    await store.create(keyOf(1), { payload: 'x', version: 1, expiresAt: clock() + hour })
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      expect(await postgresStore({ client, table, clock }).sweep(clock() + 1, { limit: 100 })).toBe(1)
      const { rows } = await pool.query(`SELECT key FROM ${table} FOR UPDATE SKIP LOCKED`)
      expect(rows).toEqual([{ key: keyOf(1) }])
      expect(await store.touch(keyOf(1), clock() + hour, 1)).toBe(true)
    } finally {
      await client.query('ROLLBACK')
      client.release()
    }
  })

  it('reads a large table once, in pieces, however few of its records have expired', async () => {
    const { client, sent } = spied(pool)
    const table = newTable()
    const store = await openStore(client, { table })
    await pool.query(
      `INSERT INTO ${table} (key, version, expires_at, payload) SELECT md5(i::text), 1,
       CASE WHEN i % 20 = 0 THEN 1000 ELSE 3000 END, repeat('x', 1000) FROM generate_series(1, 18000) AS i`,
    )
    sent.length = 0
    const removed: number[] = []
    do removed.push(await store.sweep(1000, { limit: 400 }))
    while (removed.at(-1) === 400)
    expect(removed).toEqual([400, 400, 100])
    // 18,000 rows take 3,000 pages: three pieces, and a fresh start in the piece where a call reached its limit.
    expect(sent).toHaveLength(5)
    expect(sent.map(({ values }) => values.slice(0, 2))).toEqual([
      ['(0,0)', '(1024,0)'],
      ['(1024,0)', '(2048,0)'],
      ['(1024,0)', '(2048,0)'],
      ['(2048,0)', '(3072,0)'],
      ['(2048,0)', '(3072,0)'],
    ])
    const { rows } = await pool.query(`SELECT count(*)::int AS left FROM ${table}`)
    expect(rows).toEqual([{ left: 17_100 }])
  })
})
