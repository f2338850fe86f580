import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { createClient } from 'redis'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { type OpenedKeyedStore, openStore } from '../../src/stores/index.ts'
import { has } from '../../tools/services.mjs'
import { canRun, serverRows } from '../fixtures/backends.ts'
import { bundleChild, firstLineOf, startChild } from '../fixtures/children.ts'
import { eventually } from '../fixtures/eventually.ts'
import type { Server } from '../services/process.ts'
import { proxyTo } from '../services/proxy.ts'
import { startRedis } from '../services/redis.ts'
import { servers as startServer } from '../services/servers.ts'

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

const rows = serverRows.flatMap(([name, row]) => (row.outages === undefined ? [] : [[name, row, row.outages] as const]))

// Each test starts servers of its own, some of them several times, and one of them is a Java process.
describe.each(rows)(
  'REL-02 openStore of %s',
  { timeout: 120_000 },
  (_, row, { serverArgs, keepsRecords, parameters, lingers }) => {
    const itHere = it.runIf(canRun(row))

    async function start(): Promise<Server> {
      const server = await startServer[row.server](serverArgs)
      servers.push(server)
      return server
    }

    async function textAt(port: number): Promise<string> {
      const [text = ''] = await row.texts({ host: '127.0.0.1', port, folder: '' })
      return parameters === undefined ? text : `${text}${text.includes('?') ? '&' : '?'}${parameters}`
    }

    itHere(
      'opens while the server is down, fails by the operation, and works when it is there, again and again',
      async () => {
        const server = await start()
        await server.stop()
        const store = await open(await textAt(server.port))
        for (const operation of [
          () => store.read(key),
          () => store.create(key, record),
          () => store.keysOf?.('user'),
        ]) {
          await expect((async () => operation())()).rejects.toThrow(/ECONNREFUSED|connect/)
        }
        await server.start()
        expect(await eventually(() => store.create(key, record))).toBe(true)

        await server.stop()
        // Nobody asks meanwhile: what the client says to itself must not end the process.
        await pause(300)
        await expect((async () => store.read(key))()).rejects.toThrow()
        await server.start()
        expect(await eventually(() => store.read(key))).toEqual(keepsRecords ? record : null)
      },
    )

    itHere('gives up a connection that has gone silent, under traffic', async () => {
      const server = await start()
      const proxy = await proxyTo(server.port)
      const store = await open(await textAt(proxy.port))
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
        await pause(50)
      }
      expect(seen).toContain('answered')
      await store.close()
      await proxy.close()
    })

    itHere(
      'close() returns though the server is silent, and only what is known to linger keeps the process',
      async () => {
        const server = await start()
        const script = await bundleChild(new URL('./children/close-when-told.ts', import.meta.url))
        const child = startChild([script, await textAt(server.port)])
        try {
          expect(await firstLineOf(child)).toBe('open')
          server.pause()
          const closed = firstLineOf(child)
          child.kill('SIGTERM')
          expect(Number(await closed)).toBeLessThan(3_000)
          const ended = await Promise.race([once(child, 'exit'), pause(lingers ? 5_000 : 15_000, 'it still runs')])
          expect(ended).toEqual(lingers ? 'it still runs' : [0, null])
        } finally {
          child.kill('SIGKILL')
          server.resume()
        }
      },
    )
  },
)

describe('what an operator is told', () => {
  it.runIf(has('redis'))('redis: a wrong password, and not which', async () => {
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
