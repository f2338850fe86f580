import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Cluster, Redis } from 'ioredis'
import { createCluster } from 'redis'
import { afterAll, describe, expect, it } from 'vitest'
import { type RedisClient, redisStore } from '../../src/stores/redis/index.ts'
import { startTraffic } from '../fixtures/record-traffic.ts'
import { askRedis, replicasHaveAllOf } from '../services/redis.ts'
import { type RedisCluster, startRedisCluster } from '../services/redis-cluster.ts'

const run = promisify(execFile)
const clusters: RedisCluster[] = []
afterAll(async () => {
  await Promise.all(clusters.map((cluster) => cluster.close()))
})

interface Connected {
  readonly client: RedisClient
  end(): void
}

const connectors: Record<string, (cluster: RedisCluster) => Promise<Connected>> = {
  async redis({ nodes }) {
    const client = createCluster({
      rootNodes: nodes.map(({ port }) => ({ url: `redis://127.0.0.1:${port}` })),
      defaults: { socket: { connectTimeout: 1_000 } },
    }).on('error', () => undefined)
    await client.connect()
    return { client, end: () => client.destroy() }
  },
  async ioredis({ nodes }) {
    const client = new Cluster(
      nodes.map(({ host, port }) => ({ host, port })),
      { retryDelayOnFailover: 0, redisOptions: { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 1 } },
    ).on('error', () => undefined)
    return { client, end: () => client.disconnect() }
  },
}

describe.each(Object.entries(connectors))('redisStore on a cluster, with %s,', (name, connect) => {
  it('REL-37 goes on without a fault while slots move', { timeout: 180_000 }, async () => {
    const cluster = await startRedisCluster()
    clusters.push(cluster)
    const { client, end } = await connect(cluster)
    const prefix = `${name}:moving:`
    const store = redisStore({ client, prefix })
    const traffic = startTraffic(store, 60)
    await traffic.until(5)
    const before = await placesOf(cluster, prefix)
    // Every master gives some and takes some; each move begins with the lowest slots of the giver.
    const ids = await Promise.all(cluster.nodes.slice(0, 3).map((node) => askRedis(node, ['CLUSTER', 'MYID'])))
    const [first = '', second = '', third = ''] = ids
    for (const [from, to, slots] of [
      [first, second, 1_500],
      [third, first, 1_500],
      [second, third, 2_500],
    ] as const) {
      await reshard(cluster, from, to, slots)
      await traffic.until(2)
    }
    await traffic.until(5)
    await traffic.stop()
    expect(traffic.faults).toEqual([])
    expect(traffic.violations).toEqual([])
    const after = await placesOf(cluster, prefix)
    expect(traffic.keys.filter((key) => after.get(prefix + key) !== before.get(prefix + key)).length).toBeGreaterThan(5)
    await expectAllToBeSeen(cluster, store, prefix, traffic.keys)
    end()
    await cluster.close()
  })

  it('REL-37 REL-38 goes on after a master was killed, with all that its replica had', {
    timeout: 180_000,
  }, async () => {
    const cluster = await startRedisCluster({ nodeTimeoutMs: 5_000 })
    clusters.push(cluster)
    const { client, end } = await connect(cluster)
    const prefix = `${name}:killed:`
    const store = redisStore({ client, prefix })
    const traffic = startTraffic(store, 30)
    await traffic.until(10)
    expect(traffic.faults).toEqual([])
    traffic.allowLoss()
    // All that was acknowledged before is on the replica now: replication keeps the order.
    const [victim] = cluster.nodes
    if (victim === undefined) throw new Error('no node')
    await replicasHaveAllOf(victim, 1)
    await victim.stop()
    const start = performance.now()
    await traffic.until(3)
    // Five seconds until the others give it up, an election, and what clients need to notice.
    expect(performance.now() - start).toBeLessThan(60_000)
    traffic.forbidLoss()
    const faults = traffic.faults.length
    await traffic.until(10)
    expect(traffic.faults.slice(faults)).toEqual([])
    await traffic.stop()
    expect(traffic.violations).toEqual([])
    expect(faults).toBeGreaterThan(0)
    expect(traffic.faults.join('\n')).not.toMatch(/CROSSSLOT|NOSCRIPT|WRONGTYPE|READONLY/)
    await expectAllToBeSeen(cluster, store, prefix, traffic.keys)
    end()
    await cluster.close()
  })
})

/** Moves slots, and the records in them, from one master to another. */
async function reshard({ host, port }: RedisCluster, from: string, to: string, slots: number): Promise<void> {
  // The nodes must have heard of the move before.
  while (
    !(await run('redis-cli', ['--cluster', 'check', `${host}:${port}`]).then(
      () => true,
      () => false,
    ))
  );
  const path = ['--cluster-from', from, '--cluster-to', to, '--cluster-slots', String(slots), '--cluster-yes']
  await run('redis-cli', ['--cluster', 'reshard', `${host}:${port}`, ...path], { maxBuffer: 2 ** 26 })
}

/** The port of the master on which each key is; it is the one that its slot belongs to, and the only one. */
async function placesOf(cluster: RedisCluster, prefix: string): Promise<Map<string, number>> {
  const places = new Map<string, number>()
  for (const { host, port } of cluster.nodes) {
    const node = new Redis(port, host, { retryStrategy: () => null, lazyConnect: true }).on('error', () => undefined)
    // The one that was killed.
    if (
      !(await node.connect().then(
        () => true,
        () => false,
      ))
    )
      continue
    if (String(await node.role()).startsWith('master')) {
      const ranges = (await node.cluster('SLOTS')) as unknown as [number, number, [string, number]][]
      for (const key of await node.keys(`${prefix}*`)) {
        const slot = Number(await node.cluster('KEYSLOT', key))
        const owner = ranges.find(([first, last]) => first <= slot && slot <= last)?.[2][1]
        expect(owner).toBe(port)
        expect(places.has(key)).toBe(false)
        places.set(key, port)
      }
    }
    node.disconnect()
  }
  return places
}

async function expectAllToBeSeen(
  cluster: RedisCluster,
  store: ReturnType<typeof redisStore>,
  prefix: string,
  keys: readonly string[],
): Promise<void> {
  const places = await placesOf(cluster, prefix)
  expect(new Set(keys.map((key) => places.get(prefix + key))).size).toBe(3)
  const listed = new Set<string>()
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<typeof store.list>> = await store.list({ limit: 10, cursor })
    for (const { key } of page.entries) listed.add(key)
    cursor = page.cursor
  } while (cursor !== null)
  expect([...listed].sort()).toEqual([...keys].sort())
  expect(await store.count()).toBe(keys.length)
  const indexed = await Promise.all(Array.from({ length: 7 }, (_, user) => store.keysOf(`user-${user}`)))
  expect(indexed.flat().sort()).toEqual([...keys].sort())
}
