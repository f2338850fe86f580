import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { StoreCallOptions } from '../../../../src/contract/store.ts'
import { Guard, guardListing, guardStore } from '../../../../src/core/store/deadline.ts'
import type { SessionError } from '../../../../src/errors.ts'
import { faultyStore, memoryStore } from '../../../../src/testing/index.ts'
import { bundleChild } from '../../../fixtures/children.ts'
import { gate } from '../../../fixtures/gate.ts'

const timeout = 2000

describe('Guard', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  function stage(ms = timeout) {
    const faults: [string, string][] = []
    const guard = new Guard('fake', ms, (operation, { code }) => faults.push([operation, code]))
    return { guard, faults }
  }

  it('REL-01 a call that is not answered fails at its deadline, not before, and its signal is aborted', async () => {
    const { guard, faults } = stage()
    let signal: AbortSignal | undefined
    const call = guard.call('read', (options) => {
      signal = options.signal
      return new Promise<never>(() => undefined)
    })
    const failure = Promise.resolve(call).catch((error: SessionError) => error)
    await vi.advanceTimersByTimeAsync(timeout - 1)
    expect([faults, signal?.aborted]).toEqual([[], false])
    await vi.advanceTimersByTimeAsync(1)
    const error = await failure
    expect(error).toMatchObject({ code: 'STORE_TIMEOUT', status: 503 })
    expect((error as SessionError).message).toContain('The store "fake" did not read within 2000 ms')
    expect([faults, signal?.aborted, signal?.reason]).toEqual([[['read', 'STORE_TIMEOUT']], true, error])
  })

  it('REL-01 each call has a deadline of its own, however they overlap', async () => {
    const { guard } = stage()
    const ended: [number, string][] = []
    const begin = (at: number, answered?: number) => {
      const answer = gate<string>()
      const call = guard.call(`call ${at}`, () => answer.promise)
      const end = (how: string) => () => ended.push([at, how])
      Promise.resolve(call).then(end('answered'), end('timed out'))
      if (answered !== undefined) setTimeout(() => answer.open('late or not'), answered)
    }
    for (const [at, answered] of [
      [0, undefined],
      [100, 50],
      [200, timeout - 1],
      [300, timeout + 1],
      [1900, undefined],
      [2500, 1],
    ] as const) {
      await vi.advanceTimersByTimeAsync(at - performance.now() + origin())
      begin(at, answered)
    }
    await vi.advanceTimersByTimeAsync(10_000)
    expect(ended).toEqual([
      [100, 'answered'],
      [0, 'timed out'],
      [200, 'answered'],
      [300, 'timed out'],
      [2500, 'answered'],
      [1900, 'timed out'],
    ])
  })

  it('REL-01 an answer or an error that comes too late is ignored, and is no unhandled rejection', async () => {
    const { guard, faults } = stage()
    const late = [gate<string>(), gate<string>()]
    const calls = late.map(async ({ promise }) => {
      try {
        return await guard.call('read', () => promise)
      } catch (error) {
        return (error as SessionError).code
      }
    })
    await vi.advanceTimersByTimeAsync(timeout)
    expect(await Promise.all(calls)).toEqual(['STORE_TIMEOUT', 'STORE_TIMEOUT'])
    late[0]?.open('late')
    late[1]?.fail(new Error('late'))
    await vi.advanceTimersByTimeAsync(timeout)
    expect(faults).toHaveLength(2)
  })

  it('what the store throws becomes STORE_FAILED with the cause, also when it throws at once', async () => {
    const { guard, faults } = stage()
    const cause = new Error('connection reset')
    for (const start of [
      () => Promise.reject(cause),
      () => {
        throw cause
      },
    ]) {
      const error = await guard.call('replace', start).catch((each: unknown) => each)
      expect(error).toMatchObject({ code: 'STORE_FAILED', status: 503, cause })
      expect((error as SessionError).message).toBe('The store "fake" failed to replace: the cause says why.')
    }
    expect(faults).toEqual([
      ['replace', 'STORE_FAILED'],
      ['replace', 'STORE_FAILED'],
    ])
  })

  it('makes no signal for a store that does not look, and one only for one that does', async () => {
    const { guard } = stage()
    const made = vi.spyOn(globalThis, 'AbortController')
    await guard.call('read', async () => undefined)
    expect(made).not.toHaveBeenCalled()
    const signals = new Set<unknown>()
    await guard.call('read', async (options) => {
      signals.add(options.signal)
      signals.add(options.signal)
    })
    expect([signals.size, made.mock.calls.length]).toEqual([1, 1])
    made.mockRestore()
  })

  it('REL-28 a timeout beyond what a timer can count does not fire at once, again and again', async () => {
    const month = 30 * 86_400_000
    const { guard, faults } = stage(month)
    const timers = vi.spyOn(globalThis, 'setTimeout')
    Promise.resolve(guard.call('read', () => new Promise<never>(() => undefined))).catch(() => undefined)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(faults).toEqual([])
    expect(timers.mock.calls.length).toBeLessThan(3)
    for (const [, ms] of timers.mock.calls) expect(ms).toBeLessThan(2 ** 31)
    await vi.advanceTimersByTimeAsync(month)
    expect(faults).toEqual([['read', 'STORE_TIMEOUT']])
    timers.mockRestore()
  })

  it('serves ten thousand overlapping calls with one timer', async () => {
    const { guard } = stage()
    const answers = Array.from({ length: 10_000 }, () => gate<number>())
    const calls = answers.map(({ promise }) => guard.call('read', () => promise))
    expect(vi.getTimerCount()).toBe(1)
    // Not in the order of arrival.
    for (let at = 0; at < answers.length; at++) answers[(at * 7919) % answers.length]?.open(at)
    expect(new Set(await Promise.all(calls)).size).toBe(10_000)
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(timeout)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('puts every operation of a store and its listing under the deadline, with their arguments', async () => {
    const { guard, faults } = stage()
    const store = faultyStore(memoryStore())
    const guarded = guardStore(store, guard)
    const listing = guardListing(store, guard)
    const record = { payload: 'p', version: 1, expiresAt: Date.now() + 60_000 }
    const key = 'a-key-of-a-record'
    expect(await guarded.create(key, record)).toBe(true)
    expect(await guarded.replace(key, { ...record, version: 2 }, 1)).toBe(true)
    expect(await guarded.touch(key, record.expiresAt + 1, 2)).toBe(true)
    expect(await guarded.read(key)).toEqual({ ...record, version: 2, expiresAt: record.expiresAt + 1 })
    expect(await listing.count()).toBe(1)
    expect((await listing.list({ limit: 5, prefix: 'a-key' })).entries).toHaveLength(1)
    await guarded.delete(key)
    expect(await guarded.read(key)).toBeNull()
    store.faults.hang('*')
    const hanging = [
      guarded.read(key),
      guarded.create(key, record),
      guarded.replace(key, record, 1),
      guarded.touch(key, 1, 1),
      guarded.delete(key),
      listing.list({ limit: 1 }),
      listing.count(),
    ].map(async (call: unknown) => Promise.resolve(call).catch(({ code }: SessionError) => code))
    await vi.advanceTimersByTimeAsync(timeout)
    expect(await Promise.all(hanging)).toEqual(Array.from({ length: 7 }, () => 'STORE_TIMEOUT'))
    expect(faults.map(([operation]) => operation)).toEqual([
      'read',
      'create',
      'replace',
      'touch',
      'delete',
      'list',
      'count',
    ])
  })

  it('a listing gets its signal beside the query', async () => {
    const { guard } = stage()
    const seen: unknown[] = []
    const listing = guardListing(
      {
        list: async (query) => {
          seen.push(query)
          return { entries: [], cursor: null }
        },
        count: async (options?: StoreCallOptions) => (options?.signal === undefined ? 0 : 1),
      },
      guard,
    )
    await listing.list({ limit: 7, prefix: 'x', cursor: 'c' })
    expect(seen).toEqual([{ limit: 7, prefix: 'x', cursor: 'c', signal: expect.any(AbortSignal) }])
    expect(await listing.count()).toBe(1)
  })

  function origin(): number {
    start ??= performance.now()
    return start
  }
  let start: number | undefined
})

describe('a process with idle sessions', () => {
  it.each(['answered', 'failed', 'timed-out', 'sweeping'])(
    'REL-33 ends by itself within a second: %s',
    async (mode) => {
      const child = await bundleChild(new URL('../children/idle.ts', import.meta.url))
      const idle = spawn(process.execPath, [child, mode], { stdio: ['ignore', 'pipe', 'inherit'] })
      let output = ''
      idle.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
      const [code] = await once(idle, 'close')
      // The child measures from the end of its work to its exit, so that a slow start does not count.
      expect([code, /^done\n(\d+)\n$/.test(output)]).toEqual([0, true])
      expect(Number(output.split('\n')[1])).toBeLessThan(1000)
    },
  )
})
