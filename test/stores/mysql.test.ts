import { createPool as createCallbackPool } from 'mysql2'
import { createConnection, createPool, type Pool, type PoolOptions, type RowDataPacket } from 'mysql2/promise'
import { afterAll, describe, expect, it } from 'vitest'
import { type MysqlClient, type MysqlStore, type MysqlStoreOptions, mysqlStore } from '../../src/stores/mysql/index.ts'
import { storeCases } from '../../src/testing/index.ts'
import { sharedServer } from '../services/address.ts'

const { host, port } = await sharedServer('mariadb')
const database = `mysql_store_${process.pid}`
const access: PoolOptions = { host, port, user: 'root', database, connectionLimit: 10 }
const admin = await createConnection({ host, port, user: 'root' })
await admin.query(`CREATE DATABASE ${database}`)
const pool = createPool(access)

/** Whatever may change what statements mean or answers look like. */
const awkward = createPool({
  ...access,
  flags: ['-FOUND_ROWS'],
  charset: 'LATIN1_SWEDISH_CI',
  supportBigNumbers: true,
  bigNumberStrings: true,
  nestTables: '_',
  namedPlaceholders: true,
  typeCast: (field) => field.string()?.toUpperCase(),
})
awkward.pool.on('connection', (connection) => {
  connection.query("SET SESSION sql_mode = 'ANSI,SIMULTANEOUS_ASSIGNMENT', tx_isolation = 'SERIALIZABLE'")
})

afterAll(async () => {
  await admin.query(`DROP DATABASE ${database}`)
  await Promise.all([pool.end(), awkward.end(), admin.end()])
})

const abilities = ['sweep', 'list', 'users'] as const
const now = 1_900_000_000_000
const clock = () => now
const record = { payload: 'payload', version: 1, expiresAt: now + 1000 }
const key = 'key-of-a-record-0123456789'

let tables = 0
const newTable = () => `t${tables++}`

async function newStore(options: Partial<MysqlStoreOptions> = {}): Promise<MysqlStore> {
  const store = mysqlStore({ client: pool, table: newTable(), clock, ...options })
  await store.createTable()
  return store
}

async function rowsOf(text: string, client: Pick<Pool, 'query'> = pool): Promise<RowDataPacket[]> {
  const [rows] = await client.query<RowDataPacket[]>(text)
  return rows
}

describe('mysqlStore fulfils the store contract', () => {
  for (const { title, run } of storeCases(({ clock }) => newStore({ clock }), { abilities })) it(title, run)
})

describe('mysqlStore fulfils the store contract with a client that is set up otherwise', () => {
  const cases = storeCases(({ clock }) => newStore({ client: awkward, clock }), { abilities })
  for (const { title, run } of cases) it(title, run)

  it('and is', async () => {
    await pool.query('CREATE TABLE flags (a INT)')
    await pool.query('INSERT INTO flags VALUES (1)')
    const found: unknown[] = []
    for (const client of [pool, awkward]) {
      const [header] = await client.query('UPDATE flags SET a = 1')
      found.push((header as { affectedRows: unknown }).affectedRows)
    }
    expect(found.map(Number)).toEqual([1, 0])
    expect(await rowsOf('SELECT @@sql_mode AS mode', awkward)).toEqual([
      { _mode: expect.stringMatching(/^(?!.*STRICT).*SIMULTANEOUS/) },
    ])
  })
})

describe('mysqlStore', () => {
  it('takes a pool with callbacks and a single connection', async () => {
    const callbacks = createCallbackPool(access)
    const single = await createConnection(access)
    try {
      for (const client of [callbacks, single]) {
        const store = await newStore({ client })
        expect(await store.create(key, record)).toBe(true)
        expect(await store.read(key)).toEqual(record)
      }
    } finally {
      callbacks.end()
      await single.end()
    }
  })

  it('SEC-83 refuses a table or schema that is no plain name, and quotes one that is', async () => {
    const hostile = ['', ' ', 'a b', 'a`b', 'a.b', '1a', 'ž', 'a'.repeat(64), 'a;DROP TABLE a', '`a`', 'a\0', 'a-b']
    for (const name of hostile) {
      for (const option of ['table', 'schema']) {
        expect(() => mysqlStore({ client: pool, [option]: name })).toThrow(
          expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(`${option} must be`) }),
        )
      }
    }
    const store = await newStore({ table: 'select' })
    expect(await store.create(key, record)).toBe(true)
    expect(await store.sweep(now, { limit: 1 })).toBe(0)
    expect(await rowsOf('SELECT count(*) AS total FROM `select`')).toEqual([{ total: 1 }])
  })

  it('SEC-83 sends values beside the statement', async () => {
    const store = await newStore()
    const hostile = `' OR 1=1; DROP TABLE x; -- \\' \u0000 ?`
    expect(await store.create(key, { ...record, payload: hostile, userId: hostile })).toBe(true)
    expect(await store.create(`${key}-2`, { ...record, userId: 'other' })).toBe(true)
    expect(await store.read(key)).toEqual({ ...record, payload: hostile, userId: hostile })
    expect(await store.keysOf(hostile)).toEqual([key])
    expect(await store.read(`' OR '1'='1`)).toBeNull()
    await store.delete(`' OR '1'='1`)
    expect(await store.count()).toBe(2)
  })

  it('SEC-10 compares keys byte for byte', async () => {
    const store = await newStore()
    await store.create('Key-of-a-record-a', record)
    for (const other of ['key-of-a-record-a', 'Key-of-a-record-A', 'Key-of-a-record-a ', 'Key-of-a-record-á']) {
      expect(await store.read(other)).toBeNull()
      expect(await store.touch(other, now + 5, 1)).toBe(false)
      await store.delete(other)
    }
    expect(await store.read('Key-of-a-record-a')).toEqual(record)
  })

  it('keeps users apart whose ids are long and begin alike, also without the strict mode', async () => {
    const store = await newStore({ client: awkward })
    const ids = ['a', 'b'].map((last) => 'ž'.repeat(3000) + last)
    for (const [index, userId] of ids.entries()) await store.create(`${key}-${index}`, { ...record, userId })
    for (const [index, userId] of ids.entries()) expect(await store.keysOf(userId)).toEqual([`${key}-${index}`])
  })

  it('keeps a payload of 4 MB', async () => {
    const store = await newStore()
    const payload = 'ž😀'.repeat(700_000)
    expect(await store.create(key, { ...record, payload })).toBe(true)
    expect((await store.read(key))?.payload === payload).toBe(true)
  })

  it('touch to the deadline that a record has, and a refused create that would change nothing, are told apart', async () => {
    for (const client of [pool, awkward]) {
      const store = await newStore({ client })
      expect(await store.create(key, record)).toBe(true)
      expect(await store.touch(key, record.expiresAt, 1)).toBe(true)
      expect(await store.create(key, record)).toBe(false)
      expect(await store.touch(`${key}-2`, record.expiresAt, 1)).toBe(false)
    }
  })

  it('L20 refuses what is no client, at construction', () => {
    for (const client of [undefined, null, {}, '', 'mysql://localhost/db', { execute: true }, { query: fetch }]) {
      expect(() => mysqlStore({ client: client as unknown as MysqlStoreOptions['client'] })).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('client must be') }),
      )
    }
  })

  it('L19 createTable makes the configured table in the configured schema, and keeps what is in it', async () => {
    const other = `${database}_other`
    await admin.query(`CREATE DATABASE ${other}`)
    try {
      const store = await newStore({ schema: other, table: 'visits' })
      await store.create(key, record)
      await store.createTable()
      expect(await store.read(key)).toEqual(record)
      await store.sweep(record.expiresAt, { limit: 10 })
      expect(await store.count()).toBe(0)
      expect(await rowsOf(`SHOW TABLES FROM ${other}`)).toHaveLength(1)
      expect(await rowsOf("SHOW TABLES LIKE 'visits'")).toEqual([])
    } finally {
      await admin.query(`DROP DATABASE ${other}`)
    }
  })

  it('L19 the default table is coatcheck_sessions, in InnoDB', async () => {
    await mysqlStore({ client: pool }).createTable()
    expect(await rowsOf("SHOW TABLE STATUS LIKE 'coatcheck_sessions'")).toMatchObject([{ Engine: 'InnoDB' }])
  })

  it('L19 createTable refuses a table that holds something else', async () => {
    await pool.query('CREATE TABLE something_else (id INT)')
    await expect(newStore({ table: 'something_else' })).rejects.toThrow('holds something else')
  })

  it('REL-26 many processes create the table at once', async () => {
    for (let round = 0; round < 5; round++) {
      const table = newTable()
      const stores = await Promise.all(Array.from({ length: 10 }, () => newStore({ table })))
      const created = await Promise.all(stores.map((store) => store.create(key, record)))
      expect(created.filter((done) => done)).toHaveLength(1)
    }
  })

  it('P3 every operation is one statement, which is prepared once', async () => {
    const single = await createConnection(access)
    try {
      const store = await newStore({ client: single })
      const status = async (name: string) =>
        Number((await rowsOf(`SHOW SESSION STATUS LIKE '${name}'`, single))[0]?.['Value'])
      const operations: Array<() => unknown> = [
        () => store.create(key, { ...record, userId: 'user-1' }),
        () => store.create(key, record),
        () => store.read(key),
        () => store.replace(key, { ...record, version: 2 }, 1),
        () => store.touch(key, record.expiresAt + 1, 2),
        () => store.count(),
        () => store.keysOf('user-1'),
        () => store.list({ limit: 10 }),
        () => store.delete(key),
      ]
      for (const operation of operations) await operation()
      const prepared = await status('Com_stmt_prepare')
      const statements: number[] = []
      for (const operation of operations) {
        const before = await status('Questions')
        await operation()
        // The second look is a statement, too.
        statements.push((await status('Questions')) - before - 1)
      }
      expect(statements).toEqual(operations.map(() => 1))
      expect(await status('Com_stmt_prepare')).toBe(prepared)
    } finally {
      await single.end()
    }
  })

  it('sweep neither waits for nor touches live rows', async () => {
    const table = newTable()
    const impatient = createPool(access)
    impatient.pool.on('connection', (connection) => {
      connection.query('SET SESSION innodb_lock_wait_timeout = 1')
    })
    const store = await newStore({ client: impatient, table })
    for (let index = 0; index < 40; index++) {
      await store.create(`${key}-${index}`, { ...record, expiresAt: now + (index % 2 === 0 ? 1000 : 2000) })
    }
    const holder = await pool.getConnection()
    try {
      await holder.beginTransaction()
      for (let index = 1; index < 40; index += 2) {
        await holder.query(`SELECT * FROM ${table} WHERE \`key\` = '${key}-${index}' FOR UPDATE`)
      }
      expect(await store.sweep(now + 1000, { limit: 100 })).toBe(20)
    } finally {
      await holder.rollback()
      holder.release()
      await impatient.end()
    }
  })

  it('finds the rows that it writes by their keys only, lest the order of locks differ', async () => {
    const plans: unknown[] = []
    const client: MysqlClient = {
      async execute(statement, values) {
        if (/^(UPDATE|DELETE)/.test(statement.sql)) {
          const [rows] = await pool.execute<RowDataPacket[]>(`EXPLAIN ${statement.sql}`, values)
          plans.push(rows.map(({ possible_keys }) => possible_keys))
        }
        return pool.execute(statement, values)
      },
    }
    const store = await newStore({ client })
    for (let index = 0; index < 10; index++) await store.create(`${key}-${index}`, record)
    await store.replace(`${key}-0`, { ...record, version: 2 }, 1)
    await store.touch(`${key}-0`, now + 2000, 2)
    await store.delete(`${key}-0`)
    await store.sweep(now + 3000, { limit: 5 })
    expect(plans).toEqual([['PRIMARY'], ['PRIMARY'], ['PRIMARY'], ['PRIMARY']])
  })

  it('ends in no deadlock, whatever overlaps', async () => {
    const errors: unknown[] = []
    const client: MysqlClient = {
      execute: (...call) =>
        pool.execute(...call).catch((error) => {
          errors.push(error)
          throw error
        }),
    }
    let time = now
    const store = await newStore({ client, clock: () => time })
    const until = performance.now() + 1500
    // Keys are random, so no two requests create the same.
    const keys = Array.from({ length: 12 }, (_, index) => `${key}-${index}`)
    let created = 0
    let removed = 0
    const worker = async (seed: number): Promise<void> => {
      for (let step = seed; performance.now() < until; step += 7) {
        const at = (step * 5) % keys.length
        const key = keys[at] ?? ''
        const next = { ...record, version: 2, expiresAt: time + (step % 3) * 10, userId: `user-${step % 4}` }
        if (step % 4 === 0) await store.touch(key, next.expiresAt, 1)
        else if (step % 4 === 1) await store.delete(key)
        else if (step % 4 === 2) await store.replace(key, next, 1)
        else {
          keys[at] = `${key.slice(0, 40)}-${step}`
          if (await store.create(keys[at], { ...next, version: 1 })) created += 1
        }
        time += 1
      }
    }
    const sweeper = async (): Promise<void> => {
      while (performance.now() < until) removed += await store.sweep(time, { limit: 5 })
    }
    await Promise.all([...Array.from({ length: 7 }, (_, seed) => worker(seed)), sweeper(), sweeper()])
    expect(errors).toEqual([])
    // Else nothing was shown.
    expect(created).toBeGreaterThan(50)
    expect(removed).toBeGreaterThan(10)
  })

  it('tries a statement again that the server gave up to end a deadlock', async () => {
    const table = newTable()
    const seen: unknown[] = []
    // By `getConnection` the store knows a pool.
    const client: MysqlClient & { getConnection: unknown } = {
      getConnection: pool.getConnection,
      execute: (...call) =>
        pool.execute(...call).catch((error) => {
          seen.push(error.code)
          throw error
        }),
    }
    const store = await newStore({ client, table })
    await store.create(key, record)
    await pool.query('CREATE TABLE weight (a INT) ENGINE=InnoDB')
    const other = await createConnection(access)
    try {
      await other.beginTransaction()
      // The server gives up the transaction that has changed less. This one also holds an entry of the index.
      await other.query(`INSERT INTO weight VALUES ${Array.from({ length: 50 }, () => '(1)').join()}`)
      await other.query(
        `SELECT \`key\` FROM ${table} FORCE INDEX (expires_at) WHERE expires_at = ${record.expiresAt} LOCK IN SHARE MODE`,
      )
      const touched = store.touch(key, now + 3000, 1)
      // The server looks again when 100 ms have passed since the last question.
      const waits = `SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_query LIKE '%${table}%'`
      while ((await rowsOf(waits)).length === 0) await new Promise((resolve) => setTimeout(resolve, 150))
      await other.query(`UPDATE ${table} SET version = version WHERE \`key\` = '${key}'`)
      await other.commit()
      expect(await touched).toBe(true)
      expect(seen).toEqual(['ER_LOCK_DEADLOCK'])
    } finally {
      await other.end()
    }
  })
})

describe('mysqlStore on a table of beego', () => {
  /** As beego's documentation tells to make it. */
  const layout = `(session_key char(64) NOT NULL, session_data blob, session_expiry int(11) unsigned NOT NULL,
PRIMARY KEY (session_key)) ENGINE=MyISAM DEFAULT CHARSET=utf8`

  it('B17 createTable makes an existing table of beego usable, and beego can go on with it', async () => {
    const table = 'session'
    await pool.query(`CREATE TABLE ${table} ${layout}`)
    await pool.query(
      `INSERT INTO ${table} (session_key, session_data, session_expiry) VALUES ('a', 'x', 5), ('b', 'y', 9)`,
    )
    const stores = await Promise.all([1, 2, 3].map(() => newStore({ table })))
    const [store] = stores as [MysqlStore]
    expect(await store.count()).toBe(0)
    expect(await store.create(key, { ...record, userId: 'user-1' })).toBe(true)
    expect(await store.create(`${key}-2`, record)).toBe(true)
    // What beego does: it begins a session, saves it, gives it another id, collects the expired ones.
    await pool.query(`INSERT INTO ${table} (session_key, session_data, session_expiry) VALUES ('c', '', 7)`)
    await pool.query(`UPDATE ${table} SET session_data = 'z', session_expiry = 8 WHERE session_key = 'c'`)
    await pool.query(`UPDATE ${table} SET session_key = 'd' WHERE session_key = 'c'`)
    await pool.query(`INSERT INTO ${table} (session_key, session_data, session_expiry) VALUES ('c', '', 4000000000)`)
    await pool.query(`DELETE FROM ${table} WHERE session_expiry < 8`)
    expect(await rowsOf(`SELECT session_key FROM ${table} WHERE expires_at IS NULL ORDER BY 1`)).toEqual(
      ['b', 'c', 'd'].map((session_key) => ({ session_key })),
    )
    expect(await store.read(key)).toEqual({ ...record, userId: 'user-1' })
    expect((await store.list({ limit: 10 })).entries).toHaveLength(2)
    await store.createTable()
    expect(await store.sweep(record.expiresAt, { limit: 10 })).toBe(2)
    expect(await rowsOf(`SELECT session_key FROM ${table}`)).toHaveLength(3)
  })

  const cases = storeCases(
    async ({ clock }) => {
      const table = newTable()
      await pool.query(`CREATE TABLE ${table} ${layout}`)
      await pool.query(`INSERT INTO ${table} VALUES ('a', 'x', 5)`)
      return newStore({ table, clock })
    },
    { abilities },
  )
  for (const { title, run } of cases) it(`B17 ${title}`, run)
})
