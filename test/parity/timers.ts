import { vi } from 'vitest'

/**
 * Lets `ms` pass for timers, and then everything happen that follows until `done`; without it, what would follow
 * within some turns of the event loop.
 */
export type Pass = (ms: number, done?: () => boolean) => Promise<void>

const someTurns = 200

/** Lets timers run when the test says so; everything else keeps its own time. */
export async function withTimers(play: (pass: Pass) => Promise<void>): Promise<void> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    await play(async (ms, done) => {
      await vi.advanceTimersByTimeAsync(ms)
      // Files take turns of the event loop that no timer tells of.
      for (let turn = 0; done === undefined ? turn < someTurns : !done(); turn++) {
        await new Promise((resolve) => setImmediate(resolve))
        await vi.advanceTimersByTimeAsync(0)
      }
    })
  } finally {
    vi.useRealTimers()
  }
}
