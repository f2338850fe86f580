import type { StoredRecord } from '../../contract/store.ts'
import { isOutage } from '../../errors.ts'
import type { EngineParts } from '../parts.ts'
import type { Base } from '../persistence.ts'
import { tombstoneIn } from '../record/read.ts'
import { renamed } from '../record/write.ts'
import type { Slot } from '../store/commit-queue.ts'
import { conflictError, mostAttempts } from './conflict.ts'
import { replaceKnown } from './known.ts'

const mostTries = 3

/** A move whose tombstone may be stored or not, under the key of `base`. */
export interface Doubtful {
  readonly base: Base
  /** The key that it leads to. */
  readonly successor: string
}

/**
 * Takes a move back of which it is not known whether its tombstone is stored: the request has failed, so its client goes on
 * with the old token, and must find the session there.
 *
 * Nothing waits for it. The old record is written once more over itself: a tombstone that is still on its way then finds
 * another version, and what it would have led to can be removed. A tombstone that is stored stays: a token that led nowhere
 * must never lead anywhere again, and a rotation may have been followed.
 */
export function takeBack(engine: EngineParts, doubtful: Doubtful): void {
  const work = async (): Promise<void> => {
    for (let tries = 1; tries <= mostTries; tries++) {
      try {
        await engine.queue.run(doubtful.base.key, (slot) => restore(engine, slot, doubtful))
        return
      } catch (error) {
        // The store is not back yet; what fails for the last time leaves a record that expires.
        if (!isOutage(error) || tries === mostTries) return
        await pause(engine.settings.storeTimeout * tries)
      }
    }
  }
  void engine.queue.watch(work())
}

async function restore(engine: EngineParts, slot: Slot, { base: { key, record }, successor }: Doubtful): Promise<void> {
  const { store } = engine
  for (let attempt = 1; attempt <= mostAttempts; attempt++) {
    const latest: StoredRecord | null = await store.read(key)
    const next = tombstoneIn(latest)?.next
    if (next === successor) return
    const isSettled = latest?.version !== record.version
    const restored = { ...renamed(record), version: record.version + 1 }
    if (isSettled || (await replaceKnown(engine, key, restored, record.version))) {
      if (!isSettled) slot.latest = restored
      await store.delete(successor)
      return
    }
  }
  throw conflictError()
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    ;(timer as { unref?(): void }).unref?.()
  })
}
