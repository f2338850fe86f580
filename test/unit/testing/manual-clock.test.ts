import { expect, it } from 'vitest'
import { manualClock } from '../../../src/testing/manual-clock.ts'

it('manualClock: stands still, moves by hand, forth and back', () => {
  const clock = manualClock(1000)
  expect([clock(), clock()]).toEqual([1000, 1000])
  clock.advance(5)
  expect(clock()).toBe(1005)
  clock.advance(-10)
  expect(clock()).toBe(995)
  clock.set(42)
  expect(clock()).toBe(42)
})

it('manualClock: starts at the same instant every time, and clocks are independent', () => {
  const [one, other] = [manualClock(), manualClock()]
  one.advance(1)
  expect([one(), other()]).toEqual([Date.UTC(2030, 0, 1) + 1, Date.UTC(2030, 0, 1)])
})

it('manualClock: refuses an instant that is not a finite number, and stays where it was', () => {
  const clock = manualClock(1000)
  for (const ms of [Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => manualClock(ms)).toThrow(RangeError)
    expect(() => clock.set(ms)).toThrow(RangeError)
    expect(() => clock.advance(ms)).toThrow(RangeError)
  }
  expect(clock()).toBe(1000)
})
