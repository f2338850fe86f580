import type { Abortable } from './settle.ts'

/** A time for each key, epoch ms. */
export type Deadlines = ReadonlyMap<string, number>

/** Notes keys of one owner, each with its deadline; answers until when each note stays. */
export type NoteAll = (userId: string, deadlines: Deadlines, signal: Abortable) => Promise<Deadlines>

/** Notes one key; answers until when the note stays. */
export type Note = (userId: string, key: string, expiresAt: number, signal?: AbortSignal) => Promise<number>

/** Keys of one owner that are noted in one write. */
interface Batch {
  readonly added: Map<string, number>
  /** Of each call that shares it, if it has one. */
  readonly signals: (AbortSignal | undefined)[]
  readonly done: Promise<Deadlines>
}

/**
 * Keys of one owner that come while a write for that owner is under way go together in the next, or many sign-ins at
 * once would make each other's conditional writes fail in turn.
 */
export function inBatches(write: NoteAll): Note {
  const running = new Map<string, Promise<unknown>>()
  const waiting = new Map<string, Batch>()

  function open(userId: string): Batch {
    const added: Batch['added'] = new Map()
    const signals: Batch['signals'] = []
    // One call that is given up must not take the others with it.
    const signal = {
      throwIfAborted() {
        if (signals.every((each) => each?.aborted)) signals[0]?.throwIfAborted()
      },
    }
    const start = async (): Promise<Deadlines> => {
      waiting.delete(userId)
      const written = write(userId, added, signal)
      running.set(userId, written)
      try {
        return await written
      } finally {
        if (running.get(userId) === written) running.delete(userId)
      }
    }
    const before = running.get(userId) ?? Promise.resolve()
    const batch = { added, signals, done: before.then(start, start) }
    waiting.set(userId, batch)
    return batch
  }

  return async (userId, key, expiresAt, signal) => {
    const { added, signals, done } = waiting.get(userId) ?? open(userId)
    added.set(key, Math.max(expiresAt, added.get(key) ?? expiresAt))
    signals.push(signal)
    const until = (await done).get(key)
    signal?.throwIfAborted()
    return until ?? expiresAt
  }
}
