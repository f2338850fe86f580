import { Redis } from 'ioredis'
import { createClient, createClientPool } from 'redis'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { redisStore } from '../../src/stores/redis/index.ts'
import type { Server } from '../services/process.ts'
import { proxyTo } from '../services/proxy.ts'
import { startRedis, untilTold } from '../services/redis.ts'
import { monitorOf } from '../services/redis-monitor.ts'

const key = 'a-record-of-these-tests'
const closing: Array<() => unknown> = []
afterEach(() => vi.restoreAllMocks())
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

async function start(args: readonly string[] = []): Promise<Server> {
  const server = await startRedis(args)
  closing.push(() => server.close())
  return server
}

function connectTo({ port }: { readonly port: number }, options: object = {}): Redis {
  const client = new Redis(port, '127.0.0.1', { autoResendUnfulfilledCommands: false, ...options })
  client.on('error', () => undefined)
  closing.push(() => client.disconnect())
  return client
}

const hourAhead = () => Date.now() + 3_600_000
const recordOf = (version: number, payload = String(version)) => ({ payload, version, expiresAt: hourAhead() })

describe('REL-36 REL-40 the scripts of redisStore', () => {
  it('come back by themselves when the server has forgotten them', async () => {
    const server = await start()
    const client = connectTo(server)
    const store = redisStore({ client })
    await store.create(key, { ...recordOf(1), userId: 'ann' })
    const monitor = await monitorOf(server.port)
    await client.script('FLUSH')
    const replacing = () => store.replace(key, { ...recordOf(2), userId: 'ann' }, 1)
    expect(await monitor.namesDuring(replacing)).toEqual(['EVALSHA', 'EVAL'])
    expect(await store.read(key)).toMatchObject({ version: 2 })
    expect(await monitor.namesDuring(() => store.touch(key, hourAhead(), 2))).toEqual(['EVALSHA'])
    monitor.close()
  })

  it('come back in mid-traffic, and after a restart of the server: no change is lost or made twice', async () => {
    const server = await start(['--appendonly', 'yes', '--appendfsync', 'always'])
    const client = createClient({ url: `redis://127.0.0.1:${server.port}` }).on('error', () => undefined)
    await client.connect()
    closing.push(() => client.destroy())
    const store = redisStore({ client })
    await store.create(key, recordOf(1, '0'))
    const faults: string[] = []
    let acknowledged = 0
    let isOver = false
    const work = async () => {
      while (!isOver) {
        try {
          const found = await store.read(key)
          if (found === null) throw new Error('the record is gone')
          const next = recordOf(found.version + 1, String(Number(found.payload) + 1))
          if (await store.replace(key, next, found.version)) acknowledged++
        } catch (error) {
          faults.push(String(error))
        }
      }
    }
    const until = async (count: number) => {
      const goal = acknowledged + count
      while (acknowledged < goal) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const workers = Array.from({ length: 8 }, work)
    for (let flush = 0; flush < 10; flush++) {
      await until(20)
      await client.sendCommand(['SCRIPT', 'FLUSH'])
    }
    await until(20)
    expect(faults).toEqual([])
    await server.stop('SIGTERM')
    await server.start()
    await until(100)
    isOver = true
    await Promise.all(workers)
    // What was under way when the connection broke may have been carried out.
    const made = Number((await store.read(key))?.payload)
    expect(made).toBeGreaterThanOrEqual(acknowledged)
    expect(made).toBeLessThanOrEqual(acknowledged + faults.length)
    expect(faults.join()).not.toMatch(/NOSCRIPT|ERR|gone/)
  })
})

describe('REL-40 redisStore, on a server that may evict sessions,', () => {
  it('says so once, at its first use, and goes on', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const client = connectTo(await start(['--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru']))
    const store = redisStore({ client })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(warn).not.toHaveBeenCalled()
    for (let call = 0; call < 3; call++) await store.read(key)
    await vi.waitFor(() => expect(warn).toHaveBeenCalledOnce())
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('maxmemory-policy'))
    for (const policy of ['allkeys-random', 'volatile-lru', 'volatile-ttl']) {
      warn.mockClear()
      await client.config('SET', 'maxmemory-policy', policy)
      await redisStore({ client }).read(key)
      await vi.waitFor(() => expect(warn).toHaveBeenCalledOnce())
    }
  })

  it('says so when the server comes up after it', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const server = await start(['--maxmemory', '50mb', '--maxmemory-policy', 'volatile-lru'])
    await server.stop()
    const client = connectTo(server, { enableOfflineQueue: false, retryStrategy: () => 10 })
    const store = redisStore({ client })
    await expect(store.read(key)).rejects.toThrow()
    await server.start()
    await vi.waitFor(async () => expect(await store.read(key)).toBeNull(), { timeout: 20_000 })
    await vi.waitFor(() => expect(warn).toHaveBeenCalledOnce())
  })

  it('says nothing where nothing is evicted, and takes a server that does not tell', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const server = await start(['--maxmemory', '50mb', '--maxmemory-policy', 'noeviction'])
    const client = connectTo(server)
    // Its ready check asks for INFO too.
    await client.ping()
    const monitor = await monitorOf(server.port)
    const use = async (store: ReturnType<typeof redisStore>) => {
      for (let call = 0; call < 5; call++) expect(await store.read(key)).toBeNull()
    }
    expect(
      (await monitor.namesDuring(() => use(redisStore({ client })))).filter((name) => name === 'INFO'),
    ).toHaveLength(1)
    await client.config('SET', 'maxmemory', '0', 'maxmemory-policy', 'allkeys-lru')
    await use(redisStore({ client }))
    await client.config('SET', 'maxmemory', '50mb')
    await client.call('ACL', ['SETUSER', 'limited', 'on', '>password', '~*', '+@all', '-info', '-config'])
    const limited = connectTo(server, { username: 'limited', password: 'password', enableReadyCheck: false })
    await use(redisStore({ client: limited }))
    await limited.ping()
    expect(warn).not.toHaveBeenCalled()
    monitor.close()
  })
})

describe('REL-38 redisStore with wait', () => {
  const wait = { replicas: 1, timeoutMs: 2_000 }

  it('acknowledges a write when the replicas have it, and does not wait for reads, deadlines and refusals', async () => {
    const server = await start()
    const replica = await startReplica(server)
    const client = connectTo(server)
    const other = connectTo(replica)
    const store = redisStore({ client, wait })
    const monitor = await monitorOf(server.port)
    for (let version = 1; version < 50; version++) {
      const write = version === 1 ? store.create(key, recordOf(1)) : store.replace(key, recordOf(version), version - 1)
      expect(await write).toBe(true)
      expect(await other.get(`coatcheck:${key}`)).toContain(` ${version} `)
    }
    expect(await monitor.namesDuring(() => store.replace(key, recordOf(50), 49))).toEqual(['EVALSHA', 'WAIT'])
    expect(await monitor.namesDuring(() => store.replace(key, recordOf(50), 49))).toEqual(['EVALSHA'])
    expect(await monitor.namesDuring(() => store.touch(key, hourAhead(), 50))).toEqual(['EVALSHA'])
    expect(await monitor.namesDuring(() => store.read(key))).toEqual(['GET'])
    expect(await monitor.namesDuring(() => store.delete(key))).toEqual(['UNLINK', 'WAIT'])
    expect(await other.get(`coatcheck:${key}`)).toBeNull()
    monitor.close()
  })

  it('fails a write that too few replicas have in time', async () => {
    const server = await start()
    const replica = await startReplica(server)
    const client = connectTo(server)
    const store = redisStore({ client, wait: { replicas: 1, timeoutMs: 50 } })
    replica.pause()
    await expect(store.create(key, recordOf(1))).rejects.toThrow('0 of 1')
    await expect(store.replace(key, recordOf(2), 1)).rejects.toThrow('0 of 1')
    await expect(store.delete(key)).rejects.toThrow('0 of 1')
    replica.resume()
    const two = redisStore({ client, wait: { replicas: 2, timeoutMs: 50 } })
    await expect(two.create(key, recordOf(1))).rejects.toThrow(/[01] of 2/)
    const generous = redisStore({ client, wait: { replicas: 1, timeoutMs: 20_000 } })
    expect(await generous.replace(key, recordOf(2), 1)).toBe(true)
  })

  it('is refused with a pool, whose connections do not know of each other', () => {
    expect(() => redisStore({ client: createClientPool(), wait })).toThrow(/pool/)
  })

  async function startReplica(server: Server): Promise<Server> {
    const replica = await start(['--replicaof', server.host, String(server.port), '--repl-diskless-sync-delay', '0'])
    await untilTold(replica, ['INFO', 'replication'], /master_link_status:up/)
    return replica
  }
})

describe('REL-41 a session of 1 MiB', () => {
  const large = 'x'.repeat(2 ** 20)

  it('travels only when it is read or written', async () => {
    const client = connectTo(await start())
    const store = redisStore({ client })
    await store.create(key, { ...recordOf(1, large), userId: 'ann' })
    const sent = async () => Number(/total_net_output_bytes:(\d+)/.exec(await client.info('stats'))?.[1])
    const before = await sent()
    for (let day = 1; day < 10; day++) expect(await store.touch(key, Date.now() + day * 86_400_000, 1)).toBe(true)
    expect(await store.keysOf('ann')).toEqual([key])
    expect(await store.count()).toBe(1)
    expect(await store.replace(key, recordOf(9), 8)).toBe(false)
    expect(await store.create(key, recordOf(1))).toBe(false)
    await store.delete(key)
    expect((await sent()) - before).toBeLessThan(20_000)
  })

  it('that reaches its reader slowly, or never, holds up nobody else', async () => {
    const server = await start()
    const proxy = await proxyTo(server.port)
    closing.push(() => proxy.close())
    const slow = redisStore({ client: connectTo(proxy, { maxRetriesPerRequest: 0 }) })
    const store = redisStore({ client: connectTo(server) })
    await store.create(key, recordOf(1, large))
    expect((await slow.read(key))?.payload).toBe(large)
    let isRead = false
    proxy.delay(60_000)
    const reading = (async () => {
      await slow.read(key)
      isRead = true
    })().catch(() => undefined)
    const keys = Array.from({ length: 200 }, (_, index) => `a-small-record-${index}`)
    await Promise.all(keys.map((each) => store.create(each, recordOf(1))))
    expect((await Promise.all(keys.map((each) => store.read(each)))).every((found) => found?.version === 1)).toBe(true)
    expect(await store.replace(key, recordOf(2, large), 1)).toBe(true)
    expect(isRead).toBe(false)
    proxy.delay(0)
    proxy.cut()
    await reading
  })
})
