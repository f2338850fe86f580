import { createConnection, createPool, type Pool } from 'mysql2/promise'
import { afterAll, describe, expect, it } from 'vitest'
import { type MysqlStore, mysqlStore } from '../../src/stores/mysql/index.ts'
import { sharedServer } from '../services/address.ts'

const { host, port } = await sharedServer('mariadb')
const database = `mysql_sessions_${process.pid}`
const access = { host, port, user: 'root', database, connectionLimit: 4 }
const admin = await createConnection({ host, port, user: 'root' })
await admin.query(`CREATE DATABASE ${database}`)
const pool = createPool(access)
const pools: Pool[] = [pool]
afterAll(async () => {
  await Promise.all(pools.map((each) => each.end()))
  await admin.query(`DROP DATABASE ${database}`)
  await admin.end()
})

let tables = 0
const now = 1_900_000_000_000
const clock = () => now
const keyOf = (index: number) => `key-of-record-number-${index}`
const record = { payload: 'payload', version: 1, expiresAt: now + 1000 }

async function newStore(client: Pool = pool): Promise<{ store: MysqlStore; table: string }> {
  const table = `t${tables++}`
  const store = mysqlStore({ client, table, clock })
  await store.createTable()
  return { store, table }
}

/** A pool whose sessions are set up otherwise. */
function poolWith(statement: string): Pool {
  const made = createPool(access)
  made.pool.on('connection', (connection) => connection.query(statement))
  pools.push(made)
  return made
}

describe('mysqlStore in sessions that are set up otherwise', () => {
  it('tells the caller of a deadlock in its own transaction, which is gone with it', async () => {
    const { store, table } = await newStore()
    for (const index of [1, 2]) await store.create(keyOf(index), record)
    await pool.query('CREATE TABLE orders (id INT PRIMARY KEY) ENGINE=InnoDB')
    const [a, b] = [await createConnection(access), await createConnection(access)]
    const inA = mysqlStore({ client: a, table, clock })
    await a.beginTransaction()
    await b.beginTransaction()
    await a.query('INSERT INTO orders VALUES (1)')
    await inA.touch(keyOf(1), now + 2000, 1)
    // The server undoes the transaction that has written less: a's.
    await b.query(`UPDATE ${table} SET version = 5 WHERE \`key\` = '${keyOf(2)}'`)
    const rows = Array.from({ length: 50 }, (_, index) => `('fill-${index}', 'x', 1, 1)`).join()
    await b.query(`INSERT INTO ${table} (\`key\`, payload, version, expires_at) VALUES ${rows}`)
    const blocked = Promise.resolve(inA.touch(keyOf(2), now + 2000, 1)).then(
      (touched) => ({ touched }),
      ({ errno }) => ({ errno }),
    )
    await waitsForLock()
    await b.query(`UPDATE ${table} SET version = 6 WHERE \`key\` = '${keyOf(1)}'`)
    await b.commit()
    expect(await blocked).toEqual({ errno: 1213 })
    await Promise.all([a.end(), b.end()])
  })

  it('a sweep ends where reads are older than what it removes', async () => {
    const { store, table } = await newStore()
    for (let index = 0; index < 120; index++) await store.create(keyOf(index), { ...record, expiresAt: now - 5 })
    const connection = await createConnection(access)
    await connection.beginTransaction()
    await connection.query(`SELECT count(*) FROM ${table}`)
    expect(await store.sweep(now, { limit: 1000 })).toBe(120)
    expect(await mysqlStore({ client: connection, table, clock }).sweep(now, { limit: 1000 })).toBe(0)
    await connection.end()
  })

  it('lists where an empty text is null', async () => {
    const { store } = await newStore(poolWith("SET SESSION sql_mode = 'EMPTY_STRING_IS_NULL'"))
    await store.create(keyOf(1), record)
    expect((await store.list({ limit: 10 })).entries).toHaveLength(1)
  })

  it('finds all sessions of a user whatever the limit of rows is', async () => {
    const { store } = await newStore(poolWith('SET SESSION sql_select_limit = 2'))
    for (let index = 0; index < 5; index++) await store.create(keyOf(index), { ...record, userId: 'user-1' })
    expect(await store.keysOf('user-1')).toHaveLength(5)
  })

  it('createTable refuses a client whose writes would not last', async () => {
    await expect(newStore(poolWith('SET SESSION autocommit = 0'))).rejects.toThrow('autocommit')
  })
})

async function waitsForLock(): Promise<void> {
  for (;;) {
    const [rows] = await admin.query("SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
    if ((rows as unknown[]).length > 0) return
    // The table is made anew only when it was not read for a tenth of a second.
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
