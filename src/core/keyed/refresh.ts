import type { StoredRecord } from '../../contract/store.ts'
import { type Engine, sealPurpose } from '../engine.ts'
import type { Batch, State } from '../request/state.ts'

/**
 * Brings a session up to what its key holds now, the batch's changes made on it again.
 *
 * False if it is gone: ended, expired, or moved to a token that this request may not follow to.
 */
export async function refresh(
  engine: Engine,
  state: State,
  batch: Batch,
  latest: StoredRecord | null,
): Promise<boolean> {
  const { key, record } = state
  if (key === null || record === null || latest === null) return false
  if (latest.version <= record.version) return true
  const envelope = engine.settings.codec.decode(latest.payload)
  if (envelope === null || engine.settings.clock() >= latest.expiresAt) return false
  if (envelope.retired === undefined) {
    state.rebase({ key, record: latest }, batch.replay(envelope))
    return true
  }
  const { next, sealedNext } = envelope.retired
  if (next === undefined || sealedNext === undefined || state.token === null) return false
  return follow(engine, state, batch, next, sealedNext)
}

/** Goes on under the token that an automatic rotation has moved the session to. */
async function follow(engine: Engine, state: State, batch: Batch, next: string, sealedNext: string): Promise<boolean> {
  if (state.token === null) return false
  const token = await (await import('../on-demand.ts')).openText(state.token, sealPurpose, sealedNext)
  const record = token === null ? null : await engine.store.read(next)
  const envelope = record === null ? null : engine.settings.codec.decode(record.payload)
  if (token === null || record === null || envelope === null || batch.orphaned) return false
  state.token = token
  state.rotate = false
  if (envelope.retired !== undefined) {
    state.key = next
    state.record = { ...record, version: record.version - 1 }
    return refresh(engine, state, batch, record)
  }
  state.outgoing = { token, created: false }
  state.rebase({ key: next, record }, batch.replay(envelope))
  return true
}
