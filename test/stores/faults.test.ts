import { PGlite } from '@electric-sql/pglite'
import { connect } from 'couchbase'
import { Redis } from 'ioredis'
import { MemcacheClient } from 'memcache-client'
import { MongoClient, MongoServerError } from 'mongodb'
import { createConnection, createPool } from 'mysql2/promise'
import pg from 'pg'
import postgres from 'postgres'
import { createClient } from 'redis'
import { afterAll, describe, expect, it } from 'vitest'
import type { Store, UserIndex } from '../../src/contract/store.ts'
import { type CouchbaseClient, couchbaseStore } from '../../src/stores/couchbase/index.ts'
import { memcachedStore } from '../../src/stores/memcached/index.ts'
import { mongodbStore } from '../../src/stores/mongodb/index.ts'
import { mysqlStore } from '../../src/stores/mysql/index.ts'
import { type PostgresStoreOptions, postgresStore } from '../../src/stores/postgres/index.ts'
import { type RedisClient, redisStore } from '../../src/stores/redis/index.ts'
import { errorOf, everythingOf } from '../fixtures/everything-of.ts'
import { sharedServer } from '../services/address.ts'
import { couchbaseBucket, couchbaseUrl } from '../services/couchbase.ts'

const key = 'KEY-of-a-record-that-no-error-may-ever-show'
const record = {
  payload: '{"PAYLOAD":"that is \\"secret\\" and longer than what a server quotes of a value, 64 characters"}',
  version: 1,
  expiresAt: Date.now() + 3_600_000,
  userId: 'USER-of-the-record',
}
const changed = { ...record, version: 2, payload: `${record.payload} ` }
const closing: Array<() => unknown> = []
afterAll(async () => {
  for (const close of closing.toReversed()) await close()
})

/** The operations that name a record, each of which has to fail. */
const operations = (store: Store) => ({
  read: () => store.read(key),
  create: () => store.create(key, record),
  replace: () => store.replace(key, changed, 1),
  touch: () => store.touch(key, record.expiresAt + 1000, 1),
  delete: () => store.delete(key),
  keysOf: () => (store as Store & Partial<UserIndex>).keysOf?.(record.userId),
})
type Name = keyof ReturnType<typeof operations>

/** The store, each operation of which is made again until it fails. */
function untilItFails<Kind extends Store>(store: Kind): Kind {
  const again = (operation: unknown) =>
    typeof operation === 'function'
      ? async (...given: unknown[]) => {
          for (let attempts = 0; attempts < 1000; attempts++) await Reflect.apply(operation, store, given)
        }
      : operation
  return Object.fromEntries(
    Object.entries(store).map(([name, member]: [string, unknown]) => [name, again(member)]),
  ) as unknown as Kind
}

/** Lets each fail, and looks at all that could be printed of its error. */
async function failDiscreetly(store: Store, names: readonly Name[], reason: RegExp | string): Promise<void> {
  for (const name of names) {
    const error = await errorOf(operations(store)[name])
    const said = everythingOf(error)
    expect(String(error), name).toMatch(reason)
    expect(said, name).not.toMatch(/KEY-of|PAYLOAD|USER-of/)
  }
}

describe('SEC-86 an error of a client shows no key, payload or user', () => {
  const writes = ['create', 'replace', 'touch'] as const
  const refused = /violates check constraint "never"/

  it.each(['pg', 'postgres', 'PGlite'])('of %s, which shows the row and the parameters', async (name) => {
    const table = `faults_${name.toLowerCase()}`
    const { client, run } = await postgresClients[name as keyof typeof postgresClients]()
    const store = postgresStore({ client, table })
    await run(`DROP TABLE IF EXISTS ${table}`)
    await store.createTable()
    await store.create(key, record)
    await run(`ALTER TABLE ${table} ADD CONSTRAINT never CHECK (expires_at < 0) NOT VALID`)
    await failDiscreetly(store, writes, refused)
    expect(await errorOf(() => store.touch(key, record.expiresAt, 1))).toMatchObject({
      code: '23514',
      severity: 'ERROR',
    })
    await run(`DROP TABLE ${table}`)
    await failDiscreetly(store, ['read', ...writes, 'delete', 'keysOf'], 'does not exist')
  })

  it('of mysql2, which shows the value that is there already', async () => {
    const { host, port } = await sharedServer('mariadb')
    const database = `faults_${process.pid}`
    const admin = await createConnection({ host, port, user: 'root' })
    await admin.query(`CREATE DATABASE ${database}`)
    const pool = createPool({ host, port, user: 'root', database })
    closing.push(
      () => pool.end(),
      async () => {
        await admin.query(`DROP DATABASE ${database}`)
        await admin.end()
      },
    )
    const store = mysqlStore({ client: pool, table: 't' })
    await store.createTable()
    await store.create(key, record)
    await store.create('another-key-of-a-record', changed)
    await pool.query('ALTER TABLE t ADD UNIQUE INDEX (payload(200))')
    await failDiscreetly(store, ['replace'], 'Duplicate entry')
    expect(await errorOf(operations(store).replace)).toMatchObject({ errno: 1062, sqlState: '23000' })
    await pool.query('DROP TABLE t')
    await failDiscreetly(store, ['read', ...writes, 'delete', 'keysOf'], "doesn't exist")
  })

  it.each(['redis', 'ioredis'])('of %s, which may show the command', async (name) => {
    const { host, port } = await sharedServer('redis')
    const prefix = `faults-${name}:`
    const admin = new Redis(port, host)
    await admin.call('ACL', 'SETUSER', `${prefix}user`, 'on', '>secret', '~other:*', '+@all')
    const login = { username: `${prefix}user`, password: 'secret' }
    const client: RedisClient =
      name === 'redis'
        ? await createClient({ socket: { host, port }, ...login }).connect()
        : new Redis(port, host, { ...login, autoResendUnfulfilledCommands: false })
    closing.push(
      () => admin.disconnect(),
      () => ('destroy' in client && typeof client.destroy === 'function' ? client.destroy() : undefined),
    )
    const store = redisStore({ client, prefix })
    await failDiscreetly(store, ['read', ...writes, 'delete', 'keysOf'], 'NOPERM')
    await admin.call('ACL', 'SETUSER', `${prefix}user`, `~${prefix}u*`)
    await admin.zadd(`${prefix}u=${record.userId}`, Date.now() + 1e8, key)
    await failDiscreetly(store, ['keysOf'], 'NOPERM')
  })

  it('of mongodb, which shows the value that is there already', async () => {
    const { host, port } = await sharedServer('mongodb')
    const client = new MongoClient(`mongodb://${host}:${port}/faults_${process.pid}`)
    closing.push(() => client.close())
    const store = mongodbStore({ client, collection: 'c' })
    await store.create(key, record)
    await store.create('another-key-of-a-record', changed)
    await client.db().collection('c').createIndex({ payload: 1 }, { unique: true })
    await failDiscreetly(store, ['replace'], 'E11000')
    const error = await errorOf(operations(store).replace)
    expect(error).toBeInstanceOf(MongoServerError)
    expect(error).toMatchObject({ code: 11000, codeName: 'DuplicateKey' })
    expect((error as MongoServerError).hasErrorLabel('RetryableWriteError')).toBe(false)
  })

  it('of memcache-client', async () => {
    const { host, port } = await sharedServer('memcached')
    const client = new MemcacheClient({ server: `${host}:${port}` })
    closing.push(() => client.shutdown())
    const store = memcachedStore({ client, prefix: 'faults:' })
    const large = { ...record, payload: record.payload.repeat(20_000) }
    const error = await errorOf(() => store.create(key, large))
    expect(String(error)).toContain('object too large')
    expect(everythingOf(error)).not.toMatch(/KEY-of|PAYLOAD|USER-of/)
  })

  it('of couchbase, which shows the id of the document', async () => {
    const login = { username: couchbaseBucket, password: '' }
    const cluster = await connect(await couchbaseUrl(await sharedServer('couchbase')), login)
    closing.push(() => cluster.close())
    const collection = cluster.bucket(couchbaseBucket).defaultCollection()
    const prefix = `faults-${process.pid}:`
    const sound = couchbaseStore({ client: collection, prefix })
    await sound.create(key, record)
    // Hardly ever an answer comes so soon.
    const hasty = (names: readonly string[]): CouchbaseClient => ({
      get: (id, options) => collection.get(id, names.includes('get') ? { ...options, timeout: 0.001 } : options),
      insert: (id, content, options) => collection.insert(id, content, { ...options, timeout: 0.001 }),
      replace: (id, content, options) => collection.replace(id, content, { ...options, timeout: 0.001 }),
      remove: (id, options) => collection.remove(id, { ...options, timeout: 0.001 }),
    })
    const all = untilItFails(couchbaseStore({ client: hasty(['get']), prefix }))
    await failDiscreetly(all, ['read', ...writes, 'delete', 'keysOf'], 'timeout')
    // A write may have been done after its timeout: the version is the first again.
    await sound.delete(key)
    await sound.create(key, record)
    await failDiscreetly(untilItFails(couchbaseStore({ client: hasty([]), prefix })), ['touch'], 'timeout')
    expect(await errorOf(operations(all).read)).toMatchObject({ name: 'UnambiguousTimeoutError', cause: { code: 14 } })
  })
})

interface PostgresKind {
  readonly client: PostgresStoreOptions['client']
  run(text: string): PromiseLike<unknown>
}

const postgresClients = {
  async pg(): Promise<PostgresKind> {
    const pool = new pg.Pool(await postgresAddress())
    closing.push(() => pool.end())
    return { client: pool, run: (text) => pool.query(text) }
  },
  async postgres(): Promise<PostgresKind> {
    const sql = postgres({ ...(await postgresAddress()), onnotice: () => undefined })
    closing.push(() => sql.end())
    return { client: sql, run: (text) => sql.unsafe(text) }
  },
  async PGlite(): Promise<PostgresKind> {
    const lite = new PGlite()
    closing.push(() => lite.close())
    return { client: lite, run: (text) => lite.exec(text) }
  },
}

async function postgresAddress() {
  const { host, port } = await sharedServer('postgres')
  return { host, port, user: 'postgres', database: 'postgres' }
}
