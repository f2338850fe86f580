import type { Outcome } from '../../contract/adapter.ts'
import type { Envelope } from '../../contract/codec.ts'
import type { StoredRecord } from '../../contract/store.ts'
import { type Engine, freshEnvelope, ownerOf, pack, retiredMs, sealPurpose } from '../engine.ts'
import { absoluteDeadline } from '../expiry.ts'
import type { Batch, Placed, State } from '../request/state.ts'
import { idOf } from '../token.ts'
import { conflictError, mostAttempts, onConflict } from './conflict.ts'
import { placeRecord } from './place.ts'
import { refresh } from './refresh.ts'

/**
 * Moves a session to a new token: writes it under the new key, then retires the old one.
 *
 * What another request writes to the old key in between is carried over before the old key can be retired. A crash
 * between the two steps leaves a record that nobody holds a token for. When another request has retired the old key
 * first, the new record is removed again: one successor lives. `elsewhere` means that the state has followed there.
 */
export async function move(engine: Engine, state: State, batch: Batch): Promise<Outcome | 'elsewhere'> {
  const { settings, store, queue, listeners } = engine
  const { key, token } = state
  if (key === null || token === null) throw new Error('a session without a record cannot be moved')
  const automatic = !state.regenerate
  return queue.run(key, async (lane) => {
    if (lane.latest !== undefined && !(await refresh(engine, state, batch, lane.latest))) return 'gone'
    if (state.key !== key) return 'elsewhere'
    const now = settings.clock()
    state.envelope.rotatedAt = now
    let successor = await placeRecord(engine, await pack(engine, state.envelope, 1))
    const sealedNext = automatic
      ? await import('../on-demand.ts').then((it) => it.sealText(token, sealPurpose, successor.token))
      : undefined
    for (let attempt = 1; attempt <= mostAttempts && state.record !== null; attempt++) {
      const retired = { at: now, next: successor.key, ...(sealedNext === undefined ? {} : { sealedNext }) }
      const payload = settings.codec.encode({ ...freshEnvelope(now), retired })
      const mark = {
        payload,
        version: state.record.version + 1,
        expiresAt: remembered(engine, state.envelope, automatic),
      }
      const replaced = await store.replace(key, mark, state.record.version)
      if (!replaced) await onConflict(engine, state, attempt)
      const fresh = replaced ? mark : await store.read(key)
      lane.latest = fresh
      // A client that repeats a write whose answer it lost is told that it came too late: by its own mark.
      if (replaced || successorIn(engine, fresh) === successor.key) {
        // Whoever ends the session finds the successor by the mark.
        if (!batch.orphaned) state.settle(successor, false, batch.asked)
        const facts = { at: now, id: idOf(successor.key), previousId: idOf(key), automatic }
        listeners.emit('rotated', { ...facts, ...ownerOf(state.envelope) })
        return 'moved'
      }
      const alive = await refresh(engine, state, batch, fresh)
      if (!alive || state.key !== key) {
        await store.delete(successor.key)
        return alive ? 'elsewhere' : 'gone'
      }
      state.envelope.rotatedAt = now
      successor = await rewrite(engine, successor, state.envelope)
    }
    await store.delete(successor.key)
    if (batch.orphaned) return 'gone'
    throw conflictError()
  })
}

function successorIn({ settings }: Engine, record: StoredRecord | null): string | undefined {
  return record === null ? undefined : settings.codec.decode(record.payload)?.retired?.next
}

async function rewrite(engine: Engine, { token, key, record }: Placed, envelope: Envelope): Promise<Placed> {
  const next = await pack(engine, envelope, record.version + 1)
  if (await engine.store.replace(key, next, record.version)) return { token, key, record: next }
  throw conflictError()
}

/** How long a retired key must be known: while requests that carry it run, or, after a rotation, to notice a thief. */
function remembered({ settings }: Engine, envelope: Envelope, automatic: boolean): number {
  const until = settings.clock() + (automatic ? Math.max(settings.rotateEvery, retiredMs) : retiredMs)
  return Math.min(until, Math.max(absoluteDeadline(envelope, settings.timeouts), settings.clock() + 1))
}
