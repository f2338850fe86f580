import { Redis } from 'ioredis'
import pg from 'pg'
import postgres from 'postgres'
import { createClient } from 'redis'
import type { Store } from '../../../src/index.ts'
import { fileStore } from '../../../src/stores/file/index.ts'
import { type PostgresStoreOptions, postgresStore } from '../../../src/stores/postgres/index.ts'
import { redisStore } from '../../../src/stores/redis/index.ts'
import type { Target } from '../job.ts'

const connections = 4

/** The store of a client process, on connections of its own. */
export function openBackend(target: Target): Promise<Store> {
  return backends[target.through](target)
}

const backends: Record<Target['through'], (target: Target) => Promise<Store>> = {
  file: async ({ at }) => fileStore({ directory: String(at) }),

  async pg({ at }) {
    const pool = new pg.Pool({ ...postgresAt(at), max: connections })
    // A connection that is lost while nobody uses it; the pool opens another.
    pool.on('error', () => undefined)
    return tableOf(pool)
  },

  // A connection lost while it fetches types would be an unhandled rejection, and end the process.
  postgres: async ({ at }) => tableOf(postgres({ ...postgresAt(at), max: connections, fetch_types: false })),

  async redis({ at }) {
    const client = createClient({ url: `redis://127.0.0.1:${at}` })
    // It connects again.
    client.on('error', () => undefined)
    await client.connect()
    return redisStore({ client })
  },

  async ioredis({ at, planted }) {
    const client = new Redis({ host: '127.0.0.1', port: Number(at), autoResendUnfulfilledCommands: false })
    client.on('error', () => undefined)
    const store = redisStore({ client })
    // The store refuses such a client, so it becomes one behind its back.
    if (planted === 'resending') client.options.autoResendUnfulfilledCommands = true
    return store
  },
}

function postgresAt(at: string | number): { host: string; port: number; user: string; database: string } {
  return { host: '127.0.0.1', port: Number(at), user: 'postgres', database: 'postgres' }
}

async function tableOf(client: PostgresStoreOptions['client']): Promise<Store> {
  const store = postgresStore({ client })
  await store.createTable()
  return store
}
