import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Closing, Listing, Store, Sweeping, UserIndex } from '../../src/index.ts'
import { couchbaseStore } from '../../src/stores/couchbase/index.ts'
import { fileStore } from '../../src/stores/file/index.ts'
import { memcachedStore } from '../../src/stores/memcached/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { mongodbStore } from '../../src/stores/mongodb/index.ts'
import { mysqlStore } from '../../src/stores/mysql/index.ts'
import { postgresStore } from '../../src/stores/postgres/index.ts'
import { redisStore } from '../../src/stores/redis/index.ts'
import { type SqliteClient, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { has, type PartName } from '../../tools/services.mjs'
import { sharedServer } from '../services/address.ts'
import { couchbaseBucket, couchbaseUrl } from '../services/couchbase.ts'

/** A store with whatever it can do beyond the contract. */
export type AnyStore = Store & Partial<Sweeping & Listing & UserIndex & Closing>

/** A kind of store: opens one with nothing in it. */
export interface Backend {
  /** Absent for a store that runs without a server. */
  readonly server?: PartName
  /** `space` is a name that no other store of the run has. */
  open(clock: () => number, folder: string, space: string): Promise<AnyStore>
  /** What it lacks of listing and sweeping. */
  readonly lacks?: ReadonlyArray<'list' | 'sweep'>
}

const sqlite = process.getBuiltinModule?.('node:sqlite' as 'module') as unknown as
  | { DatabaseSync: new (path: string) => SqliteClient }
  | undefined

/** Connections, made for the first store of a file and ended after its last. */
const connections = new Map<string, { client: unknown; end(): Promise<unknown> }>()

async function connected<Client>(name: string, connect: () => Promise<{ client: Client; end(): Promise<unknown> }>) {
  const present = connections.get(name) ?? (await connect())
  connections.set(name, present)
  return present.client as Client
}

/** Ends all connections. */
export async function disconnect(): Promise<void> {
  await Promise.all([...connections.values()].map((connection) => connection.end()))
  connections.clear()
}

export const backends: Record<string, Backend> = {
  memory: { open: async (clock) => memoryStore({ clock }) },
  file: { open: async (clock, folder) => fileStore({ directory: join(folder, 'sessions'), clock }) },
  // Node 20 has no SQLite: sqlite.test.ts runs these tests on a Node that has one.
  ...(sqlite && {
    sqlite: {
      async open(clock, folder) {
        const client = new sqlite.DatabaseSync(join(mkdtempSync(join(folder, 'sqlite-')), 'sessions.db'))
        const store = sqliteStore({ client, clock })
        await store.createTable()
        return store
      },
    } satisfies Backend,
  }),
  postgres: {
    server: 'postgres',
    async open(clock, _, space) {
      const client = await connected('postgres', async () => {
        const { default: pg } = await import('pg')
        const pool = new pg.Pool({ ...(await sharedServer('postgres')), user: 'postgres', database: 'postgres' })
        return { client: pool, end: () => pool.end() }
      })
      const store = postgresStore({ client, clock, table: space })
      await store.createTable()
      return store
    },
  },
  mysql: {
    server: 'mariadb',
    async open(clock, _, space) {
      const client = await connected('mysql', async () => {
        const { createPool } = await import('mysql2/promise')
        const server = { ...(await sharedServer('mariadb')), user: 'root' }
        const database = `parity_${process.pid}`
        const admin = createPool(server)
        await admin.query(`CREATE DATABASE ${database}`)
        await admin.end()
        const pool = createPool({ ...server, database })
        return { client: pool, end: () => pool.end() }
      })
      const store = mysqlStore({ client, clock, table: space })
      await store.createTable()
      return store
    },
  },
  redis: {
    server: 'redis',
    lacks: ['sweep'],
    async open(clock, _, space) {
      const client = await connected('redis', async () => {
        const { createClient } = await import('redis')
        const { host, port } = await sharedServer('redis')
        const connection = await createClient({ url: `redis://${host}:${port}` }).connect()
        return { client: connection, end: () => connection.close() }
      })
      return redisStore({ client, clock, prefix: `${space}:` })
    },
  },
  memcached: {
    server: 'memcached',
    lacks: ['list', 'sweep'],
    async open(clock, _, space) {
      const client = await connected('memcached', async () => {
        const { MemcacheClient } = await import('memcache-client')
        const { host, port } = await sharedServer('memcached')
        const connection = new MemcacheClient({ server: `${host}:${port}`, noDelay: true })
        return { client: connection, end: async () => connection.shutdown() }
      })
      return memcachedStore({ client, clock, prefix: `${space}:` })
    },
  },
  mongodb: {
    server: 'mongodb',
    async open(clock, _, space) {
      const client = await connected('mongodb', async () => {
        const { MongoClient } = await import('mongodb')
        const { host, port } = await sharedServer('mongodb')
        const connection = await new MongoClient(`mongodb://${host}:${port}`).connect()
        return { client: connection, end: () => connection.close() }
      })
      return mongodbStore({ client, clock, database: 'parity', collection: space })
    },
  },
  couchbase: {
    server: 'couchbase',
    lacks: ['list', 'sweep'],
    async open(clock, _, space) {
      const client = await connected('couchbase', async () => {
        const { connect } = await import('couchbase')
        const url = await couchbaseUrl(await sharedServer('couchbase'))
        const cluster = await connect(url, { username: couchbaseBucket, password: '' })
        return { client: cluster.bucket(couchbaseBucket).defaultCollection(), end: () => cluster.close() }
      })
      return couchbaseStore({ client, clock, prefix: `${space}:` })
    },
  },
}

/** The kinds that are tested here and now. `COATCHECK_STORES` names some of them; others run elsewhere. */
export function backendNames(): string[] {
  const chosen = process.env['COATCHECK_STORES']?.split(',')
  return Object.keys(backends).filter((name) => chosen === undefined || chosen.includes(name))
}

/** Whether the server of this kind can be started here. */
export function isAvailable({ server }: Backend): boolean {
  return server === undefined || has(server)
}
