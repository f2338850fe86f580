import { createHash } from 'node:crypto'
import { MemcacheClient } from 'memcache-client'
import { afterAll, describe, expect, it } from 'vitest'
import { type MemcachedClient, memcachedStore } from '../../src/stores/memcached/index.ts'
import { type ManualClock, manualClock, storeCases } from '../../src/testing/index.ts'
import { sharedServer } from '../services/address.ts'
import { askMemcached, startMemcached } from '../services/memcached.ts'

const minute = 60_000
const { port } = await sharedServer('memcached')
const others = [await startMemcached(), await startMemcached()]
const clients: MemcacheClient[] = []
const client = newClient(port)
const all = [client, ...others.map((server) => newClient(server.port))]
afterAll(async () => {
  for (const each of clients) each.shutdown()
  await Promise.all(others.map((server) => server.close()))
})

let prefixes = 0
const newPrefix = () => `${process.pid}.${prefixes++}:`
const key = 'k'.repeat(43)
const record = { payload: 'payload', version: 1 }

describe('memcachedStore fulfils the store contract on one server', () => {
  const cases = storeCases(({ clock }) => memcachedStore({ client, prefix: newPrefix(), clock }))
  for (const { title, run } of cases) it(title, run)
})

describe('memcachedStore fulfils the store contract on three servers', () => {
  const cases = storeCases(({ clock }) => memcachedStore({ client: all, prefix: newPrefix(), clock }))
  for (const { title, run } of cases) it(title, run)
})

describe('memcachedStore', () => {
  it('D17 uses an existing client, puts its prefix before all keys, and gives all items a TTL', async () => {
    const clock = manualClock()
    const prefix = newPrefix()
    const store = memcachedStore({ client, prefix, clock })
    await store.create(key, { ...record, expiresAt: clock() + 30 * minute, userId: 'user-1' })
    expect(await askMemcached(port, `mg ${key} t`)).toBe('EN')
    expect(await ttlOf(`${prefix}${key}`)).toBeOneOf([1800, 1801])
    expect(await ttlOf(prefix + placeOf('user-1'))).toBeOneOf([3600, 3601])
    await store.touch(key, clock() + 10 * minute, 1)
    expect(await ttlOf(`${prefix}${key}`)).toBeOneOf([600, 601])
    await store.replace(key, { ...record, version: 2, expiresAt: clock() + 20 * minute }, 1)
    expect(await ttlOf(`${prefix}${key}`)).toBeOneOf([1200, 1201])
  })

  it('gives each of three servers about a third of the keys; a fourth takes only its own share', async () => {
    const keys = Array.from({ length: 3000 }, (_, index) => `${index}`.padStart(43, 'x'))
    const owners = await serversOf(keys, 3)
    for (const server of [0, 1, 2]) {
      expect(owners.filter((owner) => owner === server).length).toBeGreaterThan(900)
    }
    const later = await serversOf(keys, 4)
    const moved = later.filter((owner, index) => owner !== owners[index])
    expect(moved.length).toBeGreaterThan(650)
    expect(moved.length).toBeLessThan(850)
    expect(new Set(moved)).toEqual(new Set([3]))
  })

  it('tells an outage from a missing record, and goes on when the server is back, without what it held', async () => {
    const server = await startMemcached()
    try {
      const store = memcachedStore({ client: newClient(server.port) })
      const expiresAt = Date.now() + minute
      await store.create(key, { ...record, expiresAt, userId: 'user-1' })
      await server.stop()
      for (const call of [() => store.read(key), () => store.touch(key, expiresAt, 1), () => store.keysOf('user-1')]) {
        await expect(call()).rejects.toThrow()
      }
      await server.start()
      expect(await store.read(key)).toBeNull()
      expect(await store.keysOf('user-1')).toEqual([])
      expect(await store.replace(key, { ...record, version: 2, expiresAt }, 1)).toBe(false)
      expect(await store.create(key, { ...record, expiresAt, userId: 'user-1' })).toBe(true)
      expect(await store.keysOf('user-1')).toEqual([key])
    } finally {
      await server.close()
    }
  })

  it('refuses a server that runs without cas, which would take every write for the expected one', async () => {
    const server = await startMemcached(['-C'])
    try {
      const store = memcachedStore({ client: newClient(server.port) })
      await store.create(key, { ...record, expiresAt: Date.now() + minute })
      const next = { ...record, version: 2, expiresAt: Date.now() + minute }
      for (const call of [() => store.read(key), () => store.replace(key, next, 1)]) {
        await expect(call()).rejects.toThrow('without -C')
      }
    } finally {
      await server.close()
    }
  })

  it('takes what is no record, or of an unknown format, for missing, and writes over it', async () => {
    const now = Date.now()
    for (const text of ['', 'text', '{}', `2 1 ${now + minute} 0 -\npayload`, `1 1 ${now + minute} 0 90\nshort`]) {
      const prefix = newPrefix()
      const store = memcachedStore({ client, prefix })
      await client.set(prefix + key, text, { lifetime: 60 })
      await client.set(prefix + placeOf('user-1'), text, { lifetime: 60 })
      expect(await store.read(key)).toBeNull()
      expect(await store.touch(key, now + minute, 1)).toBe(false)
      expect(await store.keysOf('user-1')).toEqual([])
      const whole = { ...record, expiresAt: now + minute, userId: 'user-1' }
      expect(await store.create(key, whole)).toBe(true)
      expect(await store.read(key)).toEqual(whole)
      expect(await store.keysOf('user-1')).toEqual([key])
    }
  })

  it('stops before it writes the record when nobody waits any more', async () => {
    const prefix = newPrefix()
    const waiting = new AbortController()
    const slow = wrapped({
      async add(place, ...rest) {
        const reply = await client.add(place, ...rest)
        if (place === prefix + placeOf('user-1')) waiting.abort()
        return reply
      },
    })
    const store = memcachedStore({ client: slow, prefix })
    const whole = { ...record, expiresAt: Date.now() + minute, userId: 'user-1' }
    await expect(store.create(key, whole, { signal: waiting.signal })).rejects.toThrow(/abort/i)
    expect(await store.read(key)).toBeNull()
  })

  it('refuses at construction what is no client that it can use, and a prefix that makes no key', () => {
    const unusable = [
      undefined,
      null,
      {},
      [],
      [client, undefined],
      wrapped({ getMulti: true }),
      wrapped({ getNodes: true }),
    ]
    for (const each of unusable) {
      const make = () => memcachedStore({ client: each as unknown as MemcachedClient })
      expect(make).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    }
    for (const prefix of ['a b', 'a\n', 'a\u0000', '\u007f', 'é', 'x'.repeat(123), 7]) {
      const make = () => memcachedStore({ client, prefix: prefix as string })
      expect(make).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    }
  })
})

describe('the index of a user', () => {
  it('REL-25 create: a crash between index and record leaves an entry that leads nowhere and goes in time', async () => {
    const { store, clock, prefix, crashed } = crashingAt(key)
    const whole = { ...record, expiresAt: clock() + 60 * minute, userId: 'user-1' }
    await expect(crashed.create(key, whole)).rejects.toThrow('crash')
    expect(await textOf(prefix + placeOf('user-1'))).toContain(key)
    expect(await store.read(key)).toBeNull()
    expect(await store.keysOf('user-1')).toEqual([])
    clock.advance(5 * minute)
    expect(await store.keysOf('user-1')).toEqual([])
    expect(await textOf(prefix + placeOf('user-1'))).not.toContain(key)
    expect(await store.create(key, { ...whole, expiresAt: clock() + minute })).toBe(true)
    expect(await store.keysOf('user-1')).toEqual([key])
  })

  it('REL-25 replace: a crash before the record has its new owner leaves it with the old one', async () => {
    const { store, clock, crashed } = crashingAt(key)
    const whole = { ...record, expiresAt: clock() + 60 * minute, userId: 'user-1' }
    await store.create(key, whole)
    await expect(crashed.replace(key, { ...whole, version: 2, userId: 'user-2' }, 1)).rejects.toThrow('crash')
    expect(await store.keysOf('user-1')).toEqual([key])
    expect(await store.keysOf('user-2')).toEqual([])
    expect(await store.read(key)).toEqual(whole)
  })

  it('REL-25 a fault of the index leaves no record that the index does not know', async () => {
    const { store, clock, crashed } = crashingAt(placeOf('user-1'))
    const whole = { ...record, expiresAt: clock() + 60 * minute, userId: 'user-1' }
    await expect(crashed.create(key, whole)).rejects.toThrow('crash')
    expect(await store.read(key)).toBeNull()
    await store.create(key, { ...record, expiresAt: whole.expiresAt })
    await expect(crashed.replace(key, { ...whole, version: 2 }, 1)).rejects.toThrow('crash')
    expect((await store.read(key))?.userId).toBeUndefined()
  })

  it('keeps an entry whose record is on its way while somebody reads the index', async () => {
    const prefix = newPrefix()
    const store = memcachedStore({ client, prefix })
    const slow = wrapped({
      async add(place, ...rest) {
        if (place === prefix + key) await store.keysOf('user-1')
        return client.add(place, ...rest)
      },
    })
    const whole = { ...record, expiresAt: Date.now() + minute, userId: 'user-1' }
    await memcachedStore({ client: slow, prefix }).create(key, whole)
    expect(await store.keysOf('user-1')).toEqual([key])
  })

  it('knows a session that is kept alive far beyond its first deadline, and lives as long as it', async () => {
    const clock = manualClock()
    const prefix = newPrefix()
    const store = memcachedStore({ client, prefix, clock })
    await store.create(key, { ...record, expiresAt: clock() + 30 * minute, userId: 'user-1' })
    for (let hour = 0; hour < 5; hour++) {
      for (const minutes of [10, 10, 10, 10, 10, 10]) {
        clock.advance(minutes * minute)
        expect(await store.touch(key, clock() + 30 * minute, 1)).toBe(true)
      }
      // Another key prunes what it takes for expired.
      await store.create(`${hour}`.padStart(43, 'x'), { ...record, expiresAt: clock() + minute, userId: 'user-1' })
      expect(await store.keysOf('user-1')).toContain(key)
      expect(await ttlOf(prefix + placeOf('user-1'))).toBeGreaterThanOrEqual(30 * 60)
    }
    expect(await textOf(prefix + placeOf('user-1'))).not.toContain('0'.padStart(43, 'x'))
  })

  it('covers the longer of two touches that overlap, whichever of them wins the record', async () => {
    const clock = manualClock()
    const prefix = newPrefix()
    const store = memcachedStore({ client, prefix, clock })
    await store.create(key, { ...record, expiresAt: clock() + minute, userId: 'user-1' })
    const now = clock()
    let isShorterIndexed: () => void = () => undefined
    const shorterIndexed = new Promise<void>((resolve) => {
      isShorterIndexed = resolve
    })
    const longer = memcachedStore({ client: beforeCas(prefix + key, () => shorterIndexed), prefix, clock })
    const longerDone = longer.touch(key, now + 40 * minute, 1)
    const until = now + 80 * minute
    await expect.poll(() => textOf(prefix + placeOf('user-1'))).toContain(`${key} ${until} `)
    const finishLonger = async () => {
      isShorterIndexed()
      await longerDone
    }
    const shorter = memcachedStore({ client: beforeCas(prefix + key, finishLonger), prefix, clock })
    expect(await shorter.touch(key, now + 35 * minute, 1)).toBe(true)
    expect(await longerDone).toBe(true)
    await store.touch(key, now + 75 * minute, 1)
    clock.set(now + 74 * minute)
    await store.create('x'.repeat(43), { ...record, expiresAt: clock() + minute, userId: 'user-1' })
    expect(await store.keysOf('user-1')).toContain(key)
  })

  it('forgets what has expired when the next key comes, also if nobody reads it', async () => {
    const clock = manualClock()
    const prefix = newPrefix()
    const store = memcachedStore({ client, prefix, clock })
    await store.create(key, { ...record, expiresAt: clock() + minute, userId: 'user-1' })
    clock.advance(2 * minute)
    await store.create('x'.repeat(43), { ...record, expiresAt: clock() + minute, userId: 'user-1' })
    expect(await textOf(prefix + placeOf('user-1'))).not.toContain(key)
  })

  it('is not written by touch and replace before half of what it covers has passed', async () => {
    const clock = manualClock()
    const written: string[] = []
    const watched = wrapped({
      cas(place, ...rest) {
        written.push(place)
        return client.cas(place, ...rest)
      },
    })
    const prefix = newPrefix()
    const store = memcachedStore({ client: watched, prefix, clock })
    await store.create(key, { ...record, expiresAt: clock() + 30 * minute, userId: 'user-1' })
    for (const _ of [10, 20, 30]) {
      clock.advance(10 * minute - 1)
      await store.touch(key, clock() + 30 * minute, 1)
    }
    await store.replace(key, { ...record, version: 2, expiresAt: clock() + 30 * minute, userId: 'user-1' }, 1)
    expect(new Set(written)).toEqual(new Set([prefix + key]))
    clock.advance(minute)
    await store.touch(key, clock() + 30 * minute, 2)
    expect(written).toContain(prefix + placeOf('user-1'))
  })

  it('loses none of 200 keys that two processes create at the same time, while others read it', async () => {
    const prefix = newPrefix()
    const stores = [memcachedStore({ client, prefix }), memcachedStore({ client: newClient(port), prefix })]
    const keys = Array.from({ length: 200 }, (_, index) => `${index}`.padStart(43, 'x'))
    const whole = { ...record, expiresAt: Date.now() + 60 * minute, userId: 'user-1' }
    await Promise.all(
      keys.map(async (each, index) => {
        const store = stores[index % 2]
        expect(await store?.create(each, whole)).toBe(true)
        expect(await store?.keysOf('user-1')).toContain(each)
      }),
    )
    for (const store of stores) expect((await store.keysOf('user-1')).sort()).toEqual(keys.sort())
  })

  it('holds 4096 keys of the longest kind, and says when one more is too many', async () => {
    const clock = manualClock()
    const store = memcachedStore({ client, prefix: newPrefix(), clock })
    const userId = 'user-1'
    const whole = { ...record, expiresAt: clock() + 60 * minute, userId }
    const keys = Array.from({ length: 4096 }, (_, index) => `${index}`.padStart(128, 'x'))
    await Promise.all(keys.map((each) => store.create(each, whole)))
    expect((await store.keysOf(userId)).length).toBe(4096)
    await expect(store.create(key, whole)).rejects.toThrow('4096 sessions')
    expect(await store.read(key)).toBeNull()
    // There is room as soon as one of them is gone, and not only by its deadline.
    await store.delete(keys[0] ?? '')
    clock.advance(5 * minute)
    expect(await store.create(key, whole)).toBe(true)
    expect((await store.keysOf(userId)).length).toBe(4096)
  })
})

function newClient(at: number): MemcacheClient {
  const made = new MemcacheClient({ server: `127.0.0.1:${at}`, noDelay: true })
  clients.push(made)
  return made
}

/** The shared client, with some of its methods replaced. */
function wrapped(changes: Partial<MemcachedClient> & Record<string, unknown>): MemcachedClient {
  return {
    gets: (place) => client.gets(place),
    add: (place, ...rest) => client.add(place, ...rest),
    cas: (place, ...rest) => client.cas(place, ...rest),
    delete: (place) => client.delete(place),
    ...changes,
  }
}

/** The shared client, which does something else before it sends the `cas` of this item. */
function beforeCas(item: string, work: () => Promise<void>): MemcachedClient {
  return wrapped({
    async cas(place, ...rest) {
      if (place === item) await work()
      return client.cas(place, ...rest)
    },
  })
}

/** A store whose process ends, as it were, when it is about to write this item, and one of another process. */
function crashingAt(item: string): {
  readonly store: ReturnType<typeof memcachedStore>
  readonly crashed: ReturnType<typeof memcachedStore>
  readonly clock: ManualClock
  readonly prefix: string
} {
  const clock = manualClock()
  const prefix = newPrefix()
  const crashing = wrapped({
    async add(place, ...rest) {
      if (place === prefix + item) throw new Error('crash')
      return client.add(place, ...rest)
    },
    async cas(place, ...rest) {
      if (place === prefix + item) throw new Error('crash')
      return client.cas(place, ...rest)
    },
  })
  const crashed = memcachedStore({ client: crashing, prefix, clock })
  return { store: memcachedStore({ client, prefix, clock }), crashed, clock, prefix }
}

/** The index of the server that each key is read from. */
async function serversOf(keys: readonly string[], servers: number): Promise<number[]> {
  const asked: number[] = []
  const several = Array.from({ length: servers }, (_, index) =>
    wrapped({
      async gets() {
        asked.push(index)
        return undefined
      },
    }),
  )
  const store = memcachedStore({ client: several })
  for (const each of keys) await store.read(each)
  return asked
}

function placeOf(userId: string): string {
  return `user:${createHash('sha256').update(userId).digest('base64url')}`
}

async function ttlOf(place: string): Promise<number> {
  return Number((await askMemcached(port, `mg ${place} t`)).replace('HD t', ''))
}

async function textOf(place: string): Promise<string> {
  return String((await client.gets(place))?.value)
}
