import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Timeouts } from '../../../../src/core/options.ts'
import { absoluteDeadline, deadline, isStale, lastSeen, renewAfterOf } from '../../../../src/core/record/expiry.ts'
import { dataOf, systemOf, tokenOf, visit } from '../system.ts'

const timeouts: Timeouts = { idle: 1000, anonymousIdle: 100, absolute: 5000, renewAfter: 50 }
const record = (expiresAt: number) => ({ payload: '', version: 1, expiresAt })
const ada = { createdAt: 10_000, authenticatedAt: 12_000, userId: 'ada' }
const nobody = { createdAt: 10_000 }

describe('expiry', () => {
  it('the absolute lifetime begins with the creation, and anew with the last sign-in', () => {
    expect(absoluteDeadline(nobody, timeouts)).toBe(15_000)
    expect(absoluteDeadline(ada, timeouts)).toBe(17_000)
  })

  it('the deadline is the nearer of idle and absolute, idle being shorter while nobody is signed in', () => {
    expect(deadline(nobody, 10_000, timeouts)).toBe(10_100)
    expect(deadline(ada, 12_000, timeouts)).toBe(13_000)
    expect(deadline(ada, 16_000, timeouts)).toBe(17_000)
    expect(deadline(ada, 16_001, timeouts)).toBe(17_000)
    expect(deadline(ada, 99_000, timeouts)).toBe(17_000)
  })

  it('a deadline is due from renewAfter on, to the millisecond', () => {
    expect(isStale(ada, record(13_000), 12_049, timeouts)).toBe(false)
    expect(isStale(ada, record(13_000), 12_050, timeouts)).toBe(true)
    // At the end of the absolute lifetime there is nothing to gain.
    expect(isStale(ada, record(17_000), 16_999, timeouts)).toBe(false)
    expect(isStale(ada, record(16_951), 16_990, timeouts)).toBe(false)
    expect(isStale(ada, record(16_950), 16_990, timeouts)).toBe(true)
  })

  it('the last use is derived from the deadline, and lies between the creation and now', () => {
    expect(lastSeen(ada, record(13_500), 12_600, timeouts)).toBe(12_500)
    expect(lastSeen(ada, record(9_000), 12_600, timeouts)).toBe(10_000)
    expect(lastSeen(ada, record(99_000), 12_600, timeouts)).toBe(12_600)
    expect(lastSeen(nobody, record(10_100), 10_050, timeouts)).toBe(10_000)
  })

  it('REL-15 REL-29 whatever the times: never beyond the absolute deadline, never less than promised', () => {
    const time = fc.integer({ min: 0, max: 1e6 })
    const length = fc.integer({ min: 1, max: 1e5 })
    fc.assert(
      fc.property(
        fc.record({ idle: length, anonymousIdle: length, absolute: length, renewAfter: length }),
        fc.record({
          createdAt: time,
          authenticatedAt: fc.option(time, { nil: undefined }),
          userId: fc.constantFrom('ada', undefined),
        }),
        time,
        time,
        (times, facts, now, later) => {
          const life = { ...facts, authenticatedAt: facts.authenticatedAt } as typeof nobody
          const end = absoluteDeadline(life, times)
          const at = deadline(life, now, times)
          expect(at).toBeLessThanOrEqual(end)
          expect(at === end || at === now + (facts.userId === undefined ? times.anonymousIdle : times.idle)).toBe(true)
          // A clock that goes back shortens at most, and never extends.
          if (later < now) expect(deadline(life, later, times)).toBeLessThanOrEqual(at)
          // What is not due would have gained less than renewAfter, which is shorter where the idle timeout is.
          const gained = deadline(life, later, times) - at
          const share = facts.userId === undefined ? times.anonymousIdle / times.idle : 1
          expect(isStale(life, record(at), later, times)).toBe(gained >= renewAfterOf(life, times))
          expect(renewAfterOf(life, times)).toBeCloseTo(times.renewAfter * share, 6)
          expect(lastSeen(life, record(at), later, times)).toBeLessThanOrEqual(later)
        },
      ),
    )
  })

  it('while nobody is signed in a deadline is due in proportion to the shorter idle timeout', () => {
    // A tenth of the idle timeout in both cases: 100 of 1000, and 10 of 100.
    const times = { ...timeouts, renewAfter: 100 }
    expect([renewAfterOf(ada, times), renewAfterOf(nobody, times)]).toEqual([100, 10])
    expect(isStale(nobody, record(10_100), 10_009, times)).toBe(false)
    expect(isStale(nobody, record(10_100), 10_010, times)).toBe(true)
    // To the letter where there is one timeout for both.
    const same = { ...times, anonymousIdle: times.idle, renewAfter: 333 }
    expect([renewAfterOf(ada, same), renewAfterOf(nobody, same)]).toEqual([333, 333])
  })

  it.each([
    [60, 30],
    [30, 60],
    [30, 2],
    [30, 1],
  ])('whoever comes often enough keeps the session, signed in (%i min) or not (%i min)', async (idle, anonymous) => {
    const system = await systemOf({
      idleTimeout: `${idle}m`,
      limits: { anonymousIdleTimeout: `${anonymous}m` },
      absoluteTimeout: '12h',
    })
    for (const [userId, minutes] of [
      ['ada', idle],
      [undefined, anonymous],
    ] as const) {
      const token = await tokenOf(system, { a: 1 }, userId)
      let touches = 0
      for (let visits = 0; visits < 40; visits++) {
        system.clock.advance((minutes * 60_000) / 20)
        if ((await visit(system, token)).outcome === 'touched') touches++
        expect(await dataOf(system, token)).toEqual({ a: 1 })
      }
      // A tenth of the timeout is every second visit.
      expect(touches).toBe(20)
      system.clock.advance(minutes * 60_000)
      expect(await dataOf(system, token)).toBeNull()
    }
  })
})
