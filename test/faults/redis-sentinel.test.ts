import { Redis } from 'ioredis'
import { createSentinel } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RedisClient, redisStore } from '../../src/stores/redis/index.ts'
import { storeCases } from '../../src/testing/index.ts'
import { startTraffic } from '../fixtures/record-traffic.ts'
import { replicasHaveAllOf } from '../services/redis.ts'
import { type RedisSentinel, startRedisSentinel } from '../services/redis-sentinel.ts'

const closing: Array<() => unknown> = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Connected {
  readonly client: RedisClient
  end(): unknown
}

const connectors: Record<string, (sentinel: RedisSentinel) => Promise<Connected>> = {
  async redis({ name, sentinels }) {
    const client = createSentinel({ name, sentinelRootNodes: sentinels.map(({ host, port }) => ({ host, port })) })
    client.on('error', () => undefined)
    await client.connect()
    return { client, end: () => client.destroy() }
  },
  async ioredis({ name, sentinels }) {
    const client = new Redis({
      name,
      sentinels: sentinels.map(({ host, port }) => ({ host, port })),
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 1,
    })
    client.on('error', () => undefined)
    return { client, end: () => client.disconnect() }
  },
}

async function start(connect: (sentinel: RedisSentinel) => Promise<Connected>) {
  const sentinel = await startRedisSentinel()
  closing.push(() => sentinel.close())
  const { client, end } = await connect(sentinel)
  closing.push(end)
  return { sentinel, client }
}

describe('X11 behind Sentinel', () => {
  let sentinel: RedisSentinel
  beforeAll(async () => {
    sentinel = await startRedisSentinel()
  })
  afterAll(() => sentinel.close())

  describe.each(Object.entries(connectors))('redisStore fulfils the store contract with %s', (name, connect) => {
    let connected: Connected
    let made = 0
    beforeAll(async () => {
      connected = await connect(sentinel)
    })
    afterAll(() => void connected.end())
    const cases = storeCases(
      ({ clock }) => redisStore({ client: connected.client, clock, prefix: `${name}:${made++}:` }),
      { abilities: ['list', 'users'] },
    )
    for (const { title, run } of cases) it(title, run)
  })
})

describe.each(Object.entries(connectors))('redisStore behind Sentinel, with %s,', (_name, connect) => {
  it('REL-38 goes on after the master was killed, with all that a replica had', { timeout: 180_000 }, async () => {
    const { sentinel, client } = await start(connect)
    const store = redisStore({ client })
    const traffic = startTraffic(store, 20)
    await traffic.until(10)
    expect(traffic.faults).toEqual([])
    traffic.allowLoss()
    // What was acknowledged before this is on the replicas; what comes after it may be lost with the master.
    await replicasHaveAllOf(sentinel.master, 2)
    await sentinel.master.stop()
    const killed = performance.now()
    await traffic.until(3)
    // Three seconds until the master is given up, an election, and what clients need to notice.
    expect(performance.now() - killed).toBeLessThan(60_000)
    expect(await sentinel.masterPort()).not.toBe(sentinel.master.port)
    traffic.forbidLoss()
    const faults = traffic.faults.length
    expect(faults).toBeGreaterThan(0)
    // The old master comes back, and has to follow the new one: what only it had is gone, and nothing is mixed up.
    await sentinel.master.start()
    await traffic.until(20)
    expect(traffic.faults.slice(faults)).toEqual([])
    await traffic.stop()
    expect(traffic.violations).toEqual([])
    expect(traffic.faults.join('\n')).not.toMatch(/NOSCRIPT|WRONGTYPE/)
    expect(await store.count()).toBe(traffic.keys.length)
  })

  it('REL-38 with wait loses nothing that was acknowledged', { timeout: 180_000 }, async () => {
    const { sentinel, client } = await start(connect)
    const store = redisStore({ client, wait: { replicas: 1, timeoutMs: 1_000 } })
    const traffic = startTraffic(store, 20)
    await traffic.until(10)
    await sentinel.master.stop()
    await traffic.until(3)
    expect(await sentinel.masterPort()).not.toBe(sentinel.master.port)
    await traffic.until(10)
    await traffic.stop()
    expect(traffic.violations).toEqual([])
    expect(await store.count()).toBe(traffic.keys.length)
  })
})
