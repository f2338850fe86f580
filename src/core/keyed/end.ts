import type { EngineParts } from '../parts.ts'
import type { Ending, Place } from '../persistence.ts'
import { identityOf } from '../record/contents.ts'
import { factsIn, tombstoneIn } from '../record/read.ts'
import { packTombstone, retiredMs } from '../record/write.ts'
import type { Slot } from '../store/commit-queue.ts'
import { idOf } from '../token.ts'
import { mostAttempts } from './conflict.ts'
import { replaceKnown } from './known.ts'

/** Tombstones that lead in a circle come from no move. */
const longestChain = 64

/**
 * Ends a session for good, wherever it has moved to since it was found.
 *
 * Deleting alone would not do: between the look and the deletion another request could move the session to a new key,
 * and the deletion would only remove the tombstone that points there. So the record is first replaced by a tombstone,
 * which no version check of another request survives, and deleted then.
 */
export async function endKeyed(engine: EngineParts, place: Place, ending: Ending): Promise<void> {
  let left: Place | null = place
  for (let hops = 0; left !== null && hops < longestChain; hops++) {
    const { key, record }: Place = left
    const next: string | null = await engine.queue.run(key, (slot) => end(engine, slot, { key, record }, ending))
    const successor = next === null ? null : await engine.store.read(next)
    left = next === null || successor === null ? null : { key: next, record: successor }
  }
}

/** Where the session has gone, if it was not ended here. */
async function end(engine: EngineParts, slot: Slot, { key, record }: Place, ending: Ending): Promise<string | null> {
  const { store, settings } = engine
  let latest = slot.latest === undefined ? record : slot.latest
  for (let attempt = 1; latest !== null; attempt++) {
    const present = tombstoneIn(latest)
    if (present !== null) return present.next ?? null
    const facts = factsIn(latest)
    const tombstone = packTombstone(engine, latest, { root: facts?.root ?? '' }, settings.clock() + retiredMs)
    if (attempt > mostAttempts || (await replaceKnown(engine, key, tombstone, latest.version))) {
      slot.latest = null
      engine.ended.add(key, settings.clock())
      const who = facts === null ? {} : identityOf(facts)
      engine.listeners.emit('destroyed', { at: settings.clock(), id: idOf(key), ...who, ...ending })
      await store.delete(key)
      return null
    }
    latest = await store.read(key)
  }
  slot.latest = null
  return null
}
