import type { Eventually, StoredRecord } from '../../contract/store.ts'
import { isOutage, type SessionError } from '../../errors.ts'

/** What the commits of one key hand to those that wait behind them. */
export interface Slot {
  /** The record that the commit before has stored, null if it ended the session, undefined if it is not known. */
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
  readonly #slots = new Map<string, Slot>()
  readonly #untracked = new Set<Promise<unknown>>()

  /** Runs `work` when all that were queued for the key before it are done: at once, if there are none. */
  run<Result>(key: string, work: (slot: Slot) => Eventually<Result>): Eventually<Result> {
    const slot = this.#slots.get(key)
    if (slot !== undefined) return this.#queue(key, slot, takeSlot(slot, work))
    const free: Slot = { latest: undefined, fault: undefined, users: 0, last: undefined }
    const result = work(free)
    // No other commit can have come in between, so a slot that was not needed is not kept.
    return result instanceof Promise ? this.#queue(key, free, result) : result
  }

  /** For work that needs no slot, because no other commit can have its key. Only `idle` waits for it. */
  watch<Result>(work: Promise<Result>): Promise<Result> {
    this.#untracked.add(work)
    const done = () => this.#untracked.delete(work)
    work.then(done, done)
    return work
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#slots.size + this.#untracked.size > 0) {
      await Promise.allSettled([...Array.from(this.#slots.values(), (slot) => slot.last), ...this.#untracked])
    }
  }

  #queue<Result>(key: string, slot: Slot, turn: Promise<Result>): Promise<Result> {
    this.#slots.set(key, slot)
    slot.users++
    slot.last = turn
    // This handler is registered first, so it runs first: before the caller's and before the next in the queue.
    turn.then(
      () => this.#leave(key, slot),
      (error) => {
        if (isOutage(error)) slot.fault = error
        this.#leave(key, slot)
      },
    )
    return turn
  }

  #leave(key: string, slot: Slot): void {
    if (--slot.users === 0) this.#slots.delete(key)
  }
}

async function takeSlot<Result>(slot: Slot, work: (slot: Slot) => Eventually<Result>): Promise<Result> {
  await slot.last?.then(ignore, ignore)
  if (slot.fault !== undefined) throw slot.fault
  return work(slot)
}

function ignore(): void {
  // The caller of that commit handles its failure.
}
