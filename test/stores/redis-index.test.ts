import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, it } from 'vitest'
import type { StoredRecord } from '../../src/index.ts'
import { redisStore } from '../../src/stores/redis/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { sharedServer } from '../services/address.ts'
import { type Hook, hooked } from './redis/hooked.ts'

const hour = 3_600_000
const day = 24 * hour
const { host, port } = await sharedServer('redis')
const client = new Redis(port, host, { autoResendUnfulfilledCommands: false })
afterAll(() => client.disconnect())

let prefixes = 0
/** A store with nothing in it, at midday, and its commands in the hands of `hook`. */
function stage(hook: Hook = (_command, send) => send()) {
  const clock = manualClock(Math.floor(Date.now() / day) * day + day / 2)
  const prefix = `${process.pid}:index:${prefixes++}:`
  const store = redisStore({ client, clock, prefix })
  // What this one does is in the hands of `hook`.
  const faulty = redisStore({ client: hooked(client, hook), clock, prefix })
  const entries = (userId: string) => client.zrange(`${prefix}u=${userId}`, '0', '-1')
  const record = (changes: Partial<StoredRecord> = {}): StoredRecord => ({
    payload: 'payload',
    version: 1,
    expiresAt: clock() + hour,
    userId: 'ann',
    ...changes,
  })
  return { clock, prefix, store, faulty, entries, record }
}

/** Something to wait for. */
function gate() {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

const key = 'a-record-of-these-tests'

describe('the index of redisStore', () => {
  it('keeps an entry whose record is still on its way', async () => {
    const indexed = gate()
    const arrival = gate()
    let scripts = 0
    const { store, faulty, entries, record } = stage(async ([name], send) => {
      if (name === 'EVALSHA' && ++scripts === 2) {
        indexed.open()
        await arrival.opened
      }
      return send()
    })
    const creating = faulty.create(key, record())
    await indexed.opened
    expect(await entries('ann')).toEqual([key])
    expect(await store.keysOf('ann')).toEqual([])
    expect(await entries('ann')).toEqual([key])
    arrival.open()
    expect(await creating).toBe(true)
    expect(await store.keysOf('ann')).toEqual([key])
  })

  it('drops what leads nowhere when it is asked an hour later, and nothing else', async () => {
    const { clock, store, entries, record } = stage()
    const keys = ['deleted', 'of-another-owner', 'of-nobody', 'expired', 'alive'].map(
      (each) => `a-record-that-is-${each}`,
    )
    const [deleted = '', moved = '', freed = '', expired = '', alive = ''] = keys
    for (const each of keys)
      await store.create(each, record({ expiresAt: clock() + (each === expired ? 60_000 : 5 * hour) }))
    await store.delete(deleted)
    await store.replace(moved, record({ version: 2, userId: 'bob', expiresAt: clock() + 5 * hour }), 1)
    const { userId: _, ...anonymous } = record({ version: 2, expiresAt: clock() + 5 * hour })
    await store.replace(freed, anonymous, 1)
    clock.advance(hour)
    expect(await store.keysOf('ann')).toEqual([alive])
    expect(await entries('ann')).toHaveLength(5)
    clock.advance(60_000)
    expect(await store.keysOf('ann')).toEqual([alive])
    expect(await entries('ann')).toEqual([alive])
    expect(await store.keysOf('bob')).toEqual([moved])
  })

  it('keeps an entry that was renewed after a reader had found its record missing', async () => {
    let renew: () => Promise<unknown> = async () => undefined
    const { clock, store, faulty, entries, record } = stage(async ([name], send) => {
      if (name === 'EVALSHA') await renew()
      return send()
    })
    await store.create(key, record())
    await store.delete(key)
    clock.advance(2 * hour)
    renew = async () => expect(await store.create(key, record())).toBe(true)
    expect(await faulty.keysOf('ann')).toEqual([])
    expect(await entries('ann')).toEqual([key])
    expect(await store.keysOf('ann')).toEqual([key])
  })

  it('forgets the entries of past days with the next one, so that it does not grow with every sign-in', async () => {
    const { clock, store, entries, record } = stage()
    for (let round = 0; round < 30; round++) {
      await store.create(`a-record-of-round-${round}`, record())
      clock.advance(12 * hour)
    }
    expect((await entries('ann')).length).toBeLessThanOrEqual(4)
  })

  it('is cleared of what leads nowhere as it grows, so that signing in and out all day does not fill it', async () => {
    let looks = 0
    const { clock, faulty, entries, record } = stage(async ([name], send) => {
      if (name === 'ZRANGEBYSCORE') looks++
      return send()
    })
    await faulty.create('a-record-that-stays-alive', record({ expiresAt: clock() + 11 * hour }))
    let most = 0
    for (let round = 0; round < 700; round++) {
      const each = `a-record-of-round-${round}`
      await faulty.create(each, record())
      await faulty.delete(each)
      clock.advance(30_000)
      if (round > 250) most = Math.max(most, (await entries('ann')).length)
    }
    // A few sign-ins more go by while it is cleared.
    expect(most).toBeLessThan(300)
    expect(looks).toBeGreaterThan(1)
    expect(looks).toBeLessThan(10)
    expect(await faulty.keysOf('ann')).toEqual(['a-record-that-stays-alive'])
  })

  it('is looked through when it has doubled, not with every sign-in or renewed entry', async () => {
    const looked: number[] = []
    let made = 0
    const { clock, faulty, record } = stage(async ([name], send) => {
      if (name === 'ZRANGEBYSCORE') looked.push(made)
      return send()
    })
    while (made < 1024) expect(await faulty.create(`a-record-of-round-${made++}`, record())).toBe(true)
    expect(looked).toEqual([256, 512, 1024])
    expect(await faulty.touch('a-record-of-round-0', clock() + 2 * day, 1)).toBe(true)
    expect(looked).toHaveLength(3)
  })

  it('lets a sign-in succeed when it cannot be cleared', async () => {
    let faults = 0
    const { faulty, record } = stage(async ([name], send) => {
      if (name !== 'ZRANGEBYSCORE') return send()
      faults++
      throw new Error('planted')
    })
    for (let round = 0; round < 257; round++)
      expect(await faulty.create(`a-record-of-round-${round}`, record())).toBe(true)
    expect(faults).toBe(1)
  })

  it('REL-36 is read with a bounded number of commands at once, and none after the signal', async () => {
    let underWay = 0
    let most = 0
    let sent = 0
    const stop = new AbortController()
    const { prefix, clock, store, faulty, record } = stage(async ([name], send) => {
      if (name !== 'GETRANGE') return send()
      sent++
      most = Math.max(most, ++underWay)
      const answer = await send()
      underWay--
      return answer
    })
    const keys = Array.from({ length: 400 }, (_, index) => `a-record-of-many-${String(index).padStart(3, '0')}`)
    await Promise.all(keys.map((each) => store.create(each, record())))
    const gone = Array.from({ length: 400 }, (_, index) => [String(clock() + day), `a-record-that-is-gone-${index}`])
    await client.zadd(`${prefix}u=ann`, ...gone.flat())
    expect((await faulty.keysOf('ann')).sort()).toEqual(keys)
    expect(most).toBeLessThanOrEqual(128)
    expect(sent).toBe(800)
    stop.abort(new Error('enough'))
    await expect(faulty.keysOf('ann', { signal: stop.signal })).rejects.toThrow('enough')
    expect(sent).toBe(800)
  })

  it('knows a record as long as it lives, by whatever its deadline was moved', async () => {
    const { clock, store, record } = stage()
    await store.create(key, record())
    for (let round = 0; round < 100; round++) {
      clock.advance(50 * 60_000)
      expect(await store.touch(key, clock() + hour, 1)).toBe(true)
      // Another sign-in of the user, which drops what is over.
      await store.create(`another-record-${round}`, record())
      expect(await store.keysOf('ann')).toContain(key)
    }
  })

  it('is not told a nearer deadline by a write that is refused', async () => {
    const { clock, store, record } = stage()
    await store.create(key, record({ expiresAt: clock() + 5 * day }))
    expect(await store.create(key, record())).toBe(false)
    clock.advance(3 * day)
    await store.create('another-record-of-this-owner', record())
    expect(await store.keysOf('ann')).toContain(key)
  })

  it('always has exactly the live records of an owner', async () => {
    const keys = ['a-record-that-is-first', 'a-record-that-is-second']
    const users = [undefined, 'ann', 'bob']
    const action = fc.record({
      verb: fc.constantFrom('create', 'replace', 'touch', 'delete', 'wait', 'look'),
      key: fc.constantFrom(...keys),
      userId: fc.constantFrom(...users),
      // None that the server's own TTL, in real time, could end meanwhile.
      ms: fc.constantFrom(-1, 60_000, 10 * 60_000, hour, 11 * hour, 12 * hour, day, 3 * day),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
        const { clock, store } = stage()
        const model = new Map<string, StoredRecord>()
        const alive = (each: string) => {
          const record = model.get(each)
          return record !== undefined && record.expiresAt > clock() ? record : undefined
        }
        for (const { verb, key, userId, ms } of actions) {
          const expiresAt = clock() + ms
          const old = alive(key)
          const record = { payload: verb, version: (old?.version ?? 0) + 1, expiresAt, ...(userId && { userId }) }
          if (verb === 'wait') clock.advance(Math.abs(ms))
          else if (verb === 'create') {
            if (await store.create(key, record)) model.set(key, record)
          } else if (verb === 'replace') {
            if (await store.replace(key, record, old?.version ?? 0)) model.set(key, record)
          } else if (verb === 'touch') {
            expect(await store.touch(key, expiresAt, (old?.version ?? 1) + 1)).toBe(false)
            expect(await store.touch(key, expiresAt, old?.version ?? 1)).toBe(old !== undefined)
            if (old !== undefined) model.set(key, { ...old, expiresAt })
          } else if (verb === 'delete') {
            await store.delete(key)
            model.delete(key)
          }
          if (verb !== 'look' && verb !== 'wait') continue
          for (const user of ['ann', 'bob']) {
            const expected = keys.filter((each) => alive(each)?.userId === user)
            expect((await store.keysOf(user)).sort()).toEqual(expected)
          }
        }
      }),
      { numRuns: 150 },
    )
  })
})

describe('REL-25 redisStore, failing between any two commands,', () => {
  type Stage = ReturnType<typeof stage>
  const operations: Record<string, (store: Stage['store'], stage: Stage) => Promise<unknown>> = {
    'create with an owner': async (store, { record }) => store.create('a-record-that-is-new', record()),
    'replace with another owner': async (store, { record }) =>
      store.replace(key, record({ version: 2, userId: 'bob' }), 1),
    'replace with a far deadline': async (store, { record, clock }) =>
      store.replace(key, record({ version: 2, expiresAt: clock() + 3 * day }), 1),
    'replace without an owner': async (store, { record }) => {
      const { userId: _, ...anonymous } = record({ version: 2 })
      return store.replace(key, anonymous, 1)
    },
    'touch to a far deadline': async (store, { clock }) => store.touch(key, clock() + 3 * day, 1),
    delete: async (store) => store.delete(key),
    keysOf: async (store) => store.keysOf('ann'),
  }
  const faults = { 'is lost': false, 'is carried out, but its answer is lost': true }

  for (const [title, operation] of Object.entries(operations)) {
    for (const [fault, applied] of Object.entries(faults)) {
      it(`leaves only what heals by itself: ${title}, where a command ${fault}`, async () => {
        let failures = 0
        for (let nth = 1; nth < 10; nth++) {
          let sent = 0
          const staged = stage(async ([name], send) => {
            if (name === 'INFO' || ++sent !== nth) return send()
            if (applied) await send()
            throw new Error('planted')
          })
          const { clock, store, faulty, record } = staged
          await store.create(key, record({ expiresAt: clock() + 5 * hour }))
          await store.create('a-record-that-is-gone', record())
          await store.delete('a-record-that-is-gone')
          clock.advance(2 * hour)
          const outcome = await operation(faulty, staged).then(
            () => 'done',
            (error: Error) => error.message,
          )
          if (outcome === 'planted') failures++
          await expectSound(staged)
          // The same again, without a fault: done, or refused because it was done.
          await operation(store, staged)
          await expectSound(staged)
          clock.advance(2 * day)
          await expectSound(staged)
          if (outcome === 'done') break
        }
        expect(failures).toBeGreaterThan(0)
      })
    }
  }

  /** Each live record is found by its owner, and by nobody else. */
  async function expectSound({ store }: Stage): Promise<void> {
    const { entries } = await store.list({ limit: 100 })
    for (const userId of ['ann', 'bob']) {
      const expected = entries.flatMap((entry) => (entry.record.userId === userId ? [entry.key] : []))
      expect((await store.keysOf(userId)).sort()).toEqual(expected.sort())
    }
  }
})
