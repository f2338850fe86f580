import { type Cluster, type Collection, connect, RawBinaryTranscoder } from 'couchbase'
import { afterAll, describe, expect, it } from 'vitest'
import { couchbaseStore } from '../../src/stores/couchbase/index.ts'
import { manualClock, storeCases } from '../../src/testing/index.ts'
import { sharedServer } from '../services/address.ts'
import { couchbaseBucket, couchbaseUrl, watchedCollection } from '../services/couchbase.ts'

const url = await couchbaseUrl(await sharedServer('couchbase'))
const clusters: Cluster[] = []
const login = { username: couchbaseBucket, password: '' }
const client = await collectionOf(connect(url, login))
afterAll(() => Promise.all(clusters.map((each) => each.close())))

let made = 0
const newPrefix = () => `${process.pid}-${made++}:`
const key = 'k'.repeat(43)
const second = 1000
const hour = 3600 * second
const day = 24 * hour

describe('couchbaseStore fulfils the store contract', () => {
  const cases = storeCases(({ clock }) => couchbaseStore({ client, prefix: newPrefix(), clock }))
  for (const { title, run } of cases) it(title, run)
})

describe('couchbaseStore', () => {
  it('sends one command for read, delete and create, a read and a write for replace and touch', async () => {
    const { store, clock, sent } = recordedStore()
    const record = { payload: 'p', version: 1, expiresAt: clock() + hour }
    expect(await sent(() => store.create(key, record))).toEqual(['insert record'])
    expect(await sent(() => store.create(key, record))).toEqual(['insert record', 'get record'])
    expect(await sent(() => store.read(key))).toEqual(['get record'])
    expect(await sent(() => store.replace(key, record, 7))).toEqual(['get record'])
    expect(await sent(() => store.replace(key, record, 1))).toEqual(['get record', 'replace record'])
    expect(await sent(() => store.touch(key, clock() + 2 * hour, 1))).toEqual(['get record', 'replace record'])
    expect(await sent(() => store.delete(key))).toEqual(['remove record'])
    expect(await sent(() => store.delete(key))).toEqual(['remove record'])
  })

  it('notes an owner with two commands more, and again only when a day of renewals has passed', async () => {
    const { store, clock, sent } = recordedStore()
    const record = { payload: 'p', version: 1, expiresAt: clock() + hour, userId: 'user' }
    expect(await sent(() => store.create(key, record))).toEqual(['get index', 'insert index', 'insert record'])
    expect(await sent(() => store.create(`${key}2`, record))).toEqual(['get index', 'replace index', 'insert record'])
    let noted = 0
    for (let renewals = 0; renewals < 60; renewals++) {
      clock.advance(hour / 2)
      const commands = await sent(() => store.touch(key, clock() + hour, 1))
      if (commands.includes('replace index')) noted++
      else expect(commands).toEqual(['get record', 'replace record'])
    }
    expect(noted).toBe(1)
    expect(await store.keysOf('user')).toEqual([key])
    const other = { ...record, version: 2, expiresAt: clock() + hour, userId: 'other' }
    expect(await sent(() => store.replace(key, other, 1))).toEqual([
      ...['get record', 'get index', 'insert index', 'replace record'],
    ])
  })

  it('notes sign-ins of one user at the same time together', async () => {
    const { store, clock, sent } = recordedStore()
    const record = { payload: '', version: 1, expiresAt: clock() + hour, userId: 'user' }
    const keys = Array.from({ length: 300 }, (_, index) => `${key}${index}`)
    const commands = await sent(async () => {
      const early = keys.slice(0, 100).map((each) => store.create(each, record))
      // The first note is under way when the others come.
      await Promise.resolve()
      await Promise.resolve()
      const late = keys.slice(100).map((each) => store.create(each, record))
      expect(new Set(await Promise.all([...early, ...late]))).toEqual(new Set([true]))
    })
    const index = commands.filter((command) => command.endsWith('index'))
    expect(index).toEqual(['get index', 'insert index', 'get index', 'replace index'])
    expect((await store.keysOf('user')).sort()).toEqual(keys.sort())
  })

  it('notes the sign-ins of a user although one of them is aborted, or the note before them failed', async () => {
    const clock = manualClock()
    const record = { payload: '', version: 1, expiresAt: clock() + hour, userId: 'user' }
    const failure = new Error('the connection broke')
    let failing = true
    const watched = watchedCollection(client, () => {
      if (failing) throw failure
    })
    const store = couchbaseStore({ client: watched, prefix: newPrefix(), clock })
    const failed = expect(store.create(`${key}0`, record)).rejects.toBe(failure)
    await Promise.resolve()
    const signal = AbortSignal.abort(new Error('nobody waits'))
    const aborted = expect(store.create(`${key}1`, record, { signal })).rejects.toThrow('nobody waits')
    const created = store.create(`${key}2`, record)
    failing = false
    await Promise.all([failed, aborted])
    expect(await created).toBe(true)
    expect(await store.keysOf('user')).toEqual([`${key}2`])
    expect(await store.read(`${key}1`)).toBe(null)
    await expect(store.create(`${key}3`, record, { signal })).rejects.toThrow('nobody waits')
  })

  it('gives documents an expiry that never ends a record early', async () => {
    const { store, clock, expiries } = recordedStore()
    const expiryFor = async (ms: number) => {
      await store.create(`${key}${made++}`, { payload: '', version: 1, expiresAt: clock() + ms })
      return expiries.at(-1)
    }
    expect(await expiryFor(1)).toBe(2)
    expect(await expiryFor(second)).toBe(2)
    expect(await expiryFor(second + 1)).toBe(3)
    // The SDK makes a date of 30 days and more, which the server compares with its own clock.
    expect(await expiryFor(30 * day - 2 * second)).toBe(30 * 86_400 - 1)
    expect(await expiryFor(30 * day - second)).toBe(31 * 86_400)
    expect(await expiryFor(40 * day)).toBe(41 * 86_400 + 1)
    // 0 is for ever, which none with a deadline in the past must be.
    for (const past of [0, -1, -second, -day, -clock() - day]) expect(await expiryFor(past)).toBe(1)
    expect(await expiryFor(3660 * day)).toBe(0)
    await store.create(key, { payload: '', version: 1, expiresAt: clock() + hour })
    await store.touch(key, clock() + 2 * hour, 1)
    expect(expiries.at(-1)).toBe(2 * 3600 + 1)
    await store.replace(key, { payload: '', version: 2, expiresAt: clock() + 3 * hour }, 1)
    expect(expiries.at(-1)).toBe(3 * 3600 + 1)
  })

  it('keeps a payload with lone surrogates and U+0000, under any transcoder of the cluster', async () => {
    const prefix = newPrefix()
    const record = { payload: '\0 \ud800 \udc00\ud800 "', version: 1, expiresAt: Date.now() + hour, userId: '\ud800' }
    const raw = await collectionOf(connect(url, { ...login, transcoder: new RawBinaryTranscoder() }))
    for (const each of [raw, client]) {
      const store = couchbaseStore({ client: each, prefix })
      await store.delete(key)
      expect(await store.create(key, record)).toBe(true)
      expect(await couchbaseStore({ client, prefix }).read(key)).toEqual(record)
      expect(await store.keysOf('\ud800')).toEqual([key])
      expect(await store.keysOf('\ud801')).toEqual([])
    }
  })

  it('reads a document that is no record as missing, and neither creates nor changes anything there', async () => {
    const prefix = newPrefix()
    const store = couchbaseStore({ client, prefix })
    const expiresAt = Date.now() + hour
    const broken = [{}, [], 'text', 7, { payload: 'p', version: 1 }, { payload: {}, version: 1, expiresAt }]
    for (const content of [...broken, { payload: 'p', version: '1', expiresAt }]) {
      await client.upsert(prefix + key, content)
      expect(await store.read(key)).toBe(null)
      expect(await store.touch(key, expiresAt, 1)).toBe(false)
      expect(await store.create(key, { payload: '', version: 1, expiresAt })).toBe(false)
      expect((await client.get(prefix + key)).content).toEqual(content)
    }
    await client.upsert(prefix + key, Buffer.from('{"payload'), { transcoder: new RawBinaryTranscoder() })
    expect(await store.read(key)).toBe(null)
  })

  it('takes a broken index for an empty one, which the next owner mends', async () => {
    const { store, clock, indexIds } = recordedStore()
    const record = { payload: '', version: 1, expiresAt: clock() + hour, userId: 'user' }
    for (const content of ['text', {}, { entries: {} }, { entries: [7, ['x'], [1, 2, 3]], fullAt: 'x' }]) {
      await store.delete(key)
      await store.create(key, record)
      await client.upsert(indexIds.at(-1) ?? '', content)
      expect(await store.keysOf('user')).toEqual([])
      await store.create(`${key}2`, record)
      await store.delete(`${key}2`)
      await store.delete(key)
      await store.create(key, record)
      expect(await store.keysOf('user')).toEqual([key])
    }
  })

  it('keeps the index of an owner small, whether it is asked for or not', async () => {
    const { store, clock, indexIds } = recordedStore()
    const lasting = { payload: '', version: 1, expiresAt: clock() + 3 * day, userId: 'user' }
    await store.create(key, lasting)
    const entries = async () => (await client.get(indexIds.at(-1) ?? '')).content.entries.length
    for (let signIn = 0; signIn < 200; signIn++) {
      clock.advance(second * 60)
      await store.create(`${key}${signIn}`, { ...lasting, expiresAt: clock() + hour })
      await store.delete(`${key}${signIn}`)
    }
    expect(await entries()).toBeLessThanOrEqual(64)
    expect(await entries()).toBeGreaterThan(10)
    clock.advance(hour)
    expect(await store.keysOf('user')).toEqual([key])
    expect(await entries()).toBe(1)
    clock.advance(3 * day)
    expect(await store.keysOf('user')).toEqual([])
    await expect(client.get(indexIds.at(-1) ?? '')).rejects.toThrow('document not found')
  })

  it('drops the entries of expired sessions from the index with the next sign-in', async () => {
    const { store, clock, indexIds } = recordedStore()
    for (let day = 1; day <= 5; day++) {
      await store.create(`${key}${day}`, { payload: '', version: 1, expiresAt: clock() + hour, userId: 'user' })
      clock.advance(2 * 24 * hour)
    }
    const { entries } = (await client.get(indexIds.at(-1) ?? '')).content
    expect(entries.map(([each]: [string]) => each)).toEqual([`${key}5`])
  })

  it('REL-25 leaves no record out of its index, whichever command fails, before or after it is done', async () => {
    let failures = 0
    for (const lost of ['command', 'answer']) {
      for (let failing = 0; failing < 12; failing++) {
        const prefix = newPrefix()
        const clock = manualClock()
        const failure = new Error('the connection broke')
        let sent = 0
        const check = (at: string) => {
          if (at === lost && sent++ === failing) throw failure
        }
        const whole = couchbaseStore({ client, prefix, clock })
        const broken = couchbaseStore({
          client: watchedCollection(
            client,
            () => check('command'),
            () => check('answer'),
          ),
          prefix,
          clock,
        })
        const record = { payload: '', version: 1, expiresAt: clock() + hour, userId: 'first' }
        const moved = { ...record, version: 2, userId: 'second' }
        const steps = [
          () => broken.create(key, record),
          () => broken.replace(key, moved, 1),
          () => broken.touch(key, clock() + 5 * day, 2),
        ]
        try {
          for (const step of steps) await step()
        } catch (error) {
          expect(error).toBe(failure)
          failures++
        }
        const found = await whole.read(key)
        for (const userId of ['first', 'second']) {
          expect(await whole.keysOf(userId), `${lost} ${failing}`).toEqual(found?.userId === userId ? [key] : [])
        }
      }
    }
    // Eleven commands, of which two find nothing and so have no answer to lose.
    expect(failures).toBe(11 + 9)
  })

  it('REL-25 does not prune the entry of a record that is on its way', async () => {
    const prefix = newPrefix()
    const clock = manualClock()
    const plain = couchbaseStore({ client, prefix, clock })
    const asked: Promise<string[]>[] = []
    const slow = watchedCollection(client, () => undefined)
    const store = couchbaseStore({
      client: {
        ...slow,
        async insert(id, content, options) {
          if (!id.includes('user:')) {
            asked.push(plain.keysOf('user'))
            await Promise.all(asked)
          }
          return slow.insert(id, content, options)
        },
      },
      prefix,
      clock,
    })
    await store.create(key, { payload: '', version: 1, expiresAt: clock() + hour, userId: 'user' })
    expect(await asked[0]).toEqual([])
    expect(await plain.keysOf('user')).toEqual([key])
  })

  it('goes on when other writers come between, and gives up in the end', async () => {
    const clock = manualClock()
    const prefix = newPrefix()
    const plain = couchbaseStore({ client, prefix, clock })
    let between = 0
    let version = 1
    const store = couchbaseStore({
      client: {
        ...watchedCollection(client, () => undefined),
        async replace(id, content, options) {
          if (between-- > 0) await plain.touch(key, clock() + hour + between, version)
          return client.replace(id, content, options)
        },
      },
      prefix,
      clock,
    })
    await plain.create(key, { payload: 'old', version: 1, expiresAt: clock() + hour })
    between = 10
    const record = { payload: 'new', version: 2, expiresAt: clock() + hour }
    expect(await store.replace(key, record, 1)).toBe(true)
    expect(await plain.read(key)).toEqual(record)
    between = 1000
    version = 2
    await expect(store.touch(key, clock() + hour, version)).rejects.toThrow('changes faster than it can be written')
    const signal = AbortSignal.abort(new Error('nobody waits'))
    await expect(store.touch(key, clock() + hour, version, { signal })).rejects.toThrow('nobody waits')
  })

  it('lets the errors of the SDK through', async () => {
    const failure = Object.assign(new Error('timeout'), { name: 'AmbiguousTimeoutError' })
    const failing = watchedCollection(client, () => {
      throw failure
    })
    const store = couchbaseStore({ client: failing, prefix: newPrefix() })
    const record = { payload: '', version: 1, expiresAt: Date.now() + hour }
    await expect(store.read(key)).rejects.toBe(failure)
    await expect(store.create(key, record)).rejects.toBe(failure)
    await expect(store.replace(key, record, 1)).rejects.toBe(failure)
    await expect(store.touch(key, 1, 1)).rejects.toBe(failure)
    await expect(store.delete(key)).rejects.toBe(failure)
    await expect(store.keysOf('user')).rejects.toBe(failure)
  })

  it('REL-39 writes everything with the durability that it is told, and never asks a replica', async () => {
    for (const [durability, level] of [
      [undefined, 0],
      ['majority', 1],
      ['majorityAndPersistOnMaster', 2],
      ['persistToMajority', 3],
    ] as const) {
      const levels: unknown[] = []
      // The server of the tests knows no durability.
      const weaker = <Value extends object>(options: Value): Value => ({ ...options, durabilityLevel: 0 })
      const sending = watchedCollection(
        {
          get: (id, options) => client.get(id, options),
          insert: (id, content, options) => client.insert(id, content, weaker(options)),
          replace: (id, content, options) => client.replace(id, content, weaker(options)),
          remove: (id, options) => client.remove(id, weaker(options)),
        },
        (command, _, options) => {
          if (command !== 'get') levels.push(options['durabilityLevel'])
        },
      )
      const clock = manualClock()
      const choice = durability === undefined ? {} : { durability }
      const store = couchbaseStore({ client: sending, prefix: newPrefix(), clock, ...choice })
      const record = { payload: '', version: 1, expiresAt: clock() + hour, userId: 'user' }
      await store.create(key, record)
      await store.replace(key, { ...record, version: 2, userId: 'other' }, 1)
      await store.touch(key, clock() + 2 * hour, 2)
      await store.delete(key)
      clock.advance(hour)
      await store.keysOf('user')
      expect(levels).toEqual(Array.from({ length: 7 }, () => level))
    }
  })

  it('L2 keeps its documents under the prefix', async () => {
    const { store, ids, clock } = recordedStore('any/thing.')
    await store.create(key, { payload: '', version: 1, expiresAt: clock() + hour, userId: 'user' })
    expect(new Set(ids)).toEqual(new Set([`any/thing.${key}`, expect.stringMatching(/^any\/thing\.user:[\w-]{43}$/)]))
    await store.delete(key)
    const longest = couchbaseStore({ client, prefix: 'ž'.repeat(50), clock })
    await longest.create('k'.repeat(128), { payload: '', version: 1, expiresAt: clock() + hour })
    await longest.delete('k'.repeat(128))
  })

  it('L20 refuses options that could not work, when it is made', () => {
    const [cluster] = clusters
    for (const bad of [undefined, null, {}, 'couchbase://localhost', cluster, cluster?.bucket(couchbaseBucket)]) {
      expect(() => couchbaseStore({ client: bad as never })).toThrow(refusal('client'))
    }
    for (const bad of ['a\0', 'a\n', '\u0085', '\ud800', 'ž'.repeat(51), 7, null]) {
      expect(() => couchbaseStore({ client, prefix: bad as never })).toThrow(refusal('prefix'))
    }
    for (const bad of ['', 'none', 1, null, '__proto__']) {
      expect(() => couchbaseStore({ client, durability: bad as never })).toThrow(refusal('durability'))
    }
  })
})

function refusal(option: string): unknown {
  const message = expect.stringContaining(`couchbaseStore: ${option} must be`)
  return expect.objectContaining({ code: 'CONFIG_INVALID', message })
}

async function collectionOf(connecting: Promise<Cluster>): Promise<Collection> {
  const cluster = await connecting
  clusters.push(cluster)
  return cluster.bucket(couchbaseBucket).defaultCollection()
}

/** A store, with what it sends. */
function recordedStore(prefix: string = newPrefix()) {
  const clock = manualClock()
  const commands: string[] = []
  const expiries: unknown[] = []
  const ids: string[] = []
  const indexIds: string[] = []
  const watched = watchedCollection(client, (command, id, options) => {
    const isIndex = id.startsWith(`${prefix}user:`)
    commands.push(`${command} ${isIndex ? 'index' : 'record'}`)
    ids.push(id)
    if (isIndex) indexIds.push(id)
    if ('expiry' in options) expiries.push(options['expiry'])
  })
  const sent = async (call: () => unknown) => {
    commands.splice(0)
    await call()
    return commands.splice(0)
  }
  return { store: couchbaseStore({ client: watched, prefix, clock }), clock, sent, expiries, ids, indexIds }
}
