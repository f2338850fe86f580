import type { Outcome } from '../../contract/adapter.ts'
import type { Eventually, StoredRecord } from '../../contract/store.ts'
import { andThen } from '../../values/eventually.ts'
import { type Engine, pack } from '../engine.ts'
import { deadline } from '../expiry.ts'
import type { Keeping } from '../keeping.ts'
import type { Batch, State } from '../request/state.ts'
import { conflictError, mostAttempts, onConflict } from './conflict.ts'
import { endSession } from './end.ts'
import { loadKeyed } from './load.ts'
import { move } from './move.ts'
import { placeRecord } from './place.ts'
import type { Lane } from './queue.ts'
import { refresh } from './refresh.ts'

/** Sessions under keys in a store, guarded by the version of each record. */
export function keyedKeeping(engine: Engine): Keeping {
  return {
    inToken: false,
    wellFormed: (text) => engine.tokens.wellFormed(text),
    load: (token) => loadKeyed(engine, token, 0),
    place: async (state) => placeRecord(engine, await pack(engine, state.envelope, 1), state.token),
    replace: (state, batch) => replace(engine, state, batch),
    move: (state, batch) => move(engine, state, batch),
    touch: (state) => touch(engine, state),
    end: (place) => endSession(engine, place),
    takeFlash: async (state, name) => (await import('../on-demand.ts')).takeFlash(engine, state, name),
  }
}

/** Writes the changes over the version they were made on, or makes them again on what came in between. */
function replace(engine: Engine, state: State, batch: Batch): Eventually<Outcome | 'elsewhere'> {
  const { key } = state
  if (key === null) throw new Error('a session without a record cannot be replaced')
  return engine.queue.run(key, (lane) => {
    const replacement = { engine, state, batch, lane, key }
    return lane.latest === undefined ? write(replacement, 1) : rewrite(replacement, lane.latest, 1)
  })
}

interface Replacement {
  readonly engine: Engine
  readonly state: State
  readonly batch: Batch
  readonly lane: Lane
  readonly key: string
}

function write(replacement: Replacement, attempts: number): Eventually<Outcome | 'elsewhere'> {
  const { engine, state, batch, lane, key } = replacement
  const { record } = state
  // Another key has a queue of its own to wait in.
  if (state.key !== key || record === null) return 'elsewhere'
  const now = engine.settings.clock()
  return andThen(pack(engine, state.envelope, record.version + 1, now), (next) => {
    if (next.expiresAt <= now) return 'gone'
    return andThen(engine.store.replace(key, next, record.version), (stored) => {
      if (!stored) return retry(replacement, attempts)
      lane.latest = next
      if (!batch.orphaned) state.record = next
      return 'saved'
    })
  })
}

async function retry(replacement: Replacement, attempts: number): Promise<Outcome | 'elsewhere'> {
  const { engine, state, lane, key } = replacement
  await onConflict(engine, state, attempts)
  if (attempts === mostAttempts) throw conflictError()
  const fresh = await engine.store.read(key)
  lane.latest = fresh
  return rewrite(replacement, fresh, attempts + 1)
}

async function rewrite(
  replacement: Replacement,
  latest: StoredRecord | null,
  attempts: number,
): Promise<Outcome | 'elsewhere'> {
  const { engine, state, batch } = replacement
  return (await refresh(engine, state, batch, latest)) ? write(replacement, attempts) : 'gone'
}

function touch(engine: Engine, state: State): Eventually<Outcome> {
  const { store, settings } = engine
  const { key, record } = state
  if (key === null || record === null) return 'nothing'
  const expiresAt = deadline(state.envelope, settings.clock(), settings.timeouts)
  if (expiresAt <= record.expiresAt) return 'nothing'
  return andThen(store.touch(key, expiresAt), (touched) => {
    if (!touched) return 'gone'
    if (state.record === record) state.record = { ...record, expiresAt }
    return 'touched'
  })
}
