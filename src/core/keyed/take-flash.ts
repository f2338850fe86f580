import { messageIn } from '../changes/flash.ts'
import { type Engine, pack } from '../engine.ts'
import type { State } from '../request/state.ts'
import { conflictError, mostAttempts, onConflict } from './conflict.ts'

/**
 * Removes a flash message from the store at once and returns it: of several requests exactly one gets it.
 *
 * Only the message is removed; the other changes of the request keep waiting for its commit.
 */
export async function takeFlash(engine: Engine, state: State, name: string): Promise<unknown> {
  const { key, record } = state
  if (key === null || record === null) return undefined
  return engine.queue.run(key, async (lane) => {
    let latest = lane.latest === undefined ? record : lane.latest
    for (let attempt = 1; attempt <= mostAttempts; attempt++) {
      const envelope = latest === null ? null : engine.settings.codec.decode(latest.payload)
      const message = messageIn(envelope?.flash, name)
      if (latest === null || envelope === null || message === undefined) return undefined
      delete envelope.flash?.[name]
      const next = await pack(engine, envelope, latest.version + 1)
      if (next.expiresAt <= engine.settings.clock()) return undefined
      if (await engine.store.replace(key, next, latest.version)) {
        lane.latest = next
        if (state.key === key) state.rebase({ key, record: next }, envelope)
        return message.value
      }
      await onConflict(engine, state, attempt)
      latest = await engine.store.read(key)
    }
    throw conflictError()
  })
}
