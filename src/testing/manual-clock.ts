/** A clock that stands still until it is told to move. Hand it over wherever a `clock` is asked for. */
export interface ManualClock {
  /** Epoch ms. */
  (): number
  /** Moves it by so many ms, back if negative. */
  advance(ms: number): void
  /** Sets it to an instant, epoch ms. */
  set(ms: number): void
}

/**
 * Makes a clock that a test moves by hand.
 *
 * It starts at `start`, epoch ms; default 2030-01-01T00:00:00Z. An instant that is not a finite number throws a
 * `RangeError`.
 */
export function manualClock(start: number = Date.UTC(2030, 0, 1)): ManualClock {
  let now = instant(start)
  return Object.assign(() => now, {
    advance(ms: number): void {
      now = instant(now + ms)
    },
    set(ms: number): void {
      now = instant(ms)
    },
  })
}

function instant(ms: number): number {
  if (!Number.isFinite(ms)) throw new RangeError(`A manual clock needs a finite number of ms, not ${ms}.`)
  return ms
}
