import type { Store } from 'coatcheck'
import { couchbaseStore } from 'coatcheck/stores/couchbase'
import { memcachedStore } from 'coatcheck/stores/memcached'
import { mongodbStore } from 'coatcheck/stores/mongodb'
import { mysqlStore } from 'coatcheck/stores/mysql'
import { postgresStore } from 'coatcheck/stores/postgres'
import { redisStore } from 'coatcheck/stores/redis'
import { connect } from 'couchbase'
import { Redis } from 'ioredis'
import { MemcacheClient } from 'memcache-client'
import { MongoClient } from 'mongodb'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import postgresJs from 'postgres'
import { createClient } from 'redis'
import { couchbaseBucket, couchbaseUrl, startCouchbase, watchedCollection } from '../../test/services/couchbase.ts'
import { startMariadb } from '../../test/services/mariadb.ts'
import { startMemcached } from '../../test/services/memcached.ts'
import { startMongodb } from '../../test/services/mongodb.ts'
import { startPostgres } from '../../test/services/postgres.ts'
import type { Server } from '../../test/services/process.ts'
import { startRedis } from '../../test/services/redis.ts'
import { memcached, mongodb, mysql, type Protocol, postgres, redis } from './protocols.ts'
import { wireTo } from './wire.ts'

/** A store on its server, and what is said between them. */
export interface Counted {
  readonly store: Store
  /** The commands since the last call. */
  taken(): string[]
  close(): Promise<void>
}

type Clock = () => number
type Opened = { readonly store: Store; end(): unknown }

/** Each backend by its name, with the client it is used by. */
export const backends: Record<string, (clock: Clock) => Promise<Counted>> = {
  'redis (redis)': (clock) =>
    counted(startRedis, redis, async (port) => {
      const client = await createClient({ socket: { port } }).connect()
      return { store: redisStore({ client, clock }), end: () => client.destroy() }
    }),

  'redis (ioredis)': (clock) =>
    counted(startRedis, redis, async (port) => {
      const client = new Redis({ port, enableReadyCheck: false, autoResendUnfulfilledCommands: false })
      return { store: redisStore({ client, clock }), end: () => client.disconnect() }
    }),

  'postgres (pg)': (clock) =>
    counted(startPostgres, postgres, async (port) => {
      const client = new pg.Pool({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
      const store = postgresStore({ client, clock })
      await store.createTable()
      return { store, end: () => client.end() }
    }),

  'postgres (postgres)': (clock) =>
    counted(startPostgres, postgres, async (port) => {
      // One connection, as a statement is prepared anew on each and requests are handed round.
      const options = { host: '127.0.0.1', port, user: 'postgres', database: 'postgres', max: 1, fetch_types: false }
      const client = postgresJs({ ...options, onnotice: () => undefined })
      const store = postgresStore({ client, clock })
      await store.createTable()
      return { store, end: () => client.end() }
    }),

  'mysql (mysql2, on MariaDB)': (clock) =>
    counted(startMariadb, mysql, async (port) => {
      const client = createPool({ host: '127.0.0.1', port, user: 'root', database: 'test' })
      const store = mysqlStore({ client, clock })
      await store.createTable()
      return { store, end: () => client.end() }
    }),

  memcached: (clock) =>
    counted(startMemcached, memcached, async (port) => {
      const client = new MemcacheClient({ server: `127.0.0.1:${port}`, noDelay: true })
      return { store: memcachedStore({ client, clock }), end: () => client.shutdown() }
    }),

  'mongodb (on mongo-java-server)': (clock) =>
    counted(startMongodb, mongodb, async (port) => {
      const client = await new MongoClient(`mongodb://127.0.0.1:${port}`).connect()
      const store = mongodbStore({ client, clock, database: 'bench' })
      await store.createIndexes()
      return { store, end: () => client.close() }
    }),

  'couchbase (on CouchbaseMock)': async (clock) => {
    const server = await startCouchbase()
    const cluster = await connect(await couchbaseUrl(server), { username: couchbaseBucket, password: '' })
    const commands: string[] = []
    // The SDK learns the address of the data from the server and goes past any proxy: its calls are counted.
    const collection = cluster.bucket(couchbaseBucket).defaultCollection()
    const client = watchedCollection(collection, (command) => commands.push(command))
    return {
      store: couchbaseStore({ client, clock }),
      taken: () => commands.splice(0),
      async close() {
        await cluster.close()
        await server.close()
      },
    }
  },
}

async function counted(
  start: () => Promise<Server>,
  protocol: Protocol,
  open: (port: number) => Promise<Opened>,
): Promise<Counted> {
  const server = await start()
  const wire = await wireTo(server.port, protocol)
  const { store, end } = await open(wire.port)
  return {
    store,
    taken: wire.taken,
    async close() {
      await end()
      wire.close()
      await server.close()
    },
  }
}
