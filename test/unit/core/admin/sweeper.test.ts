import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startSweeper } from '../../../../src/core/admin/sweeper.ts'
import { createSessions, type SessionEvents } from '../../../../src/index.ts'
import { faultyStore, manualClock, memoryStore } from '../../../../src/testing/index.ts'
import { tokenWith } from '../../../fixtures/visits.ts'

const minute = 60_000
const middle = () => Uint8Array.of(127.5)

describe('an interval', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.UTC(2030, 0, 1, 12, 7) })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('F17 sweeps again and again, each time the interval after the sweep before, until it is stopped', async () => {
    let sweeps = 0
    const sweeper = await startSweeper('30m', middle, async () => {
      sweeps++
      await new Promise((resolve) => setTimeout(resolve, 10 * minute))
    })
    await vi.advanceTimersByTimeAsync(29 * minute)
    expect(sweeps).toBe(0)
    await vi.advanceTimersByTimeAsync(2 * minute)
    expect(sweeps).toBe(1)
    await vi.advanceTimersByTimeAsync(38 * minute)
    expect(sweeps).toBe(1)
    await vi.advanceTimersByTimeAsync(3 * minute)
    expect(sweeps).toBe(2)
    sweeper.stop()
    sweeper.stop()
    await vi.advanceTimersByTimeAsync(600 * minute)
    expect([sweeps, vi.getTimerCount()]).toEqual([2, 0])
  })

  it('stopped in the midst of a sweep it does not begin another', async () => {
    let sweeps = 0
    const sweeper = await startSweeper(1000, middle, async () => {
      sweeps++
      sweeper.stop()
    })
    await vi.advanceTimersByTimeAsync(minute)
    expect([sweeps, vi.getTimerCount()]).toEqual([1, 0])
  })

  it.each([
    [0, 0.9],
    [255, 1.1],
  ])('REL-31 varies by a tenth, so that nodes do not stay in step: %i', async (byte, factor) => {
    let sweeps = 0
    const sweeper = await startSweeper(
      '100s',
      () => Uint8Array.of(byte),
      async () => {
        sweeps++
      },
    )
    await vi.advanceTimersByTimeAsync(100_000 * factor - 1)
    expect(sweeps).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(sweeps).toBe(1)
    sweeper.stop()
  })

  it('REL-28 longer than a timer can count is waited for, not fired at once', async () => {
    let sweeps = 0
    const sweeper = await startSweeper('60d', middle, async () => {
      sweeps++
    })
    await vi.advanceTimersByTimeAsync(59 * 24 * 60 * minute)
    expect(sweeps).toBe(0)
    await vi.advanceTimersByTimeAsync(2 * 24 * 60 * minute)
    expect(sweeps).toBe(1)
    sweeper.stop()
  })

  it('REL-33 keeps no process alive', async () => {
    const timers = vi.spyOn(globalThis, 'setTimeout')
    const sweeper = await startSweeper('30m', middle, async () => undefined)
    const timer = timers.mock.results[0]?.value as NodeJS.Timeout
    expect(timer.hasRef()).toBe(false)
    sweeper.stop()
    timers.mockRestore()
  })

  it('goes on after a sweep that failed, and reports it', async () => {
    const store = faultyStore(memoryStore())
    const events: SessionEvents['store-error'][] = []
    const swept: unknown[] = []
    const sessions = createSessions({
      store,
      random: (length) => new Uint8Array(length).fill(127),
      on: { 'store-error': (event) => events.push(event), swept: (event) => swept.push(event) },
    })
    await sessions.startSweeper({ every: '1m' })
    store.faults.fail('sweep', { times: 2 })
    await vi.advanceTimersByTimeAsync(3.5 * minute)
    expect(events.map(({ operation }) => operation)).toEqual(['sweep', 'sweep'])
    expect(swept).toHaveLength(1)
    await sessions.close()
    await vi.advanceTimersByTimeAsync(60 * minute)
    expect([swept.length, vi.getTimerCount()]).toEqual([1, 0])
  })

  it('F17 a cron expression sweeps when it says', async () => {
    const at: string[] = []
    const sweeper = await startSweeper('*/30 * * * *', middle, async () => {
      at.push(new Date().toISOString().slice(11, 16))
    })
    await vi.advanceTimersByTimeAsync(120 * minute)
    sweeper.stop()
    await vi.advanceTimersByTimeAsync(120 * minute)
    expect(at).toEqual(['12:30', '13:00', '13:30', '14:00'])
  })

  it('F17 a cron expression does not begin a second sweep while one runs', async () => {
    let running = 0
    let most = 0
    const sweeper = await startSweeper('* * * * *', middle, async () => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5 * minute))
      running--
    })
    await vi.advanceTimersByTimeAsync(30 * minute)
    sweeper.stop()
    expect(most).toBe(1)
  })
})

describe('what is no interval', () => {
  it.each([
    ...['', ' ', '30', 'never', '30 m', '-1m', '0', '0s', 'every day', '* * *', '60 * * * *', '* * * * * * * *'],
    ...['*/0 * * * *', '99 99 99 99 99', '\n', '@sometimes', '31 2 30 2 x'],
    ...[0, -1, Number.NaN, Infinity],
  ])('%j is refused with what to do', async (every) => {
    const sessions = createSessions()
    await expect(sessions.startSweeper({ every })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/^every is .*'30m'/s),
    })
  })

  it.each(['30m', '1h30m', 60_000, '@hourly', '*/30 * * * *', '0 3 * * 1-5', '*/10 * * * * *', ' 0 3 * * * '])(
    '%j is accepted',
    async (every) => {
      const sweeper = await createSessions().startSweeper({ every })
      sweeper.stop()
    },
  )

  it('a store that cannot sweep is refused with a sentence', async () => {
    const { read, create, replace, touch, delete: remove } = memoryStore()
    const sessions = createSessions({ store: { name: 'plain', read, create, replace, touch, delete: remove } })
    for (const call of [() => sessions.sweep(), () => sessions.startSweeper({ every: '1m' })]) {
      await expect(call()).rejects.toMatchObject({ code: 'UNSUPPORTED', message: expect.stringContaining('"plain"') })
    }
  })
})

describe('a sweep', () => {
  it('L14 removes all expired records in batches, tells how many, and lets others in between', async () => {
    const clock = manualClock()
    const store = faultyStore(memoryStore({ clock }))
    const events: SessionEvents['swept'][] = []
    const sessions = createSessions({ store, clock, on: { swept: (event) => events.push(event) } })
    const record = { payload: 'p', version: 1, expiresAt: clock() + 1 }
    for (let at = 0; at < 2500; at++) await store.create(`a-key-of-a-record-${at}`, record)
    const token = await tokenWith(sessions, { name: 'Ada' })
    clock.advance(minute)
    store.calls.length = 0
    let turns = 0
    let done = false
    const count = () => {
      turns++
      if (!done) setImmediate(count)
    }
    count()
    expect(await sessions.sweep()).toBe(2500)
    done = true
    expect(store.calls.map(({ operation }) => operation)).toEqual(['sweep', 'sweep', 'sweep'])
    expect(turns).toBeGreaterThan(2)
    expect(events).toEqual([{ type: 'swept', at: clock(), removed: 2500, durationMs: expect.any(Number) }])
    expect((await sessions.open(token)).get('name')).toBe('Ada')
  })

  it('REL-33 ends after the batch under way when the sessions are closed', async () => {
    const clock = manualClock()
    const store = faultyStore(memoryStore({ clock }))
    const sessions = createSessions({ store, clock })
    for (let at = 0; at < 3000; at++) {
      await store.create(`a-key-of-a-record-${at}`, { payload: 'p', version: 1, expiresAt: clock() + 1 })
    }
    clock.advance(minute)
    const held = store.faults.hold('sweep', { times: 1 })
    store.calls.length = 0
    const sweep = sessions.sweep()
    await held.reached
    const closed = sessions.close()
    held.release()
    await Promise.all([sweep, closed])
    expect(store.calls.filter(({ operation }) => operation === 'sweep')).toHaveLength(1)
  })
})
