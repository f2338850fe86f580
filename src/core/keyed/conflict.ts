import { SessionError } from '../../errors.ts'
import type { EngineParts } from '../parts.ts'
import { idOf } from '../token.ts'

/** How often a commit that meets concurrent writes tries. */
export const mostAttempts = 24

/** Waits longer the more often the writes of other processes came first, and never in step with them. */
export async function onConflict({ listeners, settings }: EngineParts, key: string, attempts: number): Promise<void> {
  listeners.emit('conflict', { at: settings.clock(), attempts, id: idOf(key) })
  if (attempts === 1) return
  const most = Math.min(2 ** attempts, 64)
  const [byte = 0] = settings.random(1)
  await new Promise((resolve) => setTimeout(resolve, (most * byte) / 256))
}

/** What a commit throws that never found the session at rest. */
export function conflictError(): SessionError {
  return new SessionError(
    'SESSION_CONFLICT',
    `${mostAttempts} attempts all met a concurrent write. Nothing was stored: trying again is safe.`,
  )
}
