import { describe, expect, it, vi } from 'vitest'
import type { Store, StoredRecord } from '../../../src/contract/store.ts'
import { faultyStore, memoryStore, storeCases } from '../../../src/testing/index.ts'

const key = 'a-key-of-one-session'
const record: StoredRecord = { payload: 'first', version: 1, expiresAt: 4e12 }
const second: StoredRecord = { ...record, payload: 'second', version: 2 }

/** Whether a promise has settled by now, all that can run at once having run. */
async function isSettled(answer: unknown): Promise<boolean> {
  let settled = false
  Promise.resolve(answer).then(
    () => (settled = true),
    () => (settled = true),
  )
  await new Promise((resolve) => setImmediate(resolve))
  return settled
}

describe('faultyStore without faults', () => {
  for (const { title, run } of storeCases(({ clock }) => faultyStore(memoryStore({ clock })))) it(title, run)
})

describe('faultyStore', () => {
  it('records every call in order, with the key where there is one', async () => {
    const store = faultyStore(memoryStore())
    await store.create(key, record)
    await store.read(key)
    await store.replace(key, second, 1)
    await store.touch(key, 4e12, 2)
    await store.keysOf('user-1')
    await store.list({ limit: 1 })
    await store.count()
    await store.sweep(0, { limit: 1 })
    await store.delete(key)
    await store.close()
    expect(store.calls.map(({ operation, key }) => `${operation} ${key}`)).toEqual([
      `create ${key}`,
      `read ${key}`,
      `replace ${key}`,
      `touch ${key}`,
      'keysOf user-1',
      'list undefined',
      'count undefined',
      'sweep undefined',
      `delete ${key}`,
      'close undefined',
    ])
  })

  it('has the abilities of the store inside, no more, and its name; methods of a class keep their object', async () => {
    class Bare implements Store {
      readonly #records = new Map<string, StoredRecord>()
      get name() {
        return 'bare'
      }
      async read(key: string) {
        return this.#records.get(key) ?? null
      }
      async create(key: string, record: StoredRecord) {
        this.#records.set(key, record)
        return true
      }
      async replace() {
        return false
      }
      async touch() {
        return false
      }
      async delete() {
        this.#records.clear()
      }
    }
    const store = faultyStore(new Bare())
    await store.create(key, record)
    expect(await store.read(key)).toEqual(record)
    expect(store.name).toBe('bare')
    expect(['sweep', 'list', 'count', 'keysOf', 'close'].filter((ability) => ability in store)).toEqual([])
    const full = faultyStore(memoryStore())
    expect(['sweep', 'list', 'count', 'keysOf', 'close'].filter((ability) => ability in full)).toHaveLength(5)
  })

  it('fail: the call rejects, with the given error or its own, and nothing was done', async () => {
    const store = faultyStore(memoryStore())
    const error = new Error('connection reset')
    store.faults.fail('create', { error })
    await expect(store.create(key, record)).rejects.toBe(error)
    expect(await store.read(key)).toBeNull()
    store.faults.fail('read')
    await expect(store.read(key)).rejects.toThrow('a programmed fault: the store failed')
    expect(store.calls).toHaveLength(3)
  })

  it('loseReply: the call rejects, and the work was done', async () => {
    const store = faultyStore(memoryStore())
    store.faults.loseReply('create', { times: 1 })
    await expect(store.create(key, record)).rejects.toThrow('the answer of the store was lost')
    expect(await store.read(key)).toEqual(record)
    expect(await store.create(key, record)).toBe(false)
  })

  it('hang: the call never settles, whether or not the work was done', async () => {
    const store = faultyStore(memoryStore())
    store.faults.hang('create', { times: 1 })
    expect(await isSettled(store.create(key, record))).toBe(false)
    expect(await store.read(key)).toBeNull()
    store.faults.hang('create', { times: 1, applied: true })
    expect(await isSettled(store.create(key, record))).toBe(false)
    expect(await store.read(key)).toEqual(record)
  })

  it('delay: the call takes that much longer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    try {
      const store = faultyStore(memoryStore())
      store.faults.delay('create', 500)
      const call = store.create(key, record)
      await vi.advanceTimersByTimeAsync(499)
      expect(await isSettled(call)).toBe(false)
      await vi.advanceTimersByTimeAsync(1)
      expect(await call).toBe(true)
    } finally {
      vi.useRealTimers()
    }
  })

  it('hold: the call waits to be released, before or after the work', async () => {
    const store = faultyStore(memoryStore())
    await store.create(key, record)
    const before = store.faults.hold('replace', { times: 1 })
    const replaced = store.replace(key, second, 1)
    await before.reached
    expect(await store.read(key)).toEqual(record)
    await store.delete(key)
    before.release()
    expect(await replaced).toBe(false)

    const after = store.faults.hold('create', { times: 1, applied: true })
    const created = store.create(key, record)
    await after.reached
    expect(await store.read(key)).toEqual(record)
    expect(await isSettled(created)).toBe(false)
    after.release()
    expect(await created).toBe(true)
  })

  it('times, when: only the next calls, only those that match', async () => {
    const store = faultyStore(memoryStore())
    const other = 'the-key-of-another-one'
    store.faults.fail('read', { times: 2, when: (call) => call.key === key })
    const outcomes: string[] = []
    for (const asked of [other, key, other, key, key]) {
      await Promise.resolve(store.read(asked)).then(
        () => outcomes.push('answered'),
        () => outcomes.push('failed'),
      )
    }
    expect(outcomes).toEqual(['answered', 'failed', 'answered', 'failed', 'answered'])
  })

  it('* stands for every operation; clear ends all faults', async () => {
    const store = faultyStore(memoryStore())
    store.faults.fail('*')
    await expect(store.read(key)).rejects.toThrow()
    await expect(store.count()).rejects.toThrow()
    store.faults.clear()
    expect(await store.count()).toBe(0)
  })

  it('several faults of one call happen one after the other', async () => {
    const store = faultyStore(memoryStore())
    const held = store.faults.hold('create')
    store.faults.loseReply('create')
    const call = store.create(key, record)
    await held.reached
    expect(await store.read(key)).toBeNull()
    held.release()
    await expect(call).rejects.toThrow('the answer of the store was lost')
    expect(await store.read(key)).toEqual(record)
  })

  it('a store that throws instead of rejecting rejects here', async () => {
    const read = () => {
      throw new Error('thrown')
    }
    const store = faultyStore<Store>({ ...memoryStore(), read })
    await expect(store.read(key)).rejects.toThrow('thrown')
  })
})
