import type { StoredRecord } from '../contract/store.ts'
import { isOutage, type SessionError } from '../errors.ts'

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
 * Lets the commits of one key pass one after another within this process, so that conflicts arise only between
 * processes, and hands each the record that the one before it has stored.
 */
export class CommitQueue {
  readonly #lanes = new Map<string, Lane>()

  /** Runs `work` when all that were queued for the key before it are done. */
  run<Result>(key: string, work: (lane: Lane) => Promise<Result>): Promise<Result> {
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = { latest: undefined, fault: undefined, users: 0, last: undefined }
      this.#lanes.set(key, lane)
    }
    const turn = this.#turn(key, lane, lane.last, work)
    lane.last = turn
    return turn
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#lanes.size > 0) await Promise.allSettled(Array.from(this.#lanes.values(), (lane) => lane.last))
  }

  async #turn<Result>(
    key: string,
    lane: Lane,
    previous: Promise<unknown> | undefined,
    work: (lane: Lane) => Promise<Result>,
  ): Promise<Result> {
    lane.users++
    try {
      if (previous !== undefined) await previous.then(ignore, ignore)
      if (lane.fault !== undefined) throw lane.fault
      return await work(lane)
    } catch (error) {
      if (isOutage(error)) lane.fault = error
      throw error
    } finally {
      if (--lane.users === 0) this.#lanes.delete(key)
    }
  }
}

function ignore(): void {
  // Whoever asked for that commit has been told.
}
