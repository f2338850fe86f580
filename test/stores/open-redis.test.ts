import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadPackage } from '../../src/stores/_open/client.ts'
import { type OpenedKeyedStore, openStore } from '../../src/stores/index.ts'
import { redisStore } from '../../src/stores/redis/index.ts'
import { connectIoredis } from '../../src/stores/redis/open-ioredis.ts'
import { connectNodeRedis } from '../../src/stores/redis/open-node-redis.ts'
import { parseRedis } from '../../src/stores/redis/open-target.ts'
import { eventually } from '../fixtures/eventually.ts'
import { sharedServer } from '../services/address.ts'
import { freePort, type Server, startServer, temporaryFolder } from '../services/process.ts'
import { proxyTo, type TcpProxy } from '../services/proxy.ts'
import { redisAnswers, startRedis } from '../services/redis.ts'

const record = { payload: 'first', version: 1, expiresAt: 4_000_000_000_000, userId: 'user' }
const servers: Server[] = []
const { userId: _, ...anonymous } = record
let keys = 0

afterAll(async () => {
  await guarded.proxy.close()
  await single.proxy.close()
  for (const server of servers.reverse()) await server.close()
})

function newKey(): string {
  keys += 1
  return `key-of-an-opened-store-${process.pid}-${keys}`
}

/** A sentinel that watches a master of its own, which it knows by the address of the proxy. */
async function startSentinel(): Promise<{ master: Server; proxy: TcpProxy; sentinel: Server }> {
  const master = await startRedis()
  servers.push(master)
  const proxy = await proxyTo(master.port)
  const port = await freePort()
  const folder = temporaryFolder('sentinel')
  const file = join(folder, 'sentinel.conf')
  const monitor = `sentinel monitor mymaster 127.0.0.1 ${proxy.port} 1`
  writeFileSync(file, [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, monitor, ''].join('\n'))
  const sentinel = await startServer({
    ...{ name: 'sentinel', port, folder, command: 'redis-sentinel', args: [file] },
    ready: () => redisAnswers(port),
  })
  servers.push(sentinel)
  return { master, proxy, sentinel }
}

/** A cluster of one node, which clients know by the address of the proxy. */
async function startSingle(): Promise<{ text: string; proxy: TcpProxy }> {
  let port = 0
  const proxy = await proxyTo(() => port)
  const announced = ['--cluster-announce-ip', '127.0.0.1', '--cluster-announce-port', String(proxy.port)]
  const server = await startRedis(['--cluster-enabled', 'yes', ...announced])
  servers.push(server)
  port = server.port
  const client = await createClient({ socket: { port } }).connect()
  await client.clusterAddSlotsRange({ start: 0, end: 16383 })
  await eventually(async () => expect(await client.clusterInfo()).toContain('cluster_state:ok'))
  await client.close()
  return { text: `redis+cluster://127.0.0.1:${proxy.port}`, proxy }
}

let cluster: string
let single: Awaited<ReturnType<typeof startSingle>>
let guarded: Awaited<ReturnType<typeof startSentinel>>

beforeAll(async () => {
  const { host, port } = await sharedServer('redis-cluster')
  cluster = `${host}:${port}`
  guarded = await startSentinel()
  single = await startSingle()
}, 120_000)

describe('B15 X11 openStore of several Redis', { timeout: 60_000 }, () => {
  it.each([
    ['redis+cluster://', () => `redis+cluster://${cluster}?prefix=opened:`],
    ['redis+cluster:// with a dead node first', () => `redis+cluster://127.0.0.1:1,${cluster}?prefix=opened:`],
    ['redis_cluster:', () => `redis_cluster:${cluster};127.0.0.1:1,100`],
    ['redis+sentinel://', () => `redis+sentinel://127.0.0.1:${guarded.sentinel.port}/mymaster?prefix=one:`],
    [
      'redis+sentinel:// with a dead sentinel first',
      () => `redis+sentinel://127.0.0.1:1,127.0.0.1:${guarded.sentinel.port}/mymaster/0`,
    ],
    ['redis_sentinel:', () => `redis_sentinel:127.0.0.1:${guarded.sentinel.port},100,,0,mymaster`],
  ])('%s', async (_, text) => {
    const store = (await openStore(text())) as OpenedKeyedStore
    try {
      for (const key of Array.from({ length: 12 }, newKey)) {
        expect(await eventually(() => store.create(key, record))).toBe(true)
        expect(await store.read(key)).toEqual(record)
        expect(await store.keysOf?.('user')).toContain(key)
        await store.delete(key)
      }
      const many = await Promise.all(Array.from({ length: 50 }, async () => store.create(newKey(), record)))
      expect(many.filter(Boolean)).toHaveLength(50)
    } finally {
      await store.close()
    }
  })

  it('a master with another name is an error that says so', async () => {
    const store = (await openStore(`redis+sentinel://127.0.0.1:${guarded.sentinel.port}/other`)) as OpenedKeyedStore
    try {
      await expect((async () => store.read(newKey()))()).rejects.toThrow()
    } finally {
      await store.close()
    }
  })
})

describe.each([
  ['redis', connectNodeRedis],
  ['ioredis', connectIoredis],
])('the package %s', { timeout: 90_000 }, (name, connect) => {
  async function opened(text: string) {
    const { exports } = await loadPackage('redis', [name])
    const connection = connect(exports, parseRedis(text), undefined)
    const store = redisStore({ client: connection.client as never })
    return { ...connection, store }
  }

  it('cluster', async () => {
    const { store, end } = await opened(`redis+cluster://${cluster}?prefix=opened:`)
    for (const key of Array.from({ length: 12 }, newKey))
      expect(await eventually(() => store.create(key, record))).toBe(true)
    await end()
  })

  it('REL-08 callers through a sentinel that come at once all get their turn, however many follow', async () => {
    const { store, firstAttempt, end } = await opened(`redis+sentinel://127.0.0.1:${guarded.sentinel.port}/mymaster`)
    await firstAttempt
    await eventually(() => store.read(newKey()))
    // By now the store has also had its answer about eviction, and no call is under way.
    await store.read(newKey())
    guarded.proxy.delay(300)
    let answered = 0
    const together = [1, 2, 3].map(async () => {
      await store.read(newKey())
      answered += 1
    })
    // Others come and go all the time, so that there is no moment without a call under way.
    const others: unknown[] = []
    for (const until = Date.now() + 2_000; answered < 3 && Date.now() < until; await nextTurn()) {
      others.push(Promise.resolve(store.read(newKey())).catch((error: unknown) => error))
    }
    guarded.proxy.delay(0)
    expect(answered).toBe(3)
    await Promise.all([...together, ...others])
    await end()
  })

  it.each(['sentinel', 'master'] as const)('REL-02 comes back after it began without the %s', async (which) => {
    const server = guarded[which]
    await server.stop()
    const { store, fault, end } = await opened(`redis+sentinel://127.0.0.1:${guarded.sentinel.port}/mymaster`)
    try {
      await expect((async () => store.read(newKey()))()).rejects.toThrow()
      await eventually(() => expect(fault()).toBeInstanceOf(Error))
      await server.start()
      expect(await eventually(() => store.create(newKey(), record))).toBe(true)
    } finally {
      await server.start()
      await end()
    }
  })

  it.each(['cluster', 'sentinel'] as const)(
    'REL-07 a %s: a command whose answer is lost is not sent again',
    async (which) => {
      const text = { cluster: single.text, sentinel: `redis+sentinel://127.0.0.1:${guarded.sentinel.port}/mymaster` }[
        which
      ]
      const proxy = which === 'cluster' ? single.proxy : guarded.proxy
      const { store, firstAttempt, end } = await opened(text)
      await firstAttempt
      for (let round = 0; round < 3; round++) {
        await eventually(() => store.read(newKey()))
        const key = newKey()
        const lost = proxy.cutReplies((request) => request.includes(key), { times: 1 })
        // A second time it would be told that the key is taken.
        await expect((async () => store.create(key, anonymous))()).rejects.toThrow()
        expect(lost.count).toBe(1)
      }
      await end()
    },
  )

  it('a lost connection fails the waiting command, and nothing is sent again later', async () => {
    const server = await startRedis()
    servers.push(server)
    const { store, firstAttempt, end } = await opened(`redis://127.0.0.1:${server.port}`)
    await firstAttempt
    const key = newKey()
    server.pause()
    const waiting = Promise.resolve(store.create(key, record)).then(
      () => 'done',
      () => 'failed',
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
    await server.stop()
    expect(await waiting).toBe('failed')
    await expect((async () => store.create(key, record))()).rejects.toThrow()
    await server.start()
    expect(await eventually(() => store.read(key))).toBeNull()
    await end()
  })
})
