import { createClient } from 'redis'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { type OpenedKeyedStore, openStore } from '../../src/stores/index.ts'
import { startMariadb } from '../services/mariadb.ts'
import { startMemcached } from '../services/memcached.ts'
import { startMongodb } from '../services/mongodb.ts'
import { startPostgres } from '../services/postgres.ts'
import type { Server } from '../services/process.ts'
import { proxyTo } from '../services/proxy.ts'
import { startRedis } from '../services/redis.ts'

const record = { payload: 'first', version: 1, expiresAt: 4_000_000_000_000 }
const key = 'a-key-of-an-opened-store'
const servers: Server[] = []
const stores: OpenedKeyedStore[] = []

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
})
afterAll(async () => {
  for (const server of servers) await server.close()
})

async function open(text: string): Promise<OpenedKeyedStore> {
  const store = (await openStore(text)) as OpenedKeyedStore
  stores.push(store)
  return store
}

/** Tries until it succeeds, as requests do; fails after 10 s. */
async function eventually<Answer>(attempt: () => Answer): Promise<Awaited<Answer>> {
  const until = Date.now() + 10_000
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (Date.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

const backends: Record<string, { start(): Promise<Server>; text(port: number): string; isKept: boolean }> = {
  redis: { start: () => startRedis(), text: (port) => `redis://127.0.0.1:${port}`, isKept: false },
  postgres: {
    start: () => startPostgres(['-c', 'synchronous_commit=on']),
    text: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
    isKept: true,
  },
  mysql: { start: () => startMariadb(), text: (port) => `mysql://root@127.0.0.1:${port}/test`, isKept: true },
  memcached: { start: () => startMemcached(), text: (port) => `memcached://127.0.0.1:${port}`, isKept: false },
  mongodb: {
    start: () => startMongodb(),
    text: (port) => `mongodb://127.0.0.1:${port}/sessions?serverSelectionTimeoutMS=500`,
    isKept: false,
  },
}

// Each test starts servers of its own, some of them several times, and one of them is a Java process.
describe.each(Object.entries(backends))(
  'REL-02 openStore of %s',
  { timeout: 120_000 },
  (_, { start, text, isKept }) => {
    it('opens while the server is down, fails by the operation, and works when it is there, again and again', async () => {
      const server = await start()
      servers.push(server)
      await server.stop()
      const store = await open(text(server.port))
      for (const operation of [() => store.read(key), () => store.create(key, record), () => store.keysOf?.('user')]) {
        await expect((async () => operation())()).rejects.toThrow(/ECONNREFUSED|connect/)
      }
      await server.start()
      expect(await eventually(() => store.create(key, record))).toBe(true)

      await server.stop()
      // Nobody asks meanwhile: what the client says to itself must not end the process.
      await new Promise((resolve) => setTimeout(resolve, 300))
      await expect((async () => store.read(key))()).rejects.toThrow()
      await server.start()
      expect(await eventually(() => store.read(key))).toEqual(isKept ? record : null)
    })

    it('gives up a connection that has gone silent, under traffic', async () => {
      const server = await start()
      servers.push(server)
      const proxy = await proxyTo(server.port)
      const store = await open(text(proxy.port))
      await eventually(() => store.create(key, record))
      // All connections that a pool may have.
      await Promise.all(Array.from({ length: 50 }, async () => store.read(key)))
      proxy.abandon()
      const seen: unknown[] = []
      const until = Date.now() + 20_000
      while (!seen.includes('answered') && Date.now() < until) {
        Promise.resolve(store.read(key)).then(
          () => seen.push('answered'),
          () => seen.push('failed'),
        )
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      expect(seen).toContain('answered')
      await store.close()
      await proxy.close()
    })

    it('close() returns though the server is gone', async () => {
      const server = await start()
      servers.push(server)
      const store = await open(text(server.port))
      await store.read(key)
      server.pause()
      const closed = store.close()
      await closed
      server.resume()
    })
  },
)

describe('what an operator is told', () => {
  it('redis: a wrong password, and not which', async () => {
    const server = await startRedis()
    servers.push(server)
    const client = await createClient({ socket: { port: server.port } }).connect()
    await client.configSet('requirepass', 'right')
    await client.close()
    const store = await open(`redis://:hunter2@127.0.0.1:${server.port}`)
    const failure = await Promise.resolve(store.read(key)).catch((error: unknown) => error)
    expect(String(failure)).toMatch(/offline \(WRONGPASS/)
    expect(String(failure)).not.toContain('hunter2')
    const right = await open(`redis://:right@127.0.0.1:${server.port}`)
    expect(await right.create(key, record)).toBe(true)
    expect(await (await open(`redis:127.0.0.1:${server.port},100,right`)).read(key)).toEqual(record)
  })
})
