import type { Eventually, StoredRecord } from '../../contract/store.ts'
import { isOutage, type SessionError } from '../../errors.ts'

/** What the commits of one key tell those behind them. */
export interface Lane {
  /** The record that the commit before has stored, null if it ended the session, undefined if nobody knows. */
  latest: StoredRecord | null | undefined
  /** Why the store failed the commit before: those who waited for it fail alike instead of each waiting in turn. */
  fault: SessionError | undefined
  /** How many are at work or waiting. */
  users: number
  last: Promise<unknown> | undefined
}

/**
 * Lets the commits of one key pass one after another within this process, and hands each the record that the one before
 * it has stored, so that those that wait meet no conflict.
 */
export class CommitQueue {
  readonly #lanes = new Map<string, Lane>()
  readonly #turnless = new Set<Promise<unknown>>()

  /** Runs `work` when all that were queued for the key before it are done: at once, if there are none. */
  run<Result>(key: string, work: (lane: Lane) => Eventually<Result>): Eventually<Result> {
    const lane = this.#lanes.get(key)
    if (lane !== undefined) return this.#queue(key, lane, takeTurn(lane, work))
    const free: Lane = { latest: undefined, fault: undefined, users: 0, last: undefined }
    const result = work(free)
    // Nobody can have come in between, so a lane that was never needed is never made known.
    return result instanceof Promise ? this.#queue(key, free, result) : result
  }

  /** Takes no turn, for nobody else has the key yet; only `idle` waits for it. */
  watch<Result>(work: Promise<Result>): Promise<Result> {
    this.#turnless.add(work)
    const done = () => this.#turnless.delete(work)
    work.then(done, done)
    return work
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#lanes.size + this.#turnless.size > 0) {
      await Promise.allSettled([...Array.from(this.#lanes.values(), (lane) => lane.last), ...this.#turnless])
    }
  }

  #queue<Result>(key: string, lane: Lane, turn: Promise<Result>): Promise<Result> {
    this.#lanes.set(key, lane)
    lane.users++
    lane.last = turn
    // Asked first, so it is told first: before the caller and before the next in turn.
    turn.then(
      () => this.#leave(key, lane),
      (error) => {
        if (isOutage(error)) lane.fault = error
        this.#leave(key, lane)
      },
    )
    return turn
  }

  #leave(key: string, lane: Lane): void {
    if (--lane.users === 0) this.#lanes.delete(key)
  }
}

async function takeTurn<Result>(lane: Lane, work: (lane: Lane) => Eventually<Result>): Promise<Result> {
  await lane.last?.then(ignore, ignore)
  if (lane.fault !== undefined) throw lane.fault
  return work(lane)
}

function ignore(): void {
  // Whoever asked for that commit has been told.
}
