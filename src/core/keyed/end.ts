import { type Engine, freshEnvelope, ownerOf, retiredMs } from '../engine.ts'
import type { Place } from '../request/state.ts'
import { idOf } from '../token.ts'
import { mostAttempts } from './conflict.ts'

/**
 * Ends a session for good, wherever it has moved to since it was opened.
 *
 * Deleting alone would not do: between the look and the deletion another request could move the session to a new key,
 * and the deletion would only remove the sign that points there. So the record is first replaced by an end mark, which
 * no version check of another request survives, and deleted then.
 */
export async function endSession(engine: Engine, place: Place): Promise<void> {
  const { store, queue, listeners, settings } = engine
  const { codec, clock } = settings
  const next = await queue.run(place.key, async (lane) => {
    let latest = lane.latest === undefined ? place.record : lane.latest
    for (let attempt = 1; latest !== null; attempt++) {
      const envelope = codec.decode(latest.payload)
      if (envelope?.retired !== undefined) return envelope.retired.next ?? null
      const payload = codec.encode({ ...freshEnvelope(clock()), retired: { at: clock() } })
      const mark = { payload, version: latest.version + 1, expiresAt: clock() + retiredMs }
      if (attempt > mostAttempts || (await store.replace(place.key, mark, latest.version))) {
        lane.latest = null
        engine.ended.add(place.key, clock())
        await store.delete(place.key)
        listeners.emit('destroyed', { at: clock(), id: idOf(place.key), ...ownerOf(envelope ?? {}) })
        return null
      }
      latest = await store.read(place.key)
    }
    lane.latest = null
    return null
  })
  if (next === null) return
  const record = await store.read(next)
  if (record !== null) await endSession(engine, { key: next, record })
}
