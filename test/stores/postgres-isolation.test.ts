import pg from 'pg'
import postgres from 'postgres'
import { afterAll, describe, expect, it } from 'vitest'
import { postgresRun } from '../../src/stores/postgres/client.ts'
import { type PostgresStore, type PostgresStoreOptions, postgresStore } from '../../src/stores/postgres/index.ts'
import { storeCases } from '../../src/testing/index.ts'
import { sharedServer } from '../services/address.ts'

const server = await sharedServer('postgres')
const address = { host: server.host, port: server.port, user: 'postgres', database: 'postgres' }
// Its connections are at `read committed`, whatever the stores are at.
const pool = new pg.Pool({ ...address, max: 10 })
const closing: Array<() => Promise<unknown>> = [() => pool.end()]
afterAll(async () => {
  for (const close of closing.toReversed()) await close()
})

let tables = 0
const newTable = (): string => `isolation_${process.pid}_${tables++}`
const abilities = { abilities: ['sweep', 'list', 'users'] } as const
const hour = 3_600_000
const key = 'key-of-a-record-0123456789'

async function openStore(client: PostgresStoreOptions['client'], options: Partial<PostgresStoreOptions> = {}) {
  const store = postgresStore({ client, table: newTable(), ...options })
  await store.createTable()
  return store
}

describe.each(['repeatable read', 'serializable'])(
  'postgresStore where transactions are %s by default',
  (isolation) => {
    // A blank separates options.
    const quoted = isolation.replace(' ', '\\ ')
    const strict = new pg.Pool({
      ...address,
      max: 10,
      options: `-c default_transaction_isolation=${quoted}`,
    })
    const strictSql = postgres({
      ...address,
      max: 10,
      connection: { options: `-c default_transaction_isolation=${quoted}` },
    })
    closing.push(
      () => strict.end(),
      () => strictSql.end(),
    )

    it.each(Object.entries({ 'pg Pool': strict, 'postgres.js': strictSql }))(
      'with %s, which says so',
      async (_, client) => {
        const { rows } = await postgresRun(client, false)({ text: 'SHOW transaction_isolation' }, [])
        expect(rows).toEqual([[isolation]])
      },
    )

    for (const { title, run } of storeCases(({ clock }) => openStore(strict, { clock }), abilities)) it(title, run)

    const record = { payload: 'x', version: 1, expiresAt: Date.now() + hour }
    const other = { ...record, version: 2 }
    const races = {
      create: (store: PostgresStore) => store.create(key, other),
      replace: (store: PostgresStore) => store.replace(key, other, 1),
      touch: (store: PostgresStore) => store.touch(key, record.expiresAt + 1, 1),
      delete: (store: PostgresStore) => store.delete(key),
    }
    const change = "UPDATE case_table SET payload = 'y' WHERE key = $1"
    const remove = 'DELETE FROM case_table WHERE key = $1'
    const cases = [
      ['replace', change, true],
      ['touch', change, true],
      ['delete', change, undefined],
      ['create', change, false],
      ['replace', remove, false],
      ['touch', remove, false],
      ['delete', remove, undefined],
      ['create', remove, true],
    ] as const

    for (const [title, client] of [
      ['pg Pool', strict],
      ['postgres.js', strictSql],
    ] as const) {
      it.each(cases)(`with ${title}: %s answers as ever when it met %s`, async (operation, text, expected) => {
        const table = newTable()
        const store = await openStore(client, { table })
        // Expired for `create`, which would not wait for a live one.
        await store.create(key, operation === 'create' ? { ...record, expiresAt: 1 } : record)
        const winner = await pool.connect()
        try {
          await winner.query('BEGIN')
          await winner.query(text.replace('case_table', table), [key])
          if (operation === 'create' && text === change) {
            await winner.query(`UPDATE ${table} SET expires_at = $1`, [record.expiresAt])
          }
          const answer = Promise.resolve(races[operation](store))
          await lockWait(table)
          await winner.query('COMMIT')
          expect(await answer).toBe(expected)
        } finally {
          await winner.query('ROLLBACK')
          winner.release()
        }
      })
    }

    it('L19 createTable by many at once makes every index once', async () => {
      for (const client of [strict, strictSql]) {
        const table = newTable()
        const stores = Array.from({ length: 10 }, () => postgresStore({ client, table }))
        await Promise.all(stores.map((store) => store.createTable()))
        const { rows } = await pool.query('SELECT indexname FROM pg_indexes WHERE tablename = $1 ORDER BY 1', [table])
        expect(rows.map(({ indexname }) => indexname)).toEqual([`${table}_pkey`, `${table}_user_id_idx`])
      }
    })

    it('in a transaction of the caller the error comes through, after which nothing else would run', async () => {
      const table = newTable()
      const client = await strict.connect()
      try {
        const store = await openStore(client, { table })
        await store.create(key, record)
        await client.query('BEGIN')
        await store.read(key)
        await pool.query(`UPDATE ${table} SET payload = 'y'`)
        await expect(store.touch(key, record.expiresAt, 1)).rejects.toMatchObject({ code: '40001' })
        await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' })
      } finally {
        await client.query('ROLLBACK')
        client.release()
      }
    })
  },
)

describe('postgresStore repeats a statement that the database gave up for another', () => {
  function losing() {
    const controller = new AbortController()
    let count = 0
    const query = async (): Promise<never> => {
      count += 1
      if (count === 3) controller.abort()
      throw Object.assign(new Error('could not serialize access'), { code: '40001' })
    }
    return { store: postgresStore({ client: { query } }), signal: controller.signal, sent: () => count }
  }

  it('seven times at most', async () => {
    const { store, sent } = losing()
    await expect(store.touch(key, Date.now() + hour, 1)).rejects.toMatchObject({ code: '40001' })
    expect(sent()).toBe(8)
  })

  it('and no more once nobody waits for the answer', async () => {
    const { store, sent, signal } = losing()
    await expect(store.touch(key, Date.now() + hour, 1, { signal })).rejects.toMatchObject({ code: '40001' })
    expect(sent()).toBe(3)
  })
})

/** Until some statement on the table waits for a lock. */
async function lockWait(table: string): Promise<void> {
  const text = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%"${table}"%'`
  while ((await pool.query(text)).rowCount === 0) await new Promise((resolve) => setTimeout(resolve, 5))
}
