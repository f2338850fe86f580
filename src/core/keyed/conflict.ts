import type { Outcome } from '../../contract/adapter.ts'
import { SessionError } from '../../errors.ts'
import type { Engine } from '../engine.ts'
import type { State } from '../request/state.ts'
import { idOf } from '../token.ts'

/** How often a commit that meets concurrent writes tries. */
export const mostAttempts = 24

/** Waits longer the more often the writes of other processes came first, and never in step with them. */
export async function onConflict({ listeners, settings }: Engine, { key }: State, attempts: number): Promise<void> {
  const id = key === null ? {} : { id: idOf(key) }
  listeners.emit('conflict', { at: settings.clock(), attempts, ...id })
  if (attempts === 1) return
  const most = Math.min(2 ** attempts, 64)
  const [byte = 0] = settings.random(1)
  await new Promise((resolve) => setTimeout(resolve, (most * byte) / 256))
}

/** What a commit throws that never found the session at rest. */
export function conflictError(): SessionError {
  return new SessionError('SESSION_CONFLICT', `${mostAttempts} tries all met a concurrent write`)
}

/** The changes have nowhere to go, and the client gets no cookie: it may already hold a newer one. */
export function gone({ listeners, settings }: Engine, state: State): Outcome {
  state.regenerate = state.login = state.rotate = false
  state.outgoing = null
  if (state.fault === null) listeners.emit('gone', { at: settings.clock(), ...(state.key && { id: idOf(state.key) }) })
  return 'gone'
}
