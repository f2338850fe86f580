import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StoredRecord } from '../../../src/contract/store.ts'
import { SessionError } from '../../../src/errors.ts'
import { memoryStore } from '../../../src/stores/memory/index.ts'
import { manualClock } from '../../../src/testing/manual-clock.ts'

const hour = 3_600_000
const keyOf = (index: number) => `key-${String(index).padStart(20, '0')}`

function stage(maxRecords?: number) {
  const clock = manualClock()
  const store = memoryStore(maxRecords === undefined ? { clock } : { clock, maxRecords })
  const record = (changes: Partial<StoredRecord> = {}): StoredRecord => ({
    payload: 'payload',
    version: 1,
    expiresAt: clock() + hour,
    ...changes,
  })
  const present = async (...indexes: number[]) => {
    const found = await Promise.all(indexes.map((index) => store.read(keyOf(index))))
    return indexes.filter((_, at) => found[at] !== null)
  }
  return { clock, store, record, present }
}

describe('memoryStore: the cap', () => {
  it('SEC-53 100,000 creates with a cap of 1,000 leave the newest 1,000', async () => {
    const { store, record, present } = stage(1000)
    for (let index = 0; index < 100_000; index++) await store.create(keyOf(index), record())
    expect(await store.count()).toBe(1000)
    expect(await present(98_999, 99_000, 99_999)).toEqual([99_000, 99_999])
  })

  it('SEC-53 a flood of anonymous sessions drives out no signed-in one', async () => {
    const { store, record } = stage(1000)
    for (let index = 0; index < 999; index++) await store.create(keyOf(index), record({ userId: `user-${index}` }))
    for (let index = 1000; index < 20_000; index++) await store.create(keyOf(index), record())
    expect(await store.count()).toBe(1000)
    for (let index = 0; index < 999; index++) expect(await store.keysOf(`user-${index}`)).toEqual([keyOf(index)])
  })

  it('SEC-53 owned records go only when no anonymous one is left, least recently written first', async () => {
    const { store, record, present } = stage(3)
    await store.create(keyOf(1), record({ userId: 'user-1' }))
    await store.create(keyOf(2), record({ userId: 'user-2' }))
    await store.create(keyOf(3), record())
    await store.create(keyOf(4), record({ userId: 'user-4' }))
    expect(await present(1, 2, 3, 4)).toEqual([1, 2, 4])
    await store.touch(keyOf(1), record().expiresAt, 1)
    await store.create(keyOf(5), record({ userId: 'user-5' }))
    expect(await present(1, 2, 4, 5)).toEqual([1, 4, 5])
    expect(await store.keysOf('user-2')).toEqual([])
  })

  it('replace and touch count as a use, read does not', async () => {
    const { store, record, present } = stage(4)
    for (const index of [1, 2, 3, 4]) await store.create(keyOf(index), record())
    await store.replace(keyOf(1), record({ version: 2 }), 1)
    await store.touch(keyOf(2), record().expiresAt, 1)
    await store.read(keyOf(3))
    await store.create(keyOf(5), record())
    await store.create(keyOf(6), record())
    expect(await present(1, 2, 3, 4, 5, 6)).toEqual([1, 2, 5, 6])
  })

  it('a record that gains an owner is kept like one, and one that loses it is not', async () => {
    const { store, record, present } = stage(3)
    for (const index of [1, 2]) await store.create(keyOf(index), record())
    await store.create(keyOf(3), record({ userId: 'user-3' }))
    await store.replace(keyOf(3), record({ version: 2 }), 1)
    await store.replace(keyOf(1), record({ version: 2, userId: 'user-1' }), 1)
    await store.create(keyOf(4), record({ userId: 'user-4' }))
    await store.create(keyOf(5), record({ userId: 'user-5' }))
    expect(await present(1, 2, 3, 4, 5)).toEqual([1, 4, 5])
  })

  it('a refused create evicts nothing', async () => {
    const { store, record, present } = stage(2)
    for (const index of [1, 2]) await store.create(keyOf(index), record())
    expect(await store.create(keyOf(2), record())).toBe(false)
    expect(await present(1, 2)).toEqual([1, 2])
  })

  it('refuses a cap that is not a whole number above 0', () => {
    for (const maxRecords of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '7' as unknown as number]) {
      expect(() => memoryStore({ maxRecords })).toThrow(SessionError)
    }
  })
})

describe('memoryStore: expired records', () => {
  /** How many records are held, expired ones included: so many are removed once all are due. */
  const held = (store: ReturnType<typeof memoryStore>) => store.sweep(Number.MAX_SAFE_INTEGER, { limit: 1e9 })

  it('L14 go as new ones come, without a timer and without a sweep', async () => {
    const { clock, store, record } = stage()
    for (let index = 0; index < 1000; index++) await store.create(keyOf(index), record())
    clock.advance(hour)
    for (let index = 1000; index < 1250; index++) await store.create(keyOf(index), record())
    expect(await held(store)).toBe(250)
  })

  it('stay few while sessions come and go at a steady pace', async () => {
    const { clock, store, record } = stage()
    for (let index = 0; index < 50_000; index++) {
      await store.create(keyOf(index), record())
      clock.advance(hour / 1000)
    }
    expect(await store.count()).toBeLessThanOrEqual(1000)
    expect(await held(store)).toBeLessThan(1500)
  })

  it('make room before anything that lives is evicted', async () => {
    const { clock, store, record, present } = stage(4)
    await store.create(keyOf(1), record())
    await store.create(keyOf(2), record({ expiresAt: clock() + 1 }))
    await store.create(keyOf(3), record())
    await store.create(keyOf(4), record())
    clock.advance(1)
    await store.create(keyOf(5), record())
    expect(await present(1, 3, 4, 5)).toEqual([1, 3, 4, 5])
  })

  it('a deadline that is not a number has passed', async () => {
    const { store, record } = stage()
    await store.create(keyOf(1), record({ expiresAt: Number.NaN }))
    expect([await store.read(keyOf(1)), await store.count(), await held(store)]).toEqual([null, 0, 1])
  })
})

describe('memoryStore: a sweep of many records', () => {
  it('B21 stops when its signal is aborted, and lets other work in meanwhile, also between small sweeps', async () => {
    const { clock, store, record } = stage()
    for (let index = 0; index < 50_000; index++) await store.create(keyOf(index), record())
    clock.advance(hour)
    const abort = new AbortController()
    setTimeout(() => abort.abort())
    let removed = 0
    let sweeps = 0
    for (; !abort.signal.aborted && sweeps < 5000; sweeps++) {
      removed += await store.sweep(clock(), { limit: 10, signal: abort.signal })
    }
    expect(sweeps).toBeLessThan(5000)
    expect(await store.sweep(clock(), { limit: 1e9, signal: abort.signal })).toBe(0)
    expect(removed + (await store.sweep(clock(), { limit: 1e9 }))).toBe(50_000)
  })
})

describe('memoryStore: listing and closing', () => {
  it('a page looks at a bounded number of records, and may be empty before the last one', async () => {
    const { store, record } = stage()
    for (let index = 0; index < 20_000; index++) await store.create(keyOf(index), record())
    const sizes: number[] = []
    let cursor: string | null = null
    do {
      const page: Awaited<ReturnType<typeof store.list>> = await store.list({
        cursor,
        limit: 100,
        prefix: keyOf(19_999),
      })
      sizes.push(page.entries.length)
      cursor = page.cursor
    } while (cursor !== null)
    expect(sizes).toEqual([0, 0, 1])
  })

  it('what deleted records leave is used again: a listing does not grow with the past', async () => {
    const { store, record } = stage()
    for (let round = 0; round < 10_000; round++) {
      for (const index of [1, 2, 3]) await store.create(keyOf(index), record())
      for (const index of [1, 2, 3]) await store.delete(keyOf(index))
    }
    expect(await store.list({ limit: 100 })).toEqual({ entries: [], cursor: null })
  })

  it('a foreign cursor is a fault', async () => {
    const { store } = stage()
    for (const cursor of ['x', '-1', '1.5', 'Infinity']) {
      await expect(store.list({ cursor, limit: 1 })).rejects.toThrow('the cursor is not one of its own')
    }
  })

  it('close forgets everything', async () => {
    const { store, record, present } = stage()
    await store.create(keyOf(1), record({ userId: 'user-1' }))
    await store.close()
    expect([await present(1), await store.keysOf('user-1'), await store.count()]).toEqual([[], [], 0])
  })
})

describe('memoryStore against a model', () => {
  const index = fc.nat(5)
  const user = fc.option(fc.constantFrom('user-1', 'user-2', 'user-3'), { nil: undefined })
  const ttl = fc.integer({ min: 0, max: 20 })
  const step = fc.oneof(
    fc.record({ verb: fc.constant('create' as const), index, user, ttl }),
    fc.record({ verb: fc.constant('replace' as const), index, user, ttl, stale: fc.boolean() }),
    fc.record({ verb: fc.constant('touch' as const), index, ttl, stale: fc.boolean() }),
    fc.record({ verb: fc.constant('delete' as const), index }),
    fc.record({ verb: fc.constant('sweep' as const), limit: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ verb: fc.constant('advance' as const), ms: fc.nat(10) }),
  )

  /** Records in the order of their last write; the first anonymous one is evicted, or else the first. */
  class Model {
    readonly records = new Map<string, StoredRecord>()
    readonly now: () => number
    readonly cap: number
    constructor(now: () => number, cap: number) {
      this.now = now
      this.cap = cap
    }
    live(key: string): StoredRecord | undefined {
      const found = this.records.get(key)
      return found !== undefined && found.expiresAt > this.now() ? found : undefined
    }
    write(key: string, record: StoredRecord): void {
      this.records.delete(key)
      this.records.set(key, record)
    }
    dropExpired(): void {
      for (const key of this.records.keys()) if (this.live(key) === undefined) this.records.delete(key)
    }
    makeRoom(): void {
      if (this.records.size < this.cap) return
      const keys = [...this.records.keys()]
      this.records.delete(keys.find((key) => this.records.get(key)?.userId === undefined) ?? keys[0] ?? '')
    }
  }

  it('SEC-53 L14 B20 every answer, the listing, the count and the user index agree after every step', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        // With at most 4 slots each create looks at all of them: expired records never stand in the way.
        const cap = 4
        const { clock, store } = stage(cap)
        const model = new Model(clock, cap)
        let stamp = 0
        const record = (version: number, ttl: number, userId: string | undefined): StoredRecord => {
          const made = { payload: `payload ${++stamp}`, version, expiresAt: clock() + ttl }
          return userId === undefined ? made : { ...made, userId }
        }
        for (const action of steps) {
          if (action.verb === 'advance') clock.advance(action.ms)
          else if (action.verb === 'sweep') {
            const due = [...model.records.keys()].filter((key) => model.live(key) === undefined).length
            const removed = await store.sweep(clock(), { limit: action.limit })
            expect(removed).toBeLessThanOrEqual(action.limit)
            // Which of the due ones went is the store's choice; so let it finish.
            const rest = await store.sweep(clock(), { limit: 1000 })
            expect(removed + rest).toBe(due)
            model.dropExpired()
          } else {
            const key = keyOf(action.index)
            const found = model.live(key)
            if (action.verb === 'create') {
              const made = record(1, action.ttl, action.user)
              expect(await store.create(key, made)).toBe(found === undefined)
              if (found === undefined) {
                model.dropExpired()
                model.makeRoom()
                model.write(key, made)
              }
            } else if (action.verb === 'replace') {
              const expected = (found?.version ?? 1) + (action.stale ? 1 : 0)
              const made = record(expected + 1, action.ttl, action.user)
              const done = found?.version === expected
              expect(await store.replace(key, made, expected)).toBe(done)
              if (done) model.write(key, made)
            } else if (action.verb === 'touch') {
              const expiresAt = clock() + action.ttl
              const expected = (found?.version ?? 1) + (action.stale ? 1 : 0)
              const done = found?.version === expected
              expect(await store.touch(key, expiresAt, expected)).toBe(done)
              if (done) model.write(key, { ...found, expiresAt })
            } else {
              await store.delete(key)
              model.records.delete(key)
            }
          }
          const live = [...model.records].filter(([key]) => model.live(key) !== undefined)
          const listed = await store.list({ limit: 1000 })
          expect(new Map(listed.entries.map(({ key, record }) => [key, record]))).toEqual(new Map(live))
          expect(await store.count()).toBe(live.length)
          for (const userId of ['user-1', 'user-2', 'user-3']) {
            const keys = live.filter(([, record]) => record.userId === userId).map(([key]) => key)
            expect((await store.keysOf(userId)).sort()).toEqual(keys.sort())
          }
          for (let at = 0; at <= 5; at++) expect(await store.read(keyOf(at))).toEqual(model.live(keyOf(at)) ?? null)
        }
      }),
      { numRuns: 150 },
    )
  })
})
