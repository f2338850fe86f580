import { Cluster, Redis } from 'ioredis'
import * as redis6 from 'redis'
import * as redis5 from 'redis5'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { createSessions } from '../../src/index.ts'
import { type RedisClient, redisStore } from '../../src/stores/redis/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { startRedis } from '../services/redis.ts'
import { monitorOf } from '../services/redis-monitor.ts'

const day = 86_400_000
const server = await startRedis()
const client = new Redis(server.port, { autoResendUnfulfilledCommands: false })
const monitor = await monitorOf(server.port)
afterAll(async () => {
  monitor.close()
  client.disconnect()
  await server.close()
})

// Midday, so that no deadline of a test crosses a day unless it is meant to.
const noon = Math.floor(Date.now() / day) * day + day / 2
const clock = manualClock(noon)
const store = redisStore({ client, clock })
const key = 'Kk-_'.repeat(11)
const owned = { payload: 'payload', version: 1, expiresAt: clock() + 60_000, userId: 'user-1' }
const { userId: _, ...anonymous } = owned

beforeEach(async () => {
  clock.set(noon)
  // The first use looks at the server's memory policy and brings the scripts.
  await store.create(key, owned)
  await client.zadd('coatcheck:u=user-1', noon + 2 * day, 'another-record-of-this-user')
  await store.keysOf('user-1')
  await client.flushall()
})

describe('L2 P3 redisStore sends', () => {
  it('one command for each operation on an anonymous record', async () => {
    const names = (work: () => unknown) => monitor.namesDuring(work)
    expect(await names(() => store.create(key, anonymous))).toEqual(['EVALSHA'])
    expect(await names(() => store.create(key, anonymous))).toEqual(['EVALSHA'])
    expect(await names(() => store.read(key))).toEqual(['GET'])
    expect(await names(() => store.touch(key, clock() + 3 * day, 1))).toEqual(['EVALSHA'])
    expect(await names(() => store.replace(key, { ...anonymous, version: 2 }, 1))).toEqual(['EVALSHA'])
    expect(await names(() => store.replace(key, { ...anonymous, version: 2 }, 1))).toEqual(['EVALSHA'])
    expect(await names(() => store.delete(key))).toEqual(['UNLINK'])
  })

  it('one more for the index when a record gets an owner, and when its deadline moves to another day', async () => {
    const names = (work: () => unknown) => monitor.namesDuring(work)
    expect(await names(() => store.create(key, owned))).toEqual(['EVALSHA', 'EVALSHA'])
    expect(
      await names(() => store.replace(key, { ...owned, version: 2, expiresAt: clock() + 90_000 }, 1)),
    ).toHaveLength(1)
    expect(await names(() => store.touch(key, clock() + 100_000, 2))).toHaveLength(1)
    // Refused, told that the index comes first, done.
    expect(await names(() => store.touch(key, clock() + day, 2))).toHaveLength(3)
    expect(await names(() => store.touch(key, clock() + day, 2))).toHaveLength(1)
    expect(
      await names(() => store.replace(key, { ...owned, version: 3, expiresAt: clock() + 2 * day }, 2)),
    ).toHaveLength(3)
    expect(await names(() => store.replace(key, { ...owned, version: 4, userId: 'user-2' }, 3))).toHaveLength(3)
    expect(await names(() => store.replace(key, { ...anonymous, version: 5 }, 4))).toHaveLength(1)
    expect(await names(() => store.delete(key))).toEqual(['UNLINK'])
  })

  it('for a whole request: nothing if it is anonymous, one command if it reads, two if it writes', async () => {
    const sessions = createSessions<{ n: number }>({ store, clock, idleTimeout: '30m' })
    const request = async (
      token: string | null,
      handle: (session: Awaited<ReturnType<typeof sessions.open>>) => unknown,
    ) => {
      const session = await sessions.open(token)
      handle(session)
      return sessions.commit(session)
    }
    expect(await monitor.namesDuring(() => request(null, (session) => session.get('n')))).toEqual([])
    const { token } = await request(null, (session) => session.set('n', 1))
    expect(await monitor.namesDuring(() => request(token, (session) => session.get('n')))).toEqual(['GET'])
    expect(await monitor.namesDuring(() => request(token, (session) => session.increment('n')))).toEqual([
      'GET',
      'EVALSHA',
    ])
    clock.advance(10 * 60_000)
    expect(await monitor.namesDuring(() => request(token, (session) => session.get('n')))).toEqual(['GET', 'EVALSHA'])
    await sessions.close()
  })

  it('never the payload again when it moves a deadline', async () => {
    const payload = 'secret'.repeat(100)
    await store.create(key, { ...owned, payload })
    for (const expiresAt of [clock() + 90_000, clock() + 2 * day]) {
      const seen = await monitor.during(() => store.touch(key, expiresAt, 1))
      expect(JSON.stringify(seen)).not.toContain('secret')
      expect(seen.map(({ command: [name] }) => name)).toContain('SETRANGE')
    }
    expect(await store.read(key)).toEqual({ ...owned, payload, expiresAt: clock() + 2 * day })
  })

  it('REL-36 scans for a listing, a page at a time, and never anything that stops the server', async () => {
    const keys = Array.from({ length: 50 }, (_, index) => `record-of-a-listing-${index}`)
    for (const each of keys) await store.create(each, owned)
    const seen = await monitor.namesDuring(async () => {
      let cursor: string | null = null
      do {
        const page: Awaited<ReturnType<typeof store.list>> = await store.list({ limit: 10, cursor })
        cursor = page.cursor
      } while (cursor !== null)
      expect(await store.count()).toBe(50)
      expect(await store.keysOf('user-1')).toHaveLength(50)
      for (const each of keys) await store.delete(each)
    })
    expect(new Set(seen)).toEqual(new Set(['SCAN', 'GET', 'GETRANGE', 'ZRANGEBYSCORE', 'UNLINK']))
    expect(seen.filter((name) => name === 'SCAN').length).toBeLessThan(20)
  })

  it('REL-36 no more for a listing once its signal is aborted', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    expect(await monitor.namesDuring(() => expect(store.list({ limit: 1, signal })).rejects.toThrow('enough'))).toEqual(
      [],
    )
    expect(await monitor.namesDuring(() => expect(store.count({ signal })).rejects.toThrow('enough'))).toEqual([])
  })

  it('REL-36 few commands for a page where sessions are rare among the keys, and no page without end', async () => {
    const pipeline = client.pipeline()
    for (let index = 0; index < 30_000; index++) pipeline.set(`other:${index}`, '')
    await pipeline.exec()
    const keys = ['record-of-a-listing-1', 'record-of-a-listing-2']
    for (const each of keys) await store.create(each, anonymous)
    const found: string[] = []
    const scans: number[] = []
    let cursor: string | null = null
    do {
      const names = await monitor.namesDuring(async () => {
        const page: Awaited<ReturnType<typeof store.list>> = await store.list({ limit: 1, cursor })
        found.push(...page.entries.map((entry) => entry.key))
        cursor = page.cursor
      })
      scans.push(names.filter((name) => name === 'SCAN').length)
    } while (cursor !== null)
    expect(found.sort()).toEqual(keys)
    expect(Math.max(...scans)).toBe(20)
    expect(scans.length).toBeLessThan(10)
  })

  it('SEC-81 in its scripts only commands on the one key that KEYS gives them', async () => {
    const seen = await monitor.during(async () => {
      await store.create(key, owned)
      await store.touch(key, clock() + day, 1)
      await store.replace(key, { ...owned, version: 2, userId: 'user 2%' }, 1)
      clock.advance(2 * 3_600_000)
      await store.keysOf('user-1')
      await store.delete(key)
    })
    const scripts = seen.filter(({ command }) => command[0] === 'EVALSHA')
    expect(new Set(scripts.map(({ command }) => command[2]))).toEqual(new Set(['1']))
    let given: string | undefined
    for (const { command, inScript } of seen) {
      if (!inScript) given = command[0] === 'EVALSHA' ? command[3] : undefined
      else expect(command[1]).toBe(given)
    }
    expect(seen.filter(({ inScript }) => inScript).map(({ command }) => command[0])).toContain('ZREM')
  })
})

describe('L21 redisStore', () => {
  it('keeps everything below its prefix, with a TTL that is not before the deadline', async () => {
    const mine = redisStore({ client, clock, prefix: 'shop:sessions:' })
    const expiresAt = clock() + 60_000
    await mine.create(key, { ...owned, expiresAt })
    expect((await client.keys('*')).sort()).toEqual([`shop:sessions:${key}`, 'shop:sessions:u=user-1'])
    const ttl = await client.pttl(`shop:sessions:${key}`)
    expect(ttl).toBeGreaterThan(50_000)
    expect(ttl).toBeLessThanOrEqual(60_000)
    expect(await client.pttl('shop:sessions:u=user-1')).toBeGreaterThan(60_000)
    expect(await client.pttl('shop:sessions:u=user-1')).toBeLessThanOrEqual(2 * day)
    await mine.touch(key, clock() + 5 * day, 1)
    expect(await client.pttl(`shop:sessions:${key}`)).toBeGreaterThan(4.9 * day)
    await mine.create('another-record-of-this-owner', { ...owned, expiresAt })
    expect(await client.pttl('shop:sessions:u=user-1')).toBeGreaterThan(5 * day)
    expect(await store.read(key)).toBeNull()
  })

  it('REL-28 leaves no key without a TTL, whatever the deadline', async () => {
    for (const expiresAt of [0, -1, clock(), clock() - 1, clock() + 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      const keys = [0, 1, 2].map((index) => `record-${index}-with-a-deadline-${expiresAt}`.replace(/[.]/g, '_'))
      const [created = '', replaced = '', touched = ''] = keys
      await store.create(created, { ...owned, expiresAt })
      for (const each of [replaced, touched]) await store.create(each, owned)
      await store.replace(replaced, { ...owned, version: 2, expiresAt }, 1)
      await store.touch(touched, expiresAt, 1)
      for (const each of await client.keys('*')) expect(await client.pttl(each)).not.toBe(-1)
    }
  })

  it('SEC-46 ends a record at its deadline when the server has lost its TTL', async () => {
    const now = clock()
    await store.create(key, { ...owned, expiresAt: now + 60_000 })
    await client.persist(`coatcheck:${key}`)
    await client.persist('coatcheck:u=user-1')
    clock.advance(60_000)
    expect(await store.read(key)).toBeNull()
    expect(await store.touch(key, clock() + 60_000, 1)).toBe(false)
    expect(await store.replace(key, { ...owned, version: 2 }, 1)).toBe(false)
    expect(await store.count()).toBe(0)
    expect(await store.keysOf('user-1')).toEqual([])
    expect(await store.create(key, { ...owned, expiresAt: clock() + 60_000 })).toBe(true)
    expect(await client.pttl(`coatcheck:${key}`)).toBeGreaterThan(0)
  })

  it('SEC-62 takes what it cannot read for missing, in every operation', async () => {
    for (const text of [
      '',
      '1',
      'PK\u0003',
      `2${'0'.repeat(16)}`,
      '10000000000000000',
      `1${clock() + day}`.padEnd(900, 'x'),
    ]) {
      await client.set(`coatcheck:${key}`, text)
      expect(await store.read(key)).toBeNull()
      expect(await store.touch(key, clock() + day, 1)).toBe(false)
      expect(await store.replace(key, owned, 1)).toBe(false)
      expect((await store.list({ limit: 100 })).entries).toEqual([])
      expect(await store.create(key, owned)).toBe(true)
      expect(await store.read(key)).toEqual(owned)
    }
  })

  it('keeps an owner of any length', async () => {
    for (const userId of ['', ' ', '%', '%20', '=', 'ž'.repeat(2000), `${'%'.repeat(500)} 😀\n`]) {
      await store.create(key, { ...owned, userId })
      expect(await store.read(key)).toEqual({ ...owned, userId })
      expect(await store.touch(key, clock() + 3 * day, 1)).toBe(true)
      expect(await store.keysOf(userId)).toEqual([key])
      expect(await store.replace(key, { ...owned, userId, version: 2 }, 1)).toBe(true)
      expect(await store.keysOf(userId)).toEqual([key])
      await store.delete(key)
    }
  })

  it('leaves the client as it was: open, with no listener more', async () => {
    const mine = await redis6.createClient({ url: `redis://127.0.0.1:${server.port}` }).connect()
    const listeners = () => mine.eventNames().map((name) => [name, mine.listenerCount(name)])
    const before = listeners()
    const used = redisStore({ client: mine })
    await used.create(key, { ...owned, expiresAt: Date.now() + 60_000 })
    await used.keysOf('user-1')
    await used.list({ limit: 10 })
    expect(listeners()).toEqual(before)
    expect(used).not.toHaveProperty('close')
    const sessions = createSessions({ store: used })
    await sessions.close()
    expect(await mine.ping()).toBe('PONG')
    mine.destroy()
  })

  it('reads replies in whatever form the client is told to give them', async () => {
    const { RESP_TYPES } = await import('redis')
    const typeMapping = { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.NUMBER]: String }
    const mine = await redis6
      .createClient({
        url: `redis://127.0.0.1:${server.port}`,
        commandOptions: { typeMapping },
      })
      .connect()
    const strings = new Redis(server.port, { stringNumbers: true, autoResendUnfulfilledCommands: false })
    for (const client of [mine, strings]) {
      const used = redisStore({ client, clock })
      await used.delete(key)
      expect(await used.create(key, owned)).toBe(true)
      expect(await used.read(key)).toEqual(owned)
      expect(await used.touch(key, clock() + 5 * day, 1)).toBe(true)
      expect(await used.keysOf('user-1')).toEqual([key])
      expect((await used.list({ limit: 5 })).entries).toHaveLength(1)
      expect(await used.count()).toBe(1)
    }
    mine.destroy()
    strings.disconnect()
  })

  it('starts a listing again when it gets the cursor of another set of masters', async () => {
    for (let index = 0; index < 20; index++) await store.create(`record-of-a-listing-${index}`, anonymous)
    const page = await store.list({ limit: 5 })
    const [set, ...rest] = (page.cursor ?? '').split('.')
    expect((await store.list({ limit: 5, cursor: `${Number(set) + 1}.${rest.join('.')}` })).entries).toEqual(
      page.entries,
    )
    expect((await store.list({ limit: 5, cursor: page.cursor })).entries).not.toEqual(page.entries)
  })

  it.each([
    '0',
    '0.0.0',
    '0.x.0.',
    '0.-1.0.',
    '0.1.5.0.',
    '0.2.0.',
    '0.1e9.0.',
    '0.__proto__.0.',
    '0.0.abc.',
    '0.0.-1.',
    '0.0.0.\n',
    '0.0.0.a b',
    'NaN.0.0.',
    `0.0.${'9'.repeat(21)}.`,
  ])('says that %j is no cursor of its own', async (cursor) => {
    await expect(store.list({ limit: 5, cursor })).rejects.toThrow('redisStore: the cursor is not one of its own.')
  })

  it('shows no record by a cursor that the listing would not show', async () => {
    await store.create('wanted-record-of-a-listing', anonymous)
    await store.create('record-of-a-listing', anonymous)
    await client.set('coatcheck:short', (await client.get('coatcheck:record-of-a-listing')) ?? '')
    const cursor = '0.1.0.record-of-a-listing,short,,wanted-record-of-a-listing'
    const { entries, cursor: next } = await store.list({ limit: 5, cursor, prefix: 'wanted' })
    expect(entries.map((entry) => entry.key)).toEqual(['wanted-record-of-a-listing'])
    expect(next).toBeNull()
    expect((await store.list({ limit: 5, cursor })).entries).toHaveLength(2)
    expect((await store.list({ limit: 5, cursor: '' })).entries).toHaveLength(2)
  })
})

/** What it throws when it is made with these options. */
function refusal(options: object): unknown {
  try {
    redisStore({ client, ...options } as never)
  } catch (error) {
    return error
  }
  return null
}

describe('redisStore refuses', () => {
  it.each([
    [{ client: undefined }, /client/],
    [{ client: {} }, /client/],
    [{ client: 'redis://localhost' }, /client/],
    [{ prefix: 7 }, /prefix/],
    [{ prefix: 'a\nb' }, /prefix/],
    [{ prefix: 'a\u0000' }, /prefix/],
    [{ wait: { replicas: 0, timeoutMs: 100 } }, /wait/],
    [{ wait: { replicas: 1, timeoutMs: 0 } }, /wait/],
    [{ wait: { replicas: 1.5, timeoutMs: 100 } }, /wait/],
    [{ wait: { replicas: 1 } }, /wait/],
  ])('%j when it is made', (options, sentence) => {
    expect(refusal(options)).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(sentence) })
  })
})

describe('redisStore with redis', () => {
  const rootNodes = [{ url: 'redis://localhost' }]
  const sentinelRootNodes = [{ host: 'localhost', port: 26379 }]
  const sentinel = { name: 'main', sentinelRootNodes }

  it.each([
    ['redis 6', redis6.createClient().legacy()],
    ['redis 5', redis5.createClient().legacy()],
  ])('refuses a client that answers by callbacks, %s', (_version, legacy) => {
    expect(refusal({ client: legacy })).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('legacy'),
    })
  })

  it.each<[string, RedisClient[]]>([
    [
      'redis 6',
      [
        redis6.createClient(),
        redis6.createClient().withTypeMapping({}),
        redis6.createClientPool(),
        redis6.createCluster({ rootNodes }),
        redis6.createSentinel(sentinel),
      ],
    ],
    [
      'redis 5',
      [
        redis5.createClient(),
        redis5.createClient().withTypeMapping({}),
        redis5.createClientPool(),
        redis5.createCluster({ rootNodes }),
        redis5.createSentinel(sentinel),
      ],
    ],
  ])('takes every other, connected or not, %s', (_version, clients) => {
    for (const client of clients) expect(refusal({ client })).toBeNull()
  })

  it('takes whatever sends commands', () => {
    expect(refusal({ client: { sendCommand: (command: string[]) => client.call('ECHO', command) } })).toBeNull()
  })
})

describe('redisStore with ioredis', () => {
  it('REL-07 refuses a client that sends writes again whose answers were lost', () => {
    const careless = new Redis(server.port, { lazyConnect: true })
    const cluster = new Cluster([{ port: server.port }], { lazyConnect: true })
    for (const client of [careless, cluster]) {
      expect(() => redisStore({ client })).toThrow(
        expect.objectContaining({
          code: 'CONFIG_INVALID',
          message: expect.stringContaining('retryDelayOnFailover to 0'),
        }),
      )
      client.disconnect()
    }
  })
})
